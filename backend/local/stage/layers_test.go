package stage

import (
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	rtcpreport "github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// layered publishes encodings of one picture at once, each with key frames of its own when it is asked for one.
type layered struct {
	pc     *webrtc.PeerConnection
	silent []atomic.Bool // by layer
	asked  []atomic.Int64
	stop   chan struct{}
	work   sync.WaitGroup
}

// encoding is one of them, at 30 frames a second.
type encoding struct {
	rid string
	picture
}

var (
	smallLayer = encoding{"l", picture{sps: makeSPS(66, 320, 180), bytes: 500}}   // 120 kbit/s
	largeLayer = encoding{"h", picture{sps: makeSPS(66, 1280, 720), bytes: 2500}} // 600 kbit/s
)

func (s *testStage) publishLayers(participant, token string, encodings ...encoding) *layered {
	s.t.Helper()
	p := &layered{pc: newClient(s.t), silent: make([]atomic.Bool, len(encodings)), asked: make([]atomic.Int64, len(encodings)), stop: make(chan struct{})}
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	var transceiver *webrtc.RTPTransceiver
	var tracks []*webrtc.TrackLocalStaticRTP
	for i, e := range encodings {
		track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game", webrtc.WithRTPStreamID(e.rid))
		if err != nil {
			s.t.Fatal(err)
		}
		tracks = append(tracks, track)
		if i == 0 {
			transceiver, err = p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else {
			err = transceiver.Sender().AddEncoding(track)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.connect(p.pc, s.url+"/st/publish/"+participant, token)
	ids := map[string]uint8{}
	for _, e := range transceiver.Sender().GetParameters().HeaderExtensions {
		ids[e.URI] = uint8(e.ID) //nolint:gosec // a test
	}
	for i, e := range encodings {
		wanted := make(chan struct{}, 1)
		wanted <- struct{}{}
		p.work.Go(func() {
			for {
				packets, _, err := transceiver.Sender().ReadSimulcastRTCP(e.rid)
				if err != nil {
					return
				}
				for _, packet := range packets {
					if _, ok := packet.(*rtcp.PictureLossIndication); ok {
						p.asked[i].Add(1)
						select {
						case wanted <- struct{}{}:
						default:
						}
					}
				}
			}
		})
		p.work.Go(func() {
			packetizer := rtp.NewPacketizer(1100, 0, 0, &codecs.H264Payloader{}, rtp.NewFixedSequencer(uint16(rand.Uint32())), 90_000) //nolint:gosec // a test
			ticker := time.NewTicker(frameTime)
			defer ticker.Stop()
			for {
				select {
				case <-p.stop:
					return
				case <-ticker.C:
				}
				if p.silent[i].Load() {
					continue
				}
				frame := accessUnit(slice(0x61, 0x98, e.bytes))
				select {
				case <-wanted:
					frame = accessUnit(e.sps, []byte{0x68, 0xce, 0x3c, 0x80}, slice(0x65, 0x88, e.bytes))
				default:
				}
				for _, packet := range packetizer.Packetize(frame, 3000) {
					_ = packet.SetExtension(ids["urn:ietf:params:rtp-hdrext:sdes:mid"], []byte(transceiver.Mid()))
					_ = packet.SetExtension(ids["urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"], []byte(e.rid))
					_ = tracks[i].WriteRTP(packet)
				}
			}
		})
	}
	s.t.Cleanup(p.close)
	return p
}

func (p *layered) close() { hangUp(p.stop, p.pc, &p.work) }

// width fits the key frames of a picture so wide.
func width(want int) func(*rtp.Packet) bool {
	return func(p *rtp.Packet) bool {
		set, err := parseSPS(look(p.Payload).sps)
		return err == nil && set.width == want
	}
}

// continuous wraps what a test waits for: not a number is missing on the way, and timestamps grow.
func (s *testStage) continuous(from *rtp.Packet, fits func(*rtp.Packet) bool) func(*rtp.Packet) bool {
	last := from
	return func(p *rtp.Packet) bool {
		newest, err := s.follow(last, p)
		if newest != p {
			return false
		}
		if err != nil || int32(p.Timestamp-last.Timestamp) < 0 || p.SSRC != last.SSRC { //nolint:gosec // wraps
			s.t.Errorf("packet %d at %d follows %d at %d", p.SequenceNumber, p.Timestamp, last.SequenceNumber, last.Timestamp)
		}
		last = p
		return fits(p)
	}
}

// awaitLayers waits until the stage has a key frame of each layer.
func (s *testStage) awaitLayers(n int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		known := 0
		for _, stage := range s.server.Stats().Stages {
			for _, l := range stage.Feeds[0].Layers {
				if l.Sent && l.Width > 0 {
					known++
				}
			}
		}
		if known == n {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d of %d layers are known", known, n)
		}
	}
}

// viewerOf is what the stage says about a viewer.
func (s *testStage) viewerOf(name string) DeliveryStats {
	for _, v := range s.server.Stats().Stages[0].Feeds[0].Viewers {
		if v.Participant == name {
			return v.Video
		}
	}
	return DeliveryStats{}
}

func (v *subscriber) write(t *testing.T, packets ...rtcp.Packet) {
	t.Helper()
	if err := v.pc.WriteRTCP(packets); err != nil {
		t.Fatal(err)
	}
}

// undisturbed checks what a viewer who is never to be disturbed receives, until it is stopped.
func (s *testStage) undisturbed(v *subscriber, first *rtp.Packet) (stop func()) {
	done := make(chan struct{})
	var work sync.WaitGroup
	check := s.continuous(first, func(p *rtp.Packet) bool {
		if set, err := parseSPS(look(p.Payload).sps); err == nil && set.width != 1280 {
			s.t.Errorf("a viewer with a good line was given %d pixels of width", set.width)
		}
		return false
	})
	work.Go(func() {
		for {
			select {
			case <-done:
				return
			case p := <-v.packets:
				check(p)
			}
		}
	})
	return func() { close(done); work.Wait() }
}

func TestABrowsersSimulcastIsShownAtItsBest(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	p := s.publishLayers("game", s.invite("st", "game", "publish"), smallLayer, largeLayer)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	large := v.next(t, "the large layer", width(1280))
	p.silent[1].Store(true)
	last := v.next(t, "the small layer, when the large one is sent no more", s.continuous(large, width(320)))
	p.silent[1].Store(false)
	v.next(t, "the large layer again", s.continuous(last, width(1280)))
}

func TestAnEstimateChoosesTheLayerOfItsViewerAlone(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	p := s.publishLayers("game", s.invite("st", "game", "publish"), smallLayer, largeLayer)
	s.awaitLayers(2)
	other := s.subscribe("st", "game", s.invite("st", "other", "subscribe"))
	stop := s.undisturbed(other, other.next(t, "the large layer", width(1280)))
	defer stop()
	moved := s.viewerOf("other").Switches
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	first := v.next(t, "the large layer", width(1280))
	estimate := func(bits float32) {
		v.write(t, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: bits, SSRCs: []uint32{first.SSRC}})
	}
	until := time.Now().Add(paceTime + 500*time.Millisecond) // the stage has measured its layers
	estimate(2e6)
	all := []rtp.Packet{*first}
	keep := func(fits func(*rtp.Packet) bool) func(*rtp.Packet) bool {
		return s.continuous(&all[len(all)-1], func(p *rtp.Packet) bool { all = append(all, *p); return fits(p) })
	}
	v.next(t, "a moment of it", keep(func(*rtp.Packet) bool { return time.Now().After(until) }))
	estimate(300e3)
	told := time.Now()
	small := v.next(t, "the small layer", keep(width(320)))
	t.Logf("the small layer %v after the estimate", time.Since(told).Round(time.Millisecond))
	v.next(t, "a little of it", keep(func(p *rtp.Packet) bool { return p.SequenceNumber-small.SequenceNumber > 10 }))

	// Ask again for what is before, at and behind the seam.
	var missing []uint16
	before := make(map[uint16]rtp.Packet)
	for _, p := range all[len(all)-25:] {
		missing = append(missing, p.SequenceNumber)
		before[p.SequenceNumber] = p
	}
	v.write(t, &rtcp.TransportLayerNack{MediaSSRC: small.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(missing)})
	v.next(t, "what was missing on both sides of the seam", func(p *rtp.Packet) bool {
		if was, ok := before[p.SequenceNumber]; ok {
			if was.Timestamp != p.Timestamp || string(was.Payload) != string(p.Payload) {
				t.Errorf("packet %d came again as another", p.SequenceNumber)
			}
			delete(before, p.SequenceNumber)
		} else {
			all = append(all, *p)
		}
		return len(before) == 0
	})
	if got := s.viewerOf("viewer"); got.Width != 320 || got.Height != 180 || got.Switches == 0 || got.Estimate != 300e3 {
		t.Errorf("the stage says %+v", got)
	}
	if got := s.viewerOf("other"); got.Width != 1280 || got.Switches != moved {
		t.Errorf("the stage says of the other %+v", got)
	}
	asked := p.asked[1].Load()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	back := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			select {
			case <-back:
				return
			case <-ticker.C:
				_ = v.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{first.SSRC}}})
			}
		}
	})
	told = time.Now()
	v.nextWithin(t, 3*patience, "the large layer, when the line takes it", s.continuous(&all[len(all)-1], width(1280)))
	close(back)
	telling.Wait()
	t.Logf("the large layer %v after a larger estimate", time.Since(told).Round(time.Millisecond))
	if n := p.asked[1].Load() - asked; n > 3 {
		t.Errorf("%d key frames were asked for, to go up once", n)
	}
}

