package stage

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"
)

// badLine is a socket behind a network that, while bad is set, loses RTP and delays what it does not lose.
type badLine struct {
	net.PacketConn
	bad     *atomic.Bool
	lost    *atomic.Int64
	arrived chan datagram
	done    chan struct{}
	closing sync.Once
}

type datagram struct {
	data []byte
	from net.Addr
}

// What the bad lines of BenchmarkFairness are like.
const (
	badLoss   = 0.3
	badJitter = 300 * time.Millisecond
)

func newBadLine(c net.PacketConn, bad *atomic.Bool, lost *atomic.Int64) net.PacketConn {
	l := &badLine{PacketConn: c, bad: bad, lost: lost, arrived: make(chan datagram, 4096), done: make(chan struct{})}
	go l.read()
	return l
}

func (l *badLine) read() {
	buffer := make([]byte, receiveMTU)
	for {
		n, from, err := l.PacketConn.ReadFrom(buffer)
		if err != nil {
			l.closing.Do(func() { close(l.done) })
			return
		}
		d := datagram{slices.Clone(buffer[:n]), from}
		switch {
		case !l.bad.Load() || n < 12 || buffer[0] < 128 || buffer[0] > 191: // no RTP: the line is bad enough
			l.put(d)
		case rand.Float64() < badLoss:
			l.lost.Add(1)
		default:
			time.AfterFunc(rand.N(badJitter), func() { l.put(d) })
		}
	}
}

func (l *badLine) put(d datagram) {
	select {
	case l.arrived <- d:
	case <-l.done:
	default: // the reader is overrun, too
	}
}

func (l *badLine) ReadFrom(buffer []byte) (int, net.Addr, error) {
	select {
	case d := <-l.arrived:
		return copy(buffer, d.data), d.from, nil
	case <-l.done:
		return 0, nil, net.ErrClosed
	}
}

func (l *badLine) Close() error {
	l.closing.Do(func() { close(l.done) })
	return l.PacketConn.Close()
}

// repairing makes the interceptors with which a browser reports what it misses.
func repairing() (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	return registry, errors.Join(webrtc.ConfigureNack(&webrtc.MediaEngine{}, registry), webrtc.ConfigureRTCPReports(registry))
}

// BenchmarkFairness compares what 95 viewers see while the lines of five others are good, and while they are bad. The two
// take turns within one broadcast, so that whatever else the machine does falls on both; of each, the phases' medians
// are reported. ms-p99-more is what the goal is about; ms-p99-noise is the same difference between the even and the odd
// clean phases, below which ms-p99-more says nothing.
func BenchmarkFairness(b *testing.B) {
	const (
		good, bad = 95, 5
		turns     = 10
		phase     = 4 * time.Second // two key frames, 1,200 frames received
		pause     = time.Second     // longer than badJitter, and than the repair of what was lost
	)
	b.N = 1
	to := startOurs(b)
	show := onAir(b, to)
	var measuring, stormy atomic.Bool
	var missing atomic.Int64 // lost on bad lines
	var meters []*probe
	for n := range good + bad {
		line, registry := func(c net.PacketConn) net.PacketConn { return c }, &interceptor.Registry{}
		if n >= good {
			var err error
			if registry, err = repairing(); err != nil {
				b.Fatal(err)
			}
			line = func(c net.PacketConn) net.PacketConn { return newBadLine(c, &stormy, &missing) }
		}
		pc, err := newPeerOn(n < good && !measured(n, good), line, registry)
		if err != nil {
			b.Fatal(err)
		}
		show.add(pc)
		pc.receive(b)
		meter := &probe{measuring: &measuring}
		if n < good && measured(n, good) {
			meters = append(meters, meter)
		}
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { meter.read(track) })
		url, token := to.receive(n)
		if err := exchange(show.ctx, pc.PeerConnection, url, token); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(settleTime)
	var p50, p99 [2][]float64 // clean, bad
	packets, gone := 0, 0
	for turn := range 2 * turns {
		// Clean, bad, bad, clean: what grows or shrinks all the time falls on both, too.
		kind := (turn + 1) / 2 % 2
		stormy.Store(kind == 1)
		time.Sleep(pause)
		measuring.Store(true)
		time.Sleep(phase)
		measuring.Store(false)
		var delays []time.Duration
		for _, m := range meters {
			late, received, lost := m.take()
			delays = append(delays, late...)
			packets, gone = packets+received, gone+lost
		}
		if len(delays) == 0 {
			b.Fatal("no frame arrived")
		}
		p50[kind] = append(p50[kind], quantile(delays, 0.5))
		p99[kind] = append(p99[kind], quantile(delays, 0.99))
	}
	var halves [2][]float64
	for n, v := range p99[0] {
		halves[n%2] = append(halves[n%2], v)
	}
	noise := math.Abs(median(halves[0]) - median(halves[1]))
	clean50, clean99, bad50, bad99 := median(p50[0]), median(p99[0]), median(p50[1]), median(p99[1])
	report(b, map[string]float64{
		"ms-p50-clean": clean50, "ms-p99-clean": clean99, "ms-p50-bad": bad50, "ms-p99-bad": bad99, "ms-p99-more": bad99 - clean99, "ms-p99-noise": noise,
		"%lost": 100 * float64(gone) / float64(max(1, packets+gone)), "lost-on-bad-lines/s": float64(missing.Load()) / (turns * (phase + pause).Seconds()),
	})
}

