// Package udpbatch is a UDP socket for a server that sends the same media to many: a net.PacketConn that
// collects the RTP packets written during a batch and hands them to the kernel in few system calls.
//
// Two things save the work. sendmmsg(2) takes many datagrams in one call; UDP segmentation offload (GSO,
// udp(7), UDP_SEGMENT) takes many packets of one size for one receiver as one datagram, which crosses
// the network stack once and is cut at its end. Where the kernel or the platform lacks either, packets
// leave one by one, and nothing else changes.
//
// What is delivered, dropped, reordered: packets to one address leave in the order in which they were
// written. What is no RTP (STUN, DTLS, RTCP; RFC 7983) leaves at once and may so overtake RTP of a batch
// that is open. A packet that the kernel refuses is counted and dropped, as on any network, and so are
// the packets of a batch that a closed socket cannot send. Nothing is coalesced, and nothing waits for a
// receiver.
//
// The package knows nothing of WebRTC but where RTP can be told from the rest. Under pion it goes where any
// net.PacketConn goes: webrtc.NewICEUDPMux(logger, conn).
package udpbatch

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// maxMessages is the most that one sendmmsg takes (UIO_MAXIOV in the kernel).
	maxMessages = 1024
	// maxSegments is the most packets in one datagram (UDP_MAX_SEGMENTS in kernels before 6.9; 128 since).
	maxSegments = 64
	// maxDatagram bounds a datagram that is to be cut: the length field of IPv4 less both headers (65,507),
	// less what IP options may take.
	maxDatagram = 65_000
	// arenaSize is what a batch holds before it is sent: about 700 packets of a network's usual size, so that
	// the copies still are in the processor's cache when the kernel reads them.
	arenaSize = 1 << 20
	// maxWhole bounds how many receivers are remembered; the others cost a call more for each frame.
	maxWhole = 4096
)

// Conn is a net.PacketConn on a UDP socket. It is safe for use by several goroutines.
type Conn struct {
	*net.UDPConn // everything but WriteTo is the socket's own

	writer  batchWriter
	segment atomic.Bool // the kernel cuts datagrams
	stats   counters

	mu      sync.Mutex // guards what follows; held over the system call, which waits for nobody but the kernel
	open    int        // batches under way
	arena   []byte     // the packets, one after the other
	pending []pending
	calls   []ipv4.Message              // maxMessages of them, reused with their buffers
	to      []receiver                  // of calls, reused
	oob     []byte                      // maxMessages control messages, reused
	whole   map[netip.AddrPort]struct{} // receivers whose way does not take datagrams to be cut
}

// batchWriter is *ipv4.PacketConn or *ipv6.PacketConn: their messages are the same type.
type batchWriter interface {
	WriteBatch(messages []ipv4.Message, flags int) (int, error)
}

// pending is one datagram to be sent: packets of size bytes, of which the last may be shorter.
type pending struct {
	to         netip.AddrPort
	start, end int // in the arena
	size       int
	packets    int
	full       bool // no packet may follow
}

// receiver is an address as messages want it, with room for its bytes.
type receiver struct {
	net.UDPAddr
	bytes [16]byte
}

func (r *receiver) set(to netip.AddrPort) {
	r.IP = append(r.bytes[:0], to.Addr().AsSlice()...)
	r.Port, r.Zone = int(to.Port()), to.Addr().Zone()
}

// counters are Stats while they are counted.
type counters struct{ packets, datagrams, calls, dropped atomic.Uint64 }

// Stats says what a Conn has sent in batches. All are totals.
type Stats struct {
	Packets   uint64 // RTP packets sent
	Datagrams uint64 // what the kernel took them as; equal to Packets without segmentation
	Calls     uint64 // system calls
	Dropped   uint64 // packets that the kernel refused
}

// New makes a Conn of an unconnected UDP socket, which from then on belongs to it.
func New(socket *net.UDPConn) (*Conn, error) {
	local, ok := socket.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("udpbatch: the socket has no address")
	}
	c := &Conn{
		UDPConn: socket, arena: make([]byte, 0, arenaSize), pending: make([]pending, 0, maxMessages),
		calls: make([]ipv4.Message, maxMessages), to: make([]receiver, maxMessages), oob: make([]byte, maxMessages*segmentSpace), whole: map[netip.AddrPort]struct{}{},
	}
	for i := range c.calls {
		c.calls[i].Buffers, c.calls[i].Addr = make([][]byte, 1), &c.to[i].UDPAddr
	}
	if local.IP.To4() != nil {
		c.writer = ipv4.NewPacketConn(socket)
	} else {
		c.writer = ipv6.NewPacketConn(socket)
	}
	segments, err := canSegment(socket)
	if err != nil {
		return nil, fmt.Errorf("udpbatch: asking the kernel for segmentation: %w", err)
	}
	c.segment.Store(segments)
	return c, nil
}

// Segments reports whether the kernel cuts datagrams (Linux 4.18 and later). It becomes false for good when
// the way to a receiver turns out not to support it.
func (c *Conn) Segments() bool { return c.segment.Load() }