func TestANarrowLineGetsTheSmallLayerAndTheLargeOneWhenItIsWideAgain(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publishLayers("game", s.invite("st", "game", "publish"), smallLayer, largeLayer)
	s.awaitLayers(2)
	other := s.subscribe("st", "game", s.invite("st", "other", "subscribe"))
	stop := s.undisturbed(other, other.next(t, "the large layer", width(1280)))
	defer stop()

	// This viewer reports what it loses; it estimates nothing.
	registry := &interceptor.Registry{}
	reports, err := rtcpreport.NewReceiverInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	registry.Add(reports)
	peer, err := newPeerOn(false, func(c net.PacketConn) net.PacketConn { return c }, registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.close)
	line := newNarrowLine(t, 300_000)
	v := s.subscribeThrough(line, peer.PeerConnection, "st", "game", s.invite("st", "viewer", "subscribe"))
	v.next(t, "the small layer", func(*rtp.Packet) bool { return s.viewerOf("viewer").Width == 320 })
	told := time.Now()
	line.bits.Store(0)
	v.nextWithin(t, 3*patience, "the large layer", width(1280))
	t.Logf("the large layer %v after the line was wide", time.Since(told).Round(time.Millisecond))
	if got := s.viewerOf("viewer"); got.Width != 1280 || got.Switches < 2 {
		t.Errorf("the stage says %+v", got)
	}
}

