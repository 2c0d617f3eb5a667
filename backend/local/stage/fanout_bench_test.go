package stage

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"
)

// The fan-out benchmark: one 720p30 broadcast of 3 Mbit/s to many, from a server in a process of its own,
// whose processor time the kernel counts. Ten of the receivers or so read everything and measure; the sockets of
// the others drop RTP in the kernel, so that this process is not what saturates.
//
// Beside ours run servers that others wrote, when their programs are named: HOTSEAT_MEDIAMTX and
// HOTSEAT_BROADCAST_BOX.

const (
	benchServer = "HOTSEAT_STAGE_BENCH_SERVER" // set: this process is the server, and not a test
	probes      = 10
	measureTime = 10 * time.Second
	settleTime  = 3 * time.Second
)

// measured tells whether the nth receiver is one of those that measure. They stand evenly among the others, who get each
// frame in the order in which they came.
func measured(n, of int) bool { return n%max(1, of/probes) == 0 }

// broadcast sends 30 frames a second, of 3 Mbit/s with a key frame of five times the size every 2 s and when it is
// wanted, each with the time of its sending in front.
func broadcast(ctx context.Context, track *webrtc.TrackLocalStaticRTP, wanted <-chan struct{}) {
	const frames, keyEvery = 30, 60
	const size = 3_000_000 / 8 / frames * keyEvery / (keyEvery + 4)
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewFixedSequencer(1), 90_000)
	key, other := slice(0x65, 0x88, 5*size), slice(0x61, 0x98, size)
	ticker := time.NewTicker(time.Second / frames)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		stamp := append([]byte{6, 5, 16}, fmt.Sprintf("%016x", time.Now().UnixNano())...) // an SEI message
		frame := accessUnit(stamp, other)
		begins := n%keyEvery == 0
		select {
		case <-wanted:
			begins = true
		default:
		}
		if begins {
			frame = accessUnit(stamp, standard.sps, []byte{0x68, 0xce, 0x3c, 0x80}, key)
		}
		for _, packet := range packetizer.Packetize(frame, 90_000/frames) {
			_ = track.WriteRTP(packet)
		}
	}
}

// probe measures one receiver.
type probe struct {
	measuring *atomic.Bool
	mu        sync.Mutex
	delays    []time.Duration // from sending a frame to its last packet
	packets   int
	lost      int
	frames    int
	last      uint16
	any       bool
	stamped   time.Time
}

func (p *probe) read(track *webrtc.TrackRemote) {
	buffer := make([]byte, receiveMTU)
	var in rtp.Packet
	for {
		n, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		now := time.Now()
		if in.Unmarshal(buffer[:n]) != nil || len(in.Payload) < 3 {
			continue
		}
		p.mu.Lock()
		if in.Payload[0]&nalType == 6 && len(in.Payload) >= 19 {
			nanos, err := strconv.ParseInt(string(in.Payload[3:19]), 16, 64)
			if err == nil {
				p.stamped = time.Unix(0, nanos)
			}
		}
		if p.measuring.Load() {
			if p.any && in.SequenceNumber != p.last+1 {
				p.lost += int(int16(in.SequenceNumber - p.last - 1)) //nolint:gosec // a late one takes one back
			}
			p.packets++
			if in.Marker && !p.stamped.IsZero() {
				p.frames++
				p.delays = append(p.delays, now.Sub(p.stamped))
			}
		}
		p.any = p.any || p.measuring.Load()
		if int16(in.SequenceNumber-p.last) > 0 || !p.any { //nolint:gosec // wraps
			p.last = in.SequenceNumber
		}
		p.mu.Unlock()
	}
}

// take returns what was measured since the last time.
func (p *probe) take() (delays []time.Duration, packets, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delays, packets, lost = p.delays, p.packets, p.lost
	p.delays, p.packets, p.lost = nil, 0, 0
	return delays, packets, lost
}

