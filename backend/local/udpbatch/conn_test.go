package udpbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

func listen(t testing.TB, network, address string) *net.UDPConn {
	t.Helper()
	local, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP(network, local)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

func newConn(t testing.TB, network, address string) *Conn {
	t.Helper()
	c, err := New(listen(t, network, address))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rtp is an RTP packet of a size, 16 bytes at least, with a number in it.
func rtp(number uint32, size int) []byte {
	p := make([]byte, size)
	p[0], p[1] = 0x80, 102
	binary.BigEndian.PutUint32(p[12:], number)
	for i := 16; i < size; i++ {
		p[i] = byte(i * int(number+1))
	}
	return p
}

// receive reads packets until n have come.
func receive(t testing.TB, socket *net.UDPConn, n int) [][]byte {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	buffer := make([]byte, 1<<16)
	for len(got) < n {
		size, _, err := socket.ReadFrom(buffer)
		if err != nil {
			t.Fatalf("after %d of %d packets: %v", len(got), n, err)
		}
		got = append(got, bytes.Clone(buffer[:size]))
	}
	return got
}

// nothing fails the test if a packet is there.
func nothing(t testing.TB, socket *net.UDPConn) {
	t.Helper()
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if n, _, err := syscall.Recvfrom(int(fd), make([]byte, 10), syscall.MSG_DONTWAIT|syscall.MSG_PEEK); err == nil {
			t.Errorf("a packet of %d bytes is there", n)
		}
	})
}

func equal(t testing.TB, got, want [][]byte) {
	t.Helper()
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("packet %d: %d bytes with number %d, want %d bytes with number %d", i,
				len(got[i]), binary.BigEndian.Uint32(got[i][12:]), len(want[i]), binary.BigEndian.Uint32(want[i][12:]))
		}
	}
}

func TestEveryReceiverGetsEveryPacketInOrder(t *testing.T) {
	for _, c := range []struct {
		name, network, address string
		segments               bool
	}{
		{"cut by the kernel", "udp4", "127.0.0.1:0", true},
		{"one by one", "udp4", "127.0.0.1:0", false},
		{"over IPv6", "udp6", "[::1]:0", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := newConn(t, c.network, c.address)
			if c.segments && !conn.Segments() {
				t.Log("this kernel cuts no datagrams")
			}
			if !c.segments {
				conn.segment.Store(false)
			}
			random := rand.New(rand.NewPCG(1, 2))
			var receivers []*net.UDPConn
			want := make([][][]byte, 5)
			for range want {
				r := listen(t, c.network, c.address)
				_ = r.SetReadBuffer(4 << 20)
				receivers = append(receivers, r)
			}
			for frame := range 20 {
				conn.Batch(func() {
					for i, r := range receivers {
						for n := range 1 + random.IntN(90) { // more than one datagram takes
							size := 1200
							if random.IntN(8) == 0 {
								size = 16 + random.IntN(1400)
							}
							packet := rtp(uint32(frame*1000+n), size)
							if written, err := conn.WriteTo(packet, r.LocalAddr()); err != nil || written != size {
								t.Fatalf("%d, %v", written, err)
							}
							want[i] = append(want[i], bytes.Clone(packet))
							clear(packet) // it is the caller's again
						}
					}
				})
				for i, r := range receivers {
					equal(t, receive(t, r, len(want[i])), want[i])
					want[i] = nil
				}
			}
			stats := conn.Stats()
			t.Logf("%+v", stats)
			if stats.Dropped != 0 || conn.Segments() != (stats.Datagrams < stats.Packets) || stats.Calls >= stats.Packets {
				t.Errorf("stats = %+v", stats)
			}
		})
	}
}

