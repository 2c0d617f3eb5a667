package stage

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"hotseat/backend/local/udpbatch"
)

// socketBuffer holds a key frame's burst to several hundred subscribers while the kernel works it off.
// The kernel caps it at net.core.wmem_max.
const socketBuffer = 4 << 20

// listen opens the socket of a lane.
func listen(address string, log *slog.Logger) (*udpbatch.Conn, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	local, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return nil, fmt.Errorf("media address %q: %w", address, err)
	}
	socket, err := net.ListenUDP("udp4", local)
	if err != nil {
		return nil, fmt.Errorf("opening the media socket: %w", err)
	}
	for _, set := range []func(int) error{socket.SetReadBuffer, socket.SetWriteBuffer} {
		if err := set(socketBuffer); err != nil {
			log.Warn("media socket keeps its default buffer", "error", err)
		}
	}
	conn, err := udpbatch.New(socket)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return conn, nil
}

// anotherPort is any free port of the same host.
func anotherPort(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address // listen says what is wrong with it
	}
	return net.JoinHostPort(host, "0")
}