func BenchmarkFanOut(b *testing.B) {
	sizes := []int{100, 300, 600, 1000}
	if list := os.Getenv("HOTSEAT_BENCH_VIEWERS"); list != "" {
		sizes = nil
		for _, field := range strings.Fields(list) {
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	for _, viewers := range sizes {
		for _, server := range []struct {
			name  string
			most  int // beyond it the server has long collapsed, and drags the others' figures along
			start func(*testing.B) *contender
		}{
			{"hotseat", 10_000, startOurs},
			{"mediamtx", 300, startMediaMTX},
			{"broadcast-box", 300, startBroadcastBox},
		} {
			if viewers > server.most {
				continue
			}
			b.Run(fmt.Sprintf("%d viewers/%s", viewers, server.name), func(b *testing.B) {
				b.N = 1 // one run tells what there is to tell
				fanOut(b, server.start(b), viewers)
			})
		}
	}
}

// show is the broadcast of a benchmark and everybody connected to it, until the benchmark ends.
type show struct {
	ctx   context.Context //nolint:containedctx // the benchmark's own
	asked atomic.Int64    // key frames, of the publisher
	work  sync.WaitGroup
	peers []*peer // the publisher is the first
}

// add makes a peer part of the show, which closes it.
func (s *show) add(pc *peer) { s.peers = append(s.peers, pc) }

// watcher is a peer that is to receive the picture.
func watcher(b *testing.B, deaf bool) *peer {
	b.Helper()
	pc, err := newPeer(deaf)
	if err != nil {
		b.Fatal(err)
	}
	pc.receive(b)
	return pc
}

// receive has the peer ask for the picture.
func (p *peer) receive(b *testing.B) {
	b.Helper()
	if _, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		b.Fatal(err)
	}
}

// onConnected calls f once, when the connection is there.
func (p *peer) onConnected(f func()) {
	var once sync.Once
	p.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(f)
		}
	})
}

// onAir publishes the broadcast.
func onAir(b *testing.B, to *contender) *show {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	s := &show{ctx: ctx}
	b.Cleanup(func() {
		cancel()
		for _, pc := range s.peers {
			s.work.Go(pc.close)
		}
		s.work.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	pc, err := newPeer(false)
	if err != nil {
		b.Fatal(err)
	}
	s.add(pc)
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		b.Fatal(err)
	}
	transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		b.Fatal(err)
	}
	up := make(chan struct{})
	pc.onConnected(func() { close(up) })
	url, token := to.publish(0)
	if err := exchange(ctx, pc.PeerConnection, url, token); err != nil {
		b.Fatal(err)
	}
	<-up
	wanted := make(chan struct{}, 1)
	s.work.Go(func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					s.asked.Add(1)
					select {
					case wanted <- struct{}{}:
					default:
					}
				}
			}
		}
	})
	s.work.Go(func() { broadcast(ctx, track, wanted) })
	time.Sleep(time.Second) // a server that looks at the stream first lets nobody in before
	return s
}

func fanOut(b *testing.B, to *contender, viewers int) {
	show := onAir(b, to)
	var measuring atomic.Bool
	var meters []*probe
	joins, joining := errgroup.WithContext(show.ctx)
	joins.SetLimit(8)
	var connected atomic.Int64
	for n := range viewers {
		pc := watcher(b, !measured(n, viewers))
		show.add(pc)
		if measured(n, viewers) {
			meter := &probe{measuring: &measuring}
			meters = append(meters, meter)
			pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
				meter.read(track)
			})
		}
		pc.onConnected(func() { connected.Add(1) })
		joins.Go(func() error {
			url, token := to.receive(n)
			return exchange(joining, pc.PeerConnection, url, token)
		})
	}
	if err := joins.Wait(); err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); connected.Load() < int64(viewers); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d viewers are connected after 30 s", connected.Load(), viewers)
		}
	}
	time.Sleep(settleTime)

	before, own := processorTime(b, to.pid), processorTime(b, os.Getpid())
	began := time.Now()
	measuring.Store(true)
	time.Sleep(measureTime)
	measuring.Store(false)
	took := time.Since(began)
	used, ownUsed := processorTime(b, to.pid)-before, processorTime(b, os.Getpid())-own

	var delays []time.Duration
	packets, lost, frames := 0, 0, 0
	for _, m := range meters {
		m.mu.Lock()
		delays = append(delays, m.delays...)
		packets, lost, frames = packets+m.packets, lost+m.lost, frames+m.frames
		m.mu.Unlock()
	}
	if len(delays) == 0 {
		b.Fatal("no frame arrived")
	}
	slices.Sort(delays)
	ms := func(q float64) float64 { return float64(delays[int(q*float64(len(delays)-1))].Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(used.Seconds()/took.Seconds(), "cores")
	b.ReportMetric(ownUsed.Seconds()/took.Seconds(), "load-cores")
	b.ReportMetric(ms(0.5), "ms-p50")
	b.ReportMetric(ms(0.95), "ms-p95")
	b.ReportMetric(100*float64(lost)/float64(max(1, packets+lost)), "%lost")
	b.ReportMetric(float64(frames)/float64(len(meters))/took.Seconds(), "fps")
}