func TestAPublisherThatComesBackWithOtherLayersKeepsItsViewers(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	// One packet a frame: the end of a publisher cuts none in two, of which the first part would be numbered and sent to nobody.
	large := encoding{largeLayer.rid, picture{sps: largeLayer.sps, bytes: 900}}
	p := s.publishLayers("game", token, smallLayer, large)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	last := v.next(t, "the large layer", width(1280))

	next := func(what string, wide int) {
		t.Helper()
		last = v.next(t, what, s.continuous(last, width(wide)))
	}
	only := encoding{"", picture{sps: makeSPS(66, 640, 360), bytes: 900}}
	p.close()
	one := s.publish("st", "game", token, only.picture)
	next("the only layer of the next publisher", 640)
	one.close()
	p = s.publishLayers("game", token, encoding{"x", only.picture}, encoding{"y", large.picture}, encoding{"z", smallLayer.picture})
	next("the largest of three", 1280)
	p.close()
	s.publishLayers("game", token, smallLayer, encoding{"m", only.picture})
	next("the largest of two", 640)
	if got := s.viewerOf("viewer"); got.Width != 640 {
		t.Errorf("the stage says %+v", got)
	}
	s.awaitLayers(2) // the third is sent no more
}

func TestAPauseOfAPublisherMakesNoLayerOfItGone(t *testing.T) {
	ladder := newLadder(lanes{testLane(t)})
	var rungs []*rung
	for n, rid := range []string{"q", "h", "f"} {
		rungs = append(rungs, ladder.attach(rid, &source{ask: func() {}}, n == 0))
	}
	t.Cleanup(ladder.idle)
	now := time.Unix(1_800_000_000, 0)
	sent := func() int {
		ladder.mu.Lock()
		defer ladder.mu.Unlock()
		rungs, _ := ladder.sent(now)
		return len(rungs)
	}
	for range 20 {
		for n, r := range rungs {
			ladder.hear(r, 320<<n, 180<<n, now)
		}
		now = now.Add(50 * time.Millisecond)
	}
	now = now.Add(10 * time.Second) // the publisher's computer slept
	ladder.hear(rungs[0], 320, 180, now)
	if n := sent(); n != 3 {
		t.Errorf("%d layers are left after a pause of all", n)
	}
	for range 6 { // one picture a second, and the large layer has been stopped
		now = now.Add(time.Second)
		ladder.hear(rungs[0], 320, 180, now)
		ladder.hear(rungs[1], 640, 360, now)
	}
	if n := sent(); n != 2 {
		t.Errorf("%d layers are said to be sent, of which one was stopped six pictures ago", n)
	}
}

func TestOneLayerCostsAViewerNothing(t *testing.T) {
	l := testLane(t)
	ladder := newLadder(lanes{l})
	on := ladder.attach("", &source{ask: func() {}}, true)
	o := outputOn(l, on.stream, &countingWriter{room: 1 << 40})
	o.ladder = ladder
	o.waiting.Store(false)
	b := frame(1, false)
	// allocations is the least of several counts: each has in it what the whole process allocates meanwhile.
	allocations := func() float64 {
		least := math.Inf(1)
		for range 20 {
			least = min(least, testing.AllocsPerRun(100, func() { o.send(b, time.Now()) }))
		}
		return least
	}
	with := allocations()
	o.ladder = nil
	if without := allocations(); with != without {
		t.Errorf("%v allocations a frame, and %v without a ladder", with, without)
	}
	if o.route.Load() != nil || ladder.many.Load() {
		t.Error("a viewer of one layer has seams")
	}
	on.idle()
}
