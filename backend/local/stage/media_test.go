package stage

import (
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func TestViewerReceivesFromAKeyFrameOnWithoutPlayoutDelay(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	// Key frames of ten packets: a client may miss the very first ones while it is still setting up.
	s.publish("st", "game", s.invite("st", "game", "publish"), picture{sps: standard.sps, bytes: 12_000})
	s.awaitEvent(PublishStarted, "game", 1)

	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	first := v.next(t, "a first packet", anyPacket)
	fragment := first.Payload[0]&nalType == nalFUA && first.Payload[1]&nalType == nalIDR
	if !look(first.Payload).keyFrame && !fragment {
		t.Errorf("the first packet (NAL type %d) is not of a key frame", first.Payload[0]&nalType)
	}
	last := first
	for range 60 {
		p := v.next(t, "a continuous stream", anyPacket)
		var err error
		if last, err = s.follow(last, p); err != nil {
			t.Fatal(err)
		}
		if delay := p.GetExtension(uint8(v.delayID.Load())); string(delay) != "\x00\x00\x00" {
			t.Fatalf("playout delay (extension %d) is %v", v.delayID.Load(), delay)
		}
	}
	s.awaitEvent(SubscribeStarted, "viewer", 1)
}

func TestViewerOutlivesThePublisher(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	// One packet a frame: its end cuts none in two, of which the first part would be numbered and sent to nobody.
	one := s.publish("st", "game", token, picture{sps: standard.sps, bytes: 800})
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	last := v.next(t, "a first packet", anyPacket)

	if got := s.request(http.MethodDelete, one.location, token, "").StatusCode; got != http.StatusOK {
		t.Fatalf("DELETE answers %d", got)
	}
	s.awaitEvent(PublishStopped, "game", 1)
	// What was still under way belongs to the old stream.
	for len(v.packets) > 0 {
		last = <-v.packets
	}
	one.close()
	s.publish("st", "game", token, picture{sps: makeSPS(66, 640, 360), bytes: 3000})
	s.awaitEvent(PublishStarted, "game", 2)

	seam := v.next(t, "the stream after the seam", func(p *rtp.Packet) bool {
		newest, err := s.follow(last, p)
		if err != nil {
			t.Fatal(err)
		}
		if width(640)(p) {
			return true
		}
		last = newest
		return false
	})
	if seam.SSRC != last.SSRC {
		t.Errorf("SSRC changed from %d to %d", last.SSRC, seam.SSRC)
	}
	if later := int32(seam.Timestamp - last.Timestamp); later <= 0 || float64(later) > 90_000*time.Since(began).Seconds() { //nolint:gosec // wraps as RTP does
		t.Errorf("timestamp went on by %d", later)
	}
}

func TestTheNewerUseOfAPublishTokenWins(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	one := s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	v.next(t, "the first publisher", anyPacket)

	s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStopped, "game", 1)
	s.awaitEvent(PublishStarted, "game", 2)
	for len(v.packets) > 0 {
		<-v.packets
	}
	v.next(t, "the second publisher", anyPacket)
	if got := s.request(http.MethodDelete, one.location, token, "").StatusCode; got != http.StatusNotFound {
		t.Errorf("the older session still answers DELETE with %d", got)
	}
	for _, e := range s.names() {
		if e == "LEFT/game/" {
			t.Error("the participant left although it never stopped being there")
		}
	}
}

func TestManyKeyFrameWishesReachThePublisherRarely(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	p := s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	first := v.next(t, "a first packet", anyPacket)

	start := time.Now()
	before, heard := s.keyFrameRequests(), p.keyFrames.Load()
	for range 30 {
		err := v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: first.SSRC}})
		if err != nil {
			t.Fatal(err)
		}
		v.next(t, "frames meanwhile", func(p *rtp.Packet) bool { return p.Marker })
	}
	asked := s.keyFrameRequests() - before
	if most := 1 + uint64(time.Since(start)/keyFrameInterval); asked < 1 || asked > most { //nolint:gosec // not negative
		t.Errorf("30 wishes in %v made %d requests, want 1 to %d", time.Since(start), asked, most)
	}
	if p.keyFrames.Load() == heard {
		t.Error("the publisher heard of none")
	}
}

func TestALostPacketIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	lost := v.next(t, "a first packet", anyPacket)
	for range 30 {
		v.next(t, "more", anyPacket)
	}
	if err := v.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		MediaSSRC: lost.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{lost.SequenceNumber}),
	}}); err != nil {
		t.Fatal(err)
	}
	again := v.next(t, "the packet again", func(p *rtp.Packet) bool { return p.SequenceNumber == lost.SequenceNumber })
	if string(again.Payload) != string(lost.Payload) || again.Timestamp != lost.Timestamp {
		t.Error("the packet sent again is another one")
	}
}