func TestABatchLargerThanTheArenaIsSentInParts(t *testing.T) {
	conn, receiver := newConn(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	const packets = 2*arenaSize/1200 + 10
	done := make(chan [][]byte, 1)
	go func() { done <- receive(t, receiver, packets) }()
	_ = receiver.SetReadBuffer(8 << 20)
	conn.Batch(func() {
		for n := range packets {
			_, _ = conn.WriteTo(rtp(uint32(n), 1200), receiver.LocalAddr())
			if n%100 == 0 {
				time.Sleep(time.Millisecond) // lets the receiver's socket, which is smaller than the arena, keep up
			}
		}
	})
	if got := <-done; binary.BigEndian.Uint32(got[packets-1][12:]) != packets-1 {
		t.Error("the last packet is not the last")
	}
}

func TestWhatIsNoRTPIsNotKept(t *testing.T) {
	conn, receiver := newConn(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	stun := append([]byte{0, 1, 0, 0}, make([]byte, 16)...)
	dtls := append([]byte{22, 254, 253}, make([]byte, 16)...)
	rtcp := append([]byte{0x80, 200}, make([]byte, 26)...)
	short := []byte{0x80, 102}
	conn.Batch(func() {
		_, _ = conn.WriteTo(rtp(1, 100), receiver.LocalAddr())
		for _, p := range [][]byte{stun, dtls, rtcp, short} {
			_, _ = conn.WriteTo(p, receiver.LocalAddr())
		}
		for i, p := range receive(t, receiver, 4) {
			if p[0] == 0x80 && len(p) == 100 {
				t.Errorf("packet %d is the RTP packet", i)
			}
		}
		nothing(t, receiver)
	})
	receive(t, receiver, 1)
}

func TestOutsideABatchRTPLeavesAtOnce(t *testing.T) {
	conn, receiver := newConn(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	if _, err := conn.WriteTo(rtp(7, 100), receiver.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	receive(t, receiver, 1)
}

func TestWhatTheKernelRefusesIsDroppedAloneAndCounted(t *testing.T) {
	conn, receiver := newConn(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
	nowhere := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0} // sendto says EINVAL
	var want [][]byte
	conn.Batch(func() {
		for n := range 6 {
			want = append(want, rtp(uint32(n), 200))
			_, _ = conn.WriteTo(want[n], receiver.LocalAddr())
			_, _ = conn.WriteTo(rtp(99, 200), nowhere)
		}
		_, _ = conn.WriteTo(rtp(99, 200), nowhere) // merged with the one before it
	})
	equal(t, receive(t, receiver, len(want)), want)
	if s := conn.Stats(); s.Dropped != 7 || s.Packets != 6 {
		t.Errorf("stats = %+v", s)
	}
}

// stubborn refuses the first datagram that is to be cut.
type stubborn struct {
	batchWriter
	err error
}

func (s *stubborn) WriteBatch(messages []ipv4.Message, flags int) (int, error) {
	for i := range messages {
		if len(messages[i].OOB) > 0 {
			if i == 0 {
				return -1, s.err
			}
			return s.batchWriter.WriteBatch(messages[:i], flags)
		}
	}
	return s.batchWriter.WriteBatch(messages, flags)
}

func TestWhereDatagramsCannotBeCutPacketsLeaveOneByOne(t *testing.T) {
	for _, c := range []struct {
		err   error
		still bool // other receivers' datagrams are cut
	}{{syscall.EIO, false}, {syscall.EINVAL, true}, {syscall.EMSGSIZE, true}} {
		t.Run(c.err.Error(), func(t *testing.T) {
			conn, receiver := newConn(t, "udp4", "127.0.0.1:0"), listen(t, "udp4", "127.0.0.1:0")
			if !conn.Segments() {
				t.Skip("this kernel cuts no datagrams anyway")
			}
			conn.writer = &stubborn{conn.writer, os.NewSyscallError("sendmmsg", c.err)}
			var want [][]byte
			for range 2 {
				conn.Batch(func() {
					for n := range 10 {
						packet := rtp(uint32(n), 300)
						want = append(want, packet)
						_, _ = conn.WriteTo(packet, receiver.LocalAddr())
					}
				})
			}
			equal(t, receive(t, receiver, 20), want)
			if s := conn.Stats(); s.Dropped != 0 || s.Packets != 20 || conn.Segments() != c.still {
				t.Errorf("stats = %+v, segments %v", s, conn.Segments())
			}
		})
	}
}

func TestAClosedSocketDropsAndCounts(t *testing.T) {
	conn := newConn(t, "udp4", "127.0.0.1:0")
	conn.Batch(func() {
		_, _ = conn.WriteTo(rtp(1, 100), conn.LocalAddr())
		conn.Close()
	})
	if s := conn.Stats(); s.Dropped != 1 {
		t.Errorf("stats = %+v", s)
	}
	if _, err := conn.WriteTo(rtp(1, 100), conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error = %v", err)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	conn := newConn(t, "udp4", "127.0.0.1:0")
	var writers sync.WaitGroup
	for range 4 {
		receiver := listen(t, "udp4", "127.0.0.1:0")
		_ = receiver.SetReadBuffer(4 << 20)
		writers.Go(func() {
			for n := range 200 {
				if n%3 == 0 {
					_, _ = conn.WriteTo(rtp(uint32(n), 100), receiver.LocalAddr())
					continue
				}
				conn.Batch(func() { _, _ = conn.WriteTo(rtp(uint32(n), 100), receiver.LocalAddr()) })
			}
			for i, p := range receive(t, receiver, 200) {
				if binary.BigEndian.Uint32(p[12:]) != uint32(i) {
					t.Errorf("packet %d came as number %d", binary.BigEndian.Uint32(p[12:]), i)
				}
			}
		})
	}
	writers.Wait()
}

// BenchmarkFrame sends a frame of 12 packets to each receiver, as a stage does 30 times a second. Receivers do
// not read: what they cost is the kernel's and not the sender's.
func BenchmarkFrame(b *testing.B) {
	for _, receivers := range []int{10, 100, 300} {
		for _, way := range []string{"one by one", "sendmmsg", "sendmmsg and GSO"} {
			b.Run(fmt.Sprintf("%d receivers/%s", receivers, way), func(b *testing.B) {
				conn := newConn(b, "udp4", "127.0.0.1:0")
				conn.segment.Store(conn.Segments() && way == "sendmmsg and GSO")
				var to []net.Addr
				for range receivers {
					r := listen(b, "udp4", "127.0.0.1:0")
					_ = r.SetReadBuffer(1)
					to = append(to, r.LocalAddr())
				}
				packet, last := rtp(1, 1150), rtp(2, 400)
				b.ReportAllocs()
				for b.Loop() {
					frame := func() {
						for _, address := range to {
							for range 11 {
								_, _ = conn.WriteTo(packet, address)
							}
							_, _ = conn.WriteTo(last, address)
						}
					}
					if way == "one by one" {
						frame()
					} else {
						conn.Batch(frame)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*receivers*12), "ns/packet")
			})
		}
	}
}
