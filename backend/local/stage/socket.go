package stage

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/pion/ice/v4"
	"golang.org/x/net/netutil"

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
	local, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMediaAddress, err)
	}
	socket, err := net.ListenUDP(family("udp", local.IP), local)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMediaAddress, err)
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

// family names the one network of an address: a socket of both would tell its IPv4 peers apart from their candidates.
func family(network string, ip net.IP) string {
	if len(ip) == 0 || ip.To4() != nil {
		return network + "4"
	}
	return network + "6"
}

const (
	// tcpQueue bounds what waits for one peer over TCP: 0.7 s of 3 Mbit/s. What does not fit is dropped, up to
	// the next key frame: later it would be of no use to anybody.
	tcpQueue = 256 << 10
	// tcpIncoming is how many packets of one peer may wait to be read.
	tcpIncoming = 64
	// tcpFirst is how long a connection may take to say which session it is of.
	tcpFirst = 5 * time.Second
	// maxTCP bounds connections: MaxSubscribers, and some that come and go.
	maxTCP = 12_000
)

// listenTCP opens the port for ICE over TCP. Its connections are told apart by the username of their first check.
func listenTCP(address string, log *slog.Logger) (*ice.TCPMuxDefault, error) {
	local, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMediaAddress, err)
	}
	listener, err := net.ListenTCP(family("tcp", local.IP), local)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMediaAddress, err)
	}
	return ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: netutil.LimitListener(shortQueues{listener}, maxTCP), Logger: pionLogs{log}.NewLogger("ice-tcp"),
		ReadBufferSize: tcpIncoming, WriteBufferSize: tcpQueue,
		FirstStunBindTimeout: tcpFirst, AliveDurationForConnFromStun: connectTime,
	}), nil
}

// shortQueues keeps the kernel from queueing megabytes for a peer that does not read: what is sent seconds late is
// of no use.
type shortQueues struct{ *net.TCPListener }

// tcpKernelQueue lets 3 Mbit/s through at a round trip of a third of a second.
const tcpKernelQueue = 128 << 10

func (l shortQueues) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	_ = c.SetWriteBuffer(tcpKernelQueue) // without it: a longer queue
	return c, nil
}

// lanePort is the address of a lane: the port configured and those that follow it, so that a firewall or NAT can be told
// of them; or any free ports.
func lanePort(address string, lane int) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // listen says what is wrong with it
	}
	n, err := strconv.Atoi(port)
	if err != nil || n == 0 {
		return net.JoinHostPort(host, port)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+lane))
}
