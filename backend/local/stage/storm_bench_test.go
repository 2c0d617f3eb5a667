package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
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

// badLine is a socket behind a network that loses RTP and delays what it does not lose.
type badLine struct {
	net.PacketConn
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

func newBadLine(c net.PacketConn) net.PacketConn {
	l := &badLine{PacketConn: c, arrived: make(chan datagram, 4096), done: make(chan struct{})}
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
		if n < 12 || buffer[0] < 128 || buffer[0] > 191 { // no RTP: the line is bad enough
			l.put(d)
			continue
		}
		if rand.Float64() >= badLoss {
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

// BenchmarkFairness compares what 95 viewers see with five others on good lines, and with five on bad ones, in one
// process.
func BenchmarkFairness(b *testing.B) {
	const good, bad = 95, 5
	run := func(b *testing.B, lossy bool) (p50, p99, lost float64) {
		to := startOurs(b)
		ctx, cancel := context.WithCancel(b.Context())
		var work sync.WaitGroup
		publisher, _ := onAir(ctx, b, to, &work)
		connections := []*peer{publisher}
		defer func() {
			cancel()
			for _, pc := range connections {
				work.Go(pc.close)
			}
			work.Wait()
			http.DefaultClient.CloseIdleConnections()
		}()
		var measuring atomic.Bool
		var meters []*probe
		for n := range good + bad {
			line, registry := func(c net.PacketConn) net.PacketConn { return c }, &interceptor.Registry{}
			if n >= good {
				var err error
				if registry, err = repairing(); err != nil {
					b.Fatal(err)
				}
				if lossy {
					line = newBadLine
				}
			}
			pc, err := newPeerOn(n >= probes && n < good, line, registry)
			if err != nil {
				b.Fatal(err)
			}
			connections = append(connections, pc)
			if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				b.Fatal(err)
			}
			meter := &probe{measuring: &measuring}
			if n < probes {
				meters = append(meters, meter)
			}
			pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { meter.read(track) })
			url, token := to.receive(n)
			if err := exchange(ctx, pc.PeerConnection, url, token); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(settleTime)
		measuring.Store(true)
		time.Sleep(measureTime)
		measuring.Store(false)
		var delays []time.Duration
		packets, gone := 0, 0
		for _, m := range meters {
			m.mu.Lock()
			delays = append(delays, m.delays...)
			packets, gone = packets+m.packets, gone+m.lost
			m.mu.Unlock()
		}
		if len(delays) == 0 {
			b.Fatal("no frame arrived")
		}
		return quantile(delays, 0.5), quantile(delays, 0.99), 100 * float64(gone) / float64(max(1, packets+gone))
	}
	b.N = 1
	var clean50, clean99, mixed50, mixed99, lost float64
	b.Run("clean", func(b *testing.B) {
		b.N = 1
		clean50, clean99, lost = run(b, false)
		report(b, map[string]float64{"ms-p50": clean50, "ms-p99": clean99, "%lost": lost})
	})
	b.Run("5 of 100 lose 30 %", func(b *testing.B) {
		b.N = 1
		mixed50, mixed99, lost = run(b, true)
		report(b, map[string]float64{"ms-p50": mixed50, "ms-p99": mixed99, "%lost": lost, "ms-p99-more": mixed99 - clean99})
	})
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
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	publisher, asked := onAir(ctx, b, to, &work)
	connections := []*peer{publisher}
	defer func() {
		cancel()
		for _, pc := range connections {
			work.Go(pc.close)
		}
		work.Wait()
		http.DefaultClient.CloseIdleConnections()
	}()
	began := make([]time.Time, viewers)
	shown := make(chan time.Duration, viewers)
	for n := range viewers {
		pc, err := newPeer(false)
		if err != nil {
			b.Fatal(err)
		}
		connections = append(connections, pc)
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			b.Fatal(err)
		}
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
	for _, pc := range connections[1:] {
		if err := prepare(pc.PeerConnection); err != nil {
			b.Fatal(err)
		}
	}
	before, used := asked.Load(), processorTime(b, to.pid)
	coming, joining := errgroup.WithContext(ctx)
	for n := range viewers {
		coming.Go(func() error {
			time.Sleep(time.Duration(n) * time.Second / viewers)
			began[n] = time.Now()
			url, token := to.receive(n)
			return post(joining, connections[1+n].PeerConnection, url, token)
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
		"ms-p50": quantile(waits, 0.5), "ms-p95": quantile(waits, 0.95), "ms-max": quantile(waits, 1), "key-frames-asked": float64(asked.Load() - before),
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
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	publisher, _ := onAir(ctx, b, to, &work)
	defer func() {
		cancel()
		publisher.close()
		work.Wait()
		http.DefaultClient.CloseIdleConnections()
	}()
	number := 0
	// crowd joins and returns a way to leave.
	crowd := func(size int) (leave func()) {
		var all []*peer
		var joins errgroup.Group
		joins.SetLimit(8)
		var connected atomic.Int64
		for range size {
			pc, err := newPeer(true)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, pc)
			if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				b.Fatal(err)
			}
			var once sync.Once
			pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
				if s == webrtc.PeerConnectionStateConnected {
					once.Do(func() { connected.Add(1) })
				}
			})
			number++
			url, token := to.receive(number)
			joins.Go(func() error { return exchange(ctx, pc.PeerConnection, url, token) })
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