// Stats returns what was sent so far.
func (c *Conn) Stats() Stats {
	return Stats{
		Packets: c.stats.packets.Load(), Datagrams: c.stats.datagrams.Load(),
		Calls: c.stats.calls.Load(), Dropped: c.stats.dropped.Load(),
	}
}

// Batch runs write and then sends the RTP packets that were written meanwhile, by whichever goroutine. To
// make most of it, write all packets for one receiver, then those for the next.
func (c *Conn) Batch(write func()) {
	c.mu.Lock()
	c.open++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.open--
		c.flush()
		c.mu.Unlock()
	}()
	write()
}

// WriteTo sends a packet, or, during a Batch, keeps a copy of an RTP packet until it is sent. An error of
// the latter is counted in Stats, not returned.
func (c *Conn) WriteTo(packet []byte, address net.Addr) (int, error) {
	if to, ok := address.(*net.UDPAddr); ok && c.keep(packet, to.AddrPort()) {
		return len(packet), nil
	}
	return c.UDPConn.WriteTo(packet, address)
}

// WriteToAddrPort is WriteTo for callers that have no net.Addr. With ReadFromAddrPort it makes a Conn what
// pion/ice calls an AddrPortReaderWriter, for which it allocates nothing.
func (c *Conn) WriteToAddrPort(packet []byte, to netip.AddrPort) (int, error) {
	if c.keep(packet, to) {
		return len(packet), nil
	}
	return c.WriteToUDPAddrPort(packet, to)
}

// ReadFromAddrPort reads a packet.
func (c *Conn) ReadFromAddrPort(packet []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(packet)
}

// isRTP tells RTP from everything else on a WebRTC socket: the first byte by RFC 7983 section 7, the second
// (the payload type, or RTCP's packet type) by RFC 5761 section 4.
func isRTP(packet []byte) bool {
	return len(packet) >= 12 && packet[0] >= 128 && packet[0] <= 191 && (packet[1] < 192 || packet[1] > 223)
}

// keep copies a packet behind those before it, into the same datagram where it fits. It reports false for
// what is to leave at once.
func (c *Conn) keep(packet []byte, to netip.AddrPort) bool {
	if !isRTP(packet) || len(packet) > maxDatagram {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 {
		return false
	}
	if len(c.arena)+len(packet) > cap(c.arena) {
		c.flush()
	}
	start := len(c.arena)
	c.arena = append(c.arena, packet...)
	if n := len(c.pending); n > 0 {
		last := &c.pending[n-1]
		if !last.full && len(packet) <= last.size && len(c.arena)-last.start <= maxDatagram && last.to == to {
			last.end = len(c.arena)
			last.packets++
			last.full = len(packet) < last.size || last.packets == maxSegments
			return true
		}
	}
	_, whole := c.whole[to]
	c.pending = append(c.pending, pending{
		to: to, start: start, end: len(c.arena), size: len(packet), packets: 1, full: whole || !c.segment.Load(),
	})
	if len(c.pending) == maxMessages {
		c.flush()
	}
	return true
}

// flush sends everything that is kept. c.mu is held.
func (c *Conn) flush() {
	for i := range c.pending {
		p, call := &c.pending[i], &c.calls[i]
		call.Buffers[0], call.OOB = c.arena[p.start:p.end], nil
		c.to[i].set(p.to)
		if p.packets > 1 {
			call.OOB = c.oob[i*segmentSpace : (i+1)*segmentSpace]
			putSegmentSize(call.OOB, p.size)
		}
	}
	for at := 0; at < len(c.pending); {
		sent, err := c.writer.WriteBatch(c.calls[at:len(c.pending)], 0)
		c.stats.calls.Add(1)
		for range max(sent, 0) {
			c.stats.packets.Add(uint64(c.pending[at].packets)) //nolint:gosec // at most maxSegments
			c.stats.datagrams.Add(1)
			at++
		}
		switch {
		case at == len(c.pending) || err == nil:
		case errors.Is(err, net.ErrClosed):
			for ; at < len(c.pending); at++ {
				c.stats.dropped.Add(uint64(c.pending[at].packets)) //nolint:gosec // at most maxSegments
			}
		default: // about the first that was not sent
			c.refused(&c.pending[at], err)
			at++
		}
	}
	c.pending, c.arena = c.pending[:0], c.arena[:0]
}

// refused deals with a datagram that the kernel did not take. One that was to be cut is sent as the packets
// that it is made of, and later ones to that receiver too.
func (c *Conn) refused(p *pending, err error) {
	if p.packets == 1 {
		c.stats.dropped.Add(1)
		return
	}
	switch {
	case neverSegments(err):
		c.segment.Store(false)
	case tooLarge(err) && len(c.whole) < maxWhole: // anything else passes: a route that is gone, a full queue
		c.whole[p.to] = struct{}{}
	}
	for at := p.start; at < p.end; at += p.size {
		c.stats.calls.Add(1)
		if _, err := c.WriteToUDPAddrPort(c.arena[at:min(at+p.size, p.end)], p.to); err != nil {
			c.stats.dropped.Add(1)
			continue
		}
		c.stats.packets.Add(1)
		c.stats.datagrams.Add(1)
	}
}
