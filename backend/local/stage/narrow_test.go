package stage

import (
	"errors"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// narrowLine is a way to one viewer that takes so many bits a second and queues no more than a tenth of a second. The
// viewer uses it by taking its port for the stage's.
type narrowLine struct {
	bits    atomic.Int64 // a second; 0: any number
	dropped atomic.Int64
	near    *net.UDPConn // the viewer's side
	far     *net.UDPConn // the stage's side
	viewer  atomic.Pointer[net.UDPAddr]
	leads   sync.Once
	work    sync.WaitGroup
}

// newNarrowLine makes one that leads nowhere until through or lead says where.
func newNarrowLine(t *testing.T, bits int64) *narrowLine {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &narrowLine{near: near}
	l.bits.Store(bits)
	t.Cleanup(func() {
		_ = near.Close()
		if l.far != nil {
			_ = l.far.Close()
		}
		l.work.Wait()
	})
	return l
}

var candidatePort = regexp.MustCompile(`(a=candidate:\S+ \d udp \d+ 127\.0\.0\.1 )(\d+)`)

// lineQueue is more than one frame, and less than anybody would wait for.
const lineQueue = 100 * time.Millisecond

// through opens the line to the port that the answer names, and puts the line's own there.
func (l *narrowLine) through(t *testing.T, answer string) string {
	t.Helper()
	found := candidatePort.FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("no candidate in %s", answer)
	}
	port, _ := strconv.Atoi(found[2])
	l.lead(t, port)
	return candidatePort.ReplaceAllString(answer, "${1}"+strconv.Itoa(l.port()))
}

func (l *narrowLine) port() int { return l.near.LocalAddr().(*net.UDPAddr).Port }

// lead opens the line to a port of the stage. A page that finds the port in several lines of an answer says so as often.
func (l *narrowLine) lead(t *testing.T, port int) { l.leads.Do(func() { l.open(t, port) }) }

func (l *narrowLine) open(t *testing.T, port int) {
	t.Helper()
	var err error
	if l.far, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err != nil {
		t.Fatal(err)
	}
	l.work.Go(func() { // towards the stage: as it is
		buffer := make([]byte, receiveMTU)
		for {
			n, from, err := l.near.ReadFromUDP(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				l.viewer.Store(from)
				_, _ = l.far.Write(buffer[:n])
			}
		}
	})
	type held struct {
		until time.Time
		data  []byte
	}
	queue := make(chan held, 10_000)
	l.work.Go(func() {
		defer close(queue)
		var free time.Time
		for {
			buffer := make([]byte, receiveMTU)
			n, err := l.far.Read(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			now := time.Now()
			if free.Before(now) {
				free = now
			}
			if bits := l.bits.Load(); bits > 0 {
				if free.Sub(now) > lineQueue {
					l.dropped.Add(1)
					continue
				}
				free = free.Add(time.Duration(int64(n+28) * 8 * int64(time.Second) / bits)) // with IP and UDP
			}
			queue <- held{free, buffer[:n]}
		}
	})
	l.work.Go(func() {
		for h := range queue {
			time.Sleep(time.Until(h.until))
			if to := l.viewer.Load(); to != nil {
				_, _ = l.near.WriteToUDP(h.data, to)
			}
		}
	})
}

// subscribeThrough is subscribe by a line.
func (s *testStage) subscribeThrough(line *narrowLine, pc *webrtc.PeerConnection, stageID, participant, token string) *subscriber {
	s.t.Helper()
	return s.subscribeBy(pc, stageID, participant, token, func(answer string) string { return line.through(s.t, answer) })
}
