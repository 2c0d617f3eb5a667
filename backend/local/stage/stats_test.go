package stage

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func TestWhatHappensOnAStageCanBeMeasured(t *testing.T) {
	t.Parallel()
	opened := time.Now()
	s := newTestStage(t)
	p := s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	lost := v.next(t, "a first packet", anyPacket)
	s.server.Stats() // the first look: rates are since here
	began := time.Now()
	for time.Since(began) < sampleTime+200*time.Millisecond {
		v.next(t, "frames", func(p *rtp.Packet) bool { return p.Marker })
	}
	if err := v.pc.WriteRTCP([]rtcp.Packet{
		&rtcp.TransportLayerNack{MediaSSRC: lost.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{lost.SequenceNumber})},
		&rtcp.PictureLossIndication{MediaSSRC: lost.SSRC},
	}); err != nil {
		t.Fatal(err)
	}
	v.next(t, "the packet again", func(p *rtp.Packet) bool { return p.SequenceNumber == lost.SequenceNumber })

	stats := s.server.Stats()
	for deadline := time.Now().Add(patience); ; stats = s.server.Stats() { // the packet is there before it is counted
		feed := stats.Stages[0].Feeds[0]
		if got := feed.Viewers[0].Video; got.Resent > 0 && feed.Video.Resent > 0 && got.KeyFrameWishes > 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	feed := stats.Stages[0].Feeds[0]
	video, viewer := feed.Video, feed.Viewers[0]
	if stats.Stages[0].ID != "st" || feed.Participant != "game" || !feed.Publishing || viewer.Participant != "viewer" || !viewer.Connected || viewer.Transport != "udp" {
		t.Errorf("who: %+v", feed)
	}
	// 30 frames of 3000 bytes a second, on a machine that may be busy.
	if video.FramesPerSecond < 10 || video.FramesPerSecond > 40 || video.BitsPerSecond < 240_000 || video.BitsPerSecond > 1_300_000 {
		t.Errorf("%.1f frames and %.0f bits a second arrive", video.FramesPerSecond, video.BitsPerSecond)
	}
	if got := viewer.Video; got.FramesPerSecond < 10 || got.FramesPerSecond > 40 || got.Packets == 0 || got.Waiting || got.Resent != 1 || got.NACKs != 1 || got.KeyFrameWishes != 1 {
		t.Errorf("to the viewer: %+v", got)
	}
	if video.KeyFrames == 0 || video.KeyFrameAge <= 0 || video.KeyFrameAge > time.Since(opened) || video.Lost != 0 || video.Resent != 1 {
		t.Errorf("from the publisher: %+v", video)
	}
	if asked := uint64(p.keyFrames.Load()); video.KeyFrameRequests < asked { //nolint:gosec // small
		t.Errorf("%d key frame requests counted, %d received", video.KeyFrameRequests, asked)
	}
	if len(stats.Lanes) == 0 || stats.Lanes[0].Subscribers != 1 || stats.Lanes[0].Packets == 0 {
		t.Errorf("lanes: %+v", stats.Lanes)
	}

	response := httptest.NewRecorder()
	s.server.StatsHandler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/", nil))
	var decoded Stats
	if err := json.NewDecoder(response.Body).Decode(&decoded); err != nil || decoded.Stages[0].Feeds[0].Viewers[0].Participant != "viewer" {
		t.Errorf("%v: %+v", err, decoded)
	}
	response = httptest.NewRecorder()
	s.server.MetricsHandler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/", nil))
	checkExposition(t, response.Result())
}

