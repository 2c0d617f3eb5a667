package teststage

import (
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// Impairment is a bad network.
type Impairment struct {
	Loss   float64       // 0 to 1, of packets, at random
	Jitter time.Duration // each packet is late by up to this, so that they overtake each other
	Kbps   int           // of what arrives; more is dropped; 0: no limit
}

// line is a UDP socket that can be cut and made bad.
type line struct {
	net.PacketConn
	cut    atomic.Bool
	impair atomic.Pointer[Impairment]
	in     chan datagram
	bucket bucket // of Read's goroutine
}

type datagram struct {
	data []byte
	from net.Addr
	err  error
}

func newLine(socket net.PacketConn, i Impairment) *line {
	l := &line{PacketConn: socket, in: make(chan datagram, 4096)}
	l.impair.Store(&i)
	go l.pump()
	return l
}

// pump reads the socket, loses, and delays.
func (l *line) pump() {
	buf := make([]byte, 2048)
	for {
		n, from, err := l.PacketConn.ReadFrom(buf)
		if err != nil {
			select {
			case l.in <- datagram{err: err}:
			default:
			}
			return
		}
		d := datagram{data: append([]byte(nil), buf[:n]...), from: from}
		i := l.impair.Load()
		if l.cut.Load() || rand.Float64() < i.Loss || !l.bucket.take(n, i.Kbps) {
			continue
		}
		deliver := func() {
			select {
			case l.in <- d:
			default: // a full queue of a network, too
			}
		}
		if i.Jitter > 0 {
			time.AfterFunc(rand.N(i.Jitter), deliver)
		} else {
			deliver()
		}
	}
}

func (l *line) ReadFrom(b []byte) (int, net.Addr, error) {
	d := <-l.in
	if d.err != nil {
		select { // for whoever reads next
		case l.in <- d:
		default:
		}
		return 0, nil, d.err
	}
	return copy(b, d.data), d.from, nil
}

func (l *line) WriteTo(b []byte, to net.Addr) (int, error) {
	i := l.impair.Load()
	if l.cut.Load() || rand.Float64() < i.Loss {
		return len(b), nil
	}
	if i.Jitter > 0 {
		late := append([]byte(nil), b...)
		time.AfterFunc(rand.N(i.Jitter), func() { _, _ = l.PacketConn.WriteTo(late, to) })
		return len(b), nil
	}
	return l.PacketConn.WriteTo(b, to)
}

// bucket lets a bitrate through, with a quarter of a second of queue.
type bucket struct {
	bytes float64
	at    time.Time
}

func (b *bucket) take(n, kbps int) bool {
	if kbps <= 0 {
		return true
	}
	rate := float64(kbps) * 1000 / 8
	now := time.Now()
	b.bytes = min(b.bytes+rate*now.Sub(b.at).Seconds(), rate/4)
	b.at = now
	if b.bytes < float64(n) {
		return false
	}
	b.bytes -= float64(n)
	return true
}