func TestAPublisherBeyondTheLimitsIsPutOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		shown picture
		code  ErrorCode
	}{
		{"1080p", picture{sps: makeSPS(66, 1920, 1080), bytes: 3000}, ResolutionExceeded},
		{"main profile", picture{sps: makeSPS(77, 1280, 720), bytes: 3000}, InvalidVideoCodec},
		{"B-frames", picture{sps: makeSPS(66, 1280, 720), bFrame: true, bytes: 3000}, BFramePresent},
		{"15 Mbit/s", picture{sps: makeSPS(66, 1280, 720), bytes: 62_000}, BitrateExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newTestStage(t)
			s.publish("st", "game", s.invite("st", "game", "publish"), c.shown)
			if e := s.awaitEvent(PublishError, "game", 1); e.Code != c.code {
				t.Errorf("code %s, want %s", e.Code, c.code)
			}
			s.awaitEvent(PublishStopped, "game", 1)
			s.awaitEvent(Left, "game", 1)
		})
	}
}

func TestPortrait720pIsWithinTheLimits(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), picture{sps: makeSPS(66, 720, 1280), bytes: 3000})
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	for range 30 {
		v.next(t, "a portrait picture", anyPacket)
	}
}

func TestAPublisherThatVanishesIsForgotten(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	p := s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	// Without a word: the ICE agent stops, nothing is said over DTLS or HTTP.
	if err := p.pc.SCTP().Transport().ICETransport().Stop(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvent(PublishStopped, "game", 1)
	s.awaitEvent(Left, "game", 1)
}

func TestDisconnectingEndsSessionsOfTheParticipantOrTheStage(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	s.subscribe("st", "game", s.invite("st", "one", "subscribe"))
	two := s.subscribe("st", "game", s.invite("st", "two", "subscribe"))
	s.awaitEvent(SubscribeStarted, "one", 1)
	s.awaitEvent(SubscribeStarted, "two", 1)

	s.server.DisconnectParticipant("st", "one")
	s.awaitEvent(Left, "one", 1)
	for len(two.packets) > 0 {
		<-two.packets
	}
	two.next(t, "the stream that goes on for others", anyPacket)

	s.server.DisconnectStage("st")
	s.awaitEvent(Left, "game", 1)
	s.awaitEvent(Left, "two", 1)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if len(s.server.rooms)+len(s.server.sessions) != 0 {
		t.Errorf("left behind: %d rooms, %d sessions", len(s.server.rooms), len(s.server.sessions))
	}
}

func TestAViewerWhoComesLaterAsksNobodyForAKeyFrame(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	// One packet a frame: what is kept for newcomers takes seconds to become too much.
	p := s.publish("st", "game", s.invite("st", "game", "publish"), picture{sps: standard.sps, bytes: 800})
	s.awaitEvent(PublishStarted, "game", 1)
	one := s.subscribe("st", "game", s.invite("st", "one", "subscribe"))
	one.next(t, "a first packet", anyPacket)
	for s.wantsKeyFrame() { // from when the first viewer came
		one.next(t, "the picture meanwhile", anyPacket)
	}
	for range 10 {
		one.next(t, "what is kept", anyPacket)
	}
	asked := s.keyFrameRequests() // and not what the publisher has heard: some may be on their way
	// While nothing is sent it does not become too much, however long the second viewer takes.
	p.silent.Store(true)
	two := s.subscribe("st", "game", s.invite("st", "two", "subscribe"))
	two.next(t, "the picture that is kept", anyPacket)
	p.silent.Store(false)
	for range 20 {
		two.next(t, "the picture", anyPacket)
	}
	if now := s.keyFrameRequests(); now != asked {
		t.Errorf("the publisher was asked for %d key frames", now-asked)
	}
}

// gate is where the key frames of the only layer of "game" are asked for.
func (s *testStage) gate() *keyFrameGate {
	s.server.mu.Lock()
	video := s.server.rooms["st"].feeds["game"].video
	s.server.mu.Unlock()
	video.mu.Lock()
	defer video.mu.Unlock()
	return video.rungs[0].keyFrames
}

func (s *testStage) keyFrameRequests() uint64 { return s.gate().requests.Load() }
func (s *testStage) wantsKeyFrame() bool      { return s.gate().wanted() }
