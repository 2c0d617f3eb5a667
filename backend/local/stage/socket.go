package stage

import (
	"fmt"
	"log/slog"
	"net"
)

// socketBuffer holds a key frame's burst to several hundred subscribers while the kernel works it off.
// The kernel caps it at net.core.wmem_max.
const socketBuffer = 4 << 20

// listen opens the one socket of the server. It is handed on as a net.PacketConn: a type that collects the
// writes of a frame (sendmmsg, UDP segmentation) can take its place without anyone noticing.
func listen(address string, log *slog.Logger) (net.PacketConn, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	local, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return nil, fmt.Errorf("media address %q: %w", address, err)
	}
	conn, err := net.ListenUDP("udp4", local)
	if err != nil {
		return nil, fmt.Errorf("opening the media socket: %w", err)
	}
	for _, set := range []func(int) error{conn.SetReadBuffer, conn.SetWriteBuffer} {
		if err := set(socketBuffer); err != nil {
			log.Warn("media socket keeps its default buffer", "error", err)
		}
	}
	return conn, nil
}