// checkExposition reads Prometheus's text format: comments, and rows of families that were announced.
func checkExposition(t *testing.T, response *http.Response) {
	t.Helper()
	body, _ := io.ReadAll(response.Body)
	row := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.e]+$`)
	announced := make(map[string]bool)
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			if announced[name] {
				t.Errorf("%s is announced twice", name)
			}
			announced[name] = true
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		found := row.FindStringSubmatch(line)
		if found == nil || !announced[found[1]] {
			t.Errorf("not a row: %q", line)
		}
		if strings.Contains(line, "viewer\"") {
			t.Errorf("a label for one viewer: %s", line)
		}
	}
	if !strings.Contains(string(body), `hotseat_stage_viewers{participant="game",stage="st"} 1`) {
		t.Errorf("no count of viewers in\n%s", body)
	}
}

func TestRoundTripsAreMeasuredByReports(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var c deliveryCounts
	const ntp = 0x1234_5678_9abc_def0
	c.reportSent(ntp, now)
	c.reportSent(ntp+1<<33, now.Add(time.Second)) // another, that has not arrived when the receiver writes
	c.received(rtcp.ReceptionReport{LastSenderReport: 0x5678_9abc, Delay: 65536 / 2, FractionLost: 64, Jitter: 90}, now.Add(540*time.Millisecond))
	if c.round != 40*time.Millisecond {
		t.Errorf("round trip %v, want 40 ms", c.round)
	}
	c.received(rtcp.ReceptionReport{LastSenderReport: 99, Delay: 1}, now.Add(time.Hour))
	if c.round != 40*time.Millisecond {
		t.Errorf("a report about nothing that was sent changed it to %v", c.round)
	}
}

func FuzzReceiverFeedback(f *testing.F) {
	marshal := func(packets ...rtcp.Packet) []byte {
		raw, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	f.Add(marshal(&rtcp.PictureLossIndication{MediaSSRC: 1}))
	f.Add(marshal(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 1, FractionLost: 255, LastSenderReport: 7, Delay: 1 << 31}}}))
	f.Add(marshal(&rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: []rtcp.NackPair{{PacketID: 65535, LostPackets: 0xffff}}}))
	f.Add(marshal(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{1}}))
	f.Add(marshal(&rtcp.TransportLayerCC{PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{RunLength: 1}}}))
	f.Add([]byte{0x81, 206, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		s := newStream(webrtc.RTPCodecTypeVideo, nil)
		s.keyFrames.send = func() {}
		s.ring.put(&packet{sequence: 65535, payload: []byte{1}})
		o := newOutput(s, nil, "game", "viewer", nil)
		o.writer = &countingWriter{room: 1 << 30}
		o.header.SSRC = 1
		o.heed(raw)
		o.ladder = newLadder(nil) // and once more as one that has been moved
		other := newStream(webrtc.RTPCodecTypeVideo, nil)
		other.ring.put(&packet{sequence: 7, payload: []byte{1}})
		o.route.Store(&route{seams: []seam{{stream: s, in: 65535, out: 65535, count: 1}, {stream: other, in: 7, out: 2}}})
		o.heed(raw)
		o.stats(time.Now())
		other.idle()
		s.idle()
	})
}

func TestAMutedPublisherIsSeenWithinASecondAndSoIsItsReturn(t *testing.T) {
	f := newFeeder(newStream(webrtc.RTPCodecTypeAudio, nil))
	if f.s.stats(f.now).Silent {
		t.Error("silent before its first packet")
	}
	f.give(1, 960, true, false)
	if f.s.stats(f.now.Add(silentTime)).Silent {
		t.Error("a pause as of DTX is taken for silence")
	}
	f.now = f.now.Add(silentTime + 20*time.Millisecond)
	if !f.s.stats(f.now).Silent {
		t.Error("nothing has come for more than a second, and it is not said")
	}
	f.give(2, 1920, true, false)
	if f.s.stats(f.now).Silent {
		t.Error("silent after its return")
	}
	f.s.detach(f.src)
	if f.s.stats(f.now.Add(time.Minute)).Silent {
		t.Error("who does not publish is no muted publisher")
	}
}

func FuzzPublishedMedia(f *testing.F) {
	packet := func(sequence uint16, timestamp uint32, payload []byte) []byte {
		raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: timestamp, Marker: true}, Payload: payload}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	f.Add(packet(1, 1, makeSPS(66, 1280, 720)), packet(2, 3000, []byte{0x65, 0x88}), packet(3, 6000, []byte{0x61, 0x98}))
	f.Add(packet(65535, 0xffffffff, []byte{0x7c, 0x85, 0x88}), packet(0, 0, []byte{0x7c, 0x45}), packet(65534, 5, []byte{0x61, 0x9c}))
	f.Add([]byte{0x90, 96, 0, 1}, []byte{0xbf, 0xff}, []byte{})
	f.Fuzz(func(t *testing.T, one, two, three []byte) {
		s := newStream(webrtc.RTPCodecTypeVideo, nil)
		s.keyFrames.send = func() {}
		src := &source{ask: func() {}}
		s.attach(src)
		var limits inspector
		var in rtp.Packet
		for _, raw := range [][]byte{one, two, three, one} {
			if in.Unmarshal(raw) != nil {
				continue
			}
			g := look(in.Payload)
			if limits.check(g, in.Timestamp) != nil {
				break
			}
			before, after := s.take(src, &in, g.keyFrame, time.Unix(1_800_000_000, 0))
			for _, b := range []burst{before, after} {
				for _, p := range b.packets {
					// Unless the publisher's numbers jumped so far meanwhile that another packet has its place.
					if s.ring.get(p.sequence) == nil && s.last.sequence-p.sequence < ringSize {
						t.Errorf("packet %d is sent, but cannot be sent again", p.sequence)
					}
				}
				s.deliver(b)
			}
		}
		if got := s.stats(time.Now()); got.Lost < 0 && got.Packets == 0 {
			t.Errorf("%+v", got)
		}
		s.idle()
	})
}