// median is of the values of an odd number of phases, or between the middle two.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func quantile(delays []time.Duration, q float64) float64 {
	slices.Sort(delays)
	return float64(delays[int(q*float64(len(delays)-1))].Microseconds()) / 1000
}

func report(b *testing.B, metrics map[string]float64) {
	b.ReportMetric(0, "ns/op")
	for unit, value := range metrics {
		b.ReportMetric(value, unit)
	}
}

// BenchmarkJoinStorm lets 300 viewers come within a second: how long does each wait, from sending its offer to the
// end of its first frame, how many key frames is the publisher asked for, and what the server needs for each.
func BenchmarkJoinStorm(b *testing.B) {
	const viewers = 300
	b.N = 1
	to := startOurs(b)
	show := onAir(b, to)
	began := make([]time.Time, viewers)
	shown := make(chan time.Duration, viewers)
	for n := range viewers {
		pc := watcher(b, false)
		show.add(pc)
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				if p.Marker {
					shown <- time.Since(began[n])
					_ = dropRTP(pc.socket) // enough seen: this process is not to be what saturates
					return
				}
			}
		})
	}
	for _, pc := range show.peers[1:] {
		if err := prepare(pc.PeerConnection); err != nil {
			b.Fatal(err)
		}
	}
	before, used := show.asked.Load(), processorTime(b, to.pid)
	coming, joining := errgroup.WithContext(show.ctx)
	for n := range viewers {
		coming.Go(func() error {
			time.Sleep(time.Duration(n) * time.Second / viewers)
			began[n] = time.Now()
			url, token := to.receive(n)
			return post(joining, show.peers[1+n].PeerConnection, url, token)
		})
	}
	if err := coming.Wait(); err != nil {
		b.Fatal(err)
	}
	var waits []time.Duration
	for range viewers {
		select {
		case wait := <-shown:
			waits = append(waits, wait)
		case <-time.After(30 * time.Second):
			b.Fatalf("%d of %d viewers see something", len(waits), viewers)
		}
	}
	report(b, map[string]float64{
		"ms-p50": quantile(waits, 0.5), "ms-p95": quantile(waits, 0.95), "ms-max": quantile(waits, 1), "key-frames-asked": float64(show.asked.Load() - before),
		"server-ms/join": (processorTime(b, to.pid) - used).Seconds() * 1000 / viewers, // the media meanwhile included
	})
}

// BenchmarkMemory measures what a viewer costs the server while it is there, and what many that came and went
// leave behind: HOTSEAT_BENCH_CHURN of them, 1,000 if it is not set.
func BenchmarkMemory(b *testing.B) {
	b.N = 1
	churn := 1000
	if s := os.Getenv("HOTSEAT_BENCH_CHURN"); s != "" {
		var err error
		if churn, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	const together, rounds = 100, 10
	to := startOurs(b)
	show := onAir(b, to)
	number := 0
	// crowd joins and returns a way to leave.
	crowd := func(size int) (leave func()) {
		var all []*peer
		var joins errgroup.Group
		joins.SetLimit(8)
		var connected atomic.Int64
		for range size {
			pc := watcher(b, true)
			all = append(all, pc)
			pc.onConnected(func() { connected.Add(1) })
			number++
			url, token := to.receive(number)
			joins.Go(func() error { return exchange(show.ctx, pc.PeerConnection, url, token) })
		}
		if err := joins.Wait(); err != nil {
			b.Fatal(err)
		}
		await(b, fmt.Sprintf("%d viewers to be connected", size), func() bool { return connected.Load() == int64(size) })
		return func() {
			var closing errgroup.Group
			closing.SetLimit(16)
			for _, pc := range all {
				closing.Go(func() error { pc.close(); return nil })
			}
			_ = closing.Wait()
		}
	}
	empty := func(goroutines int) (bytes int) {
		await(b, "the server to let go", func() bool {
			var left int
			bytes, left = to.memory()
			return left <= goroutines
		})
		return bytes
	}
	crowd(10)() // what is made once
	time.Sleep(settleTime)
	first, goroutines := to.memory()

	leave := crowd(together)
	full, running := to.memory()
	leave()
	var sizes []float64
	for range rounds {
		for range churn / rounds / together {
			crowd(together)()
		}
		sizes = append(sizes, float64(empty(goroutines+4)))
	}
	report(b, map[string]float64{
		"KiB/viewer": float64(full-first) / together / 1024, "goroutines/viewer": float64(running-goroutines) / together,
		"B-left/join": slope(sizes) / float64(churn/rounds),
	})
}

func await(b *testing.B, what string, done func() bool) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("waited in vain for %s", what)
		}
	}
}

// slope is the rise from one value to the next, by least squares.
func slope(values []float64) float64 {
	n, sumX, sumY, sumXY, sumXX := float64(len(values)), 0.0, 0.0, 0.0, 0.0
	for i, y := range values {
		x := float64(i)
		sumX, sumY, sumXY, sumXX = sumX+x, sumY+y, sumXY+x*y, sumXX+x*x
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}
