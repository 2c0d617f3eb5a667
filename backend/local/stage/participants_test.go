package stage

import (
	"fmt"
	"testing"

	"github.com/pion/rtp"
)

func TestTwelveParticipantsAreReceivedSideBySide(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	small := picture{sps: makeSPS(66, 320, 180), bytes: 400}
	var all []*subscriber
	for n := range MaxPublishers {
		name := fmt.Sprintf("p%d", n)
		s.publish("st", name, s.invite("st", name, "publish"), small)
	}
	for n := range MaxPublishers {
		name := fmt.Sprintf("p%d", n)
		s.awaitEvent(PublishStarted, name, 1)
		// One subscription for each participant, as on IVS, with one token.
		all = append(all, s.subscribe("st", name, s.invite("st", "viewer", "subscribe")))
	}
	for n, v := range all {
		for range 10 {
			v.next(t, fmt.Sprintf("frames of p%d", n), func(p *rtp.Packet) bool { return p.Marker })
		}
	}
	for _, feed := range s.server.Stats().Stages[0].Feeds {
		if len(feed.Viewers) != 1 {
			t.Errorf("%s has %d viewers", feed.Participant, len(feed.Viewers))
		}
	}
}

func TestADisconnectedParticipantsMediaStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.publish("st", "other", s.invite("st", "other", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	s.awaitEvent(PublishStarted, "other", 1)
	out := s.subscribe("st", "game", s.invite("st", "out", "subscribe"))
	stays := s.subscribe("st", "game", s.invite("st", "stays", "subscribe"))
	clock := s.subscribe("st", "other", s.invite("st", "clock", "subscribe"))
	for _, v := range []*subscriber{out, stays, clock} {
		v.next(t, "a first packet", anyPacket)
	}
	// quiet reports what arrives while another stream shows fifteen more frames. What is on its way when the call
	// returns counts as arrived within its first five.
	quiet := func(silent, running *subscriber) int {
		for range 5 {
			running.next(t, "the stream that goes on", func(p *rtp.Packet) bool { return p.Marker })
		}
		for len(silent.packets) > 0 {
			<-silent.packets
		}
		for range 15 {
			running.next(t, "the stream that goes on", func(p *rtp.Packet) bool { return p.Marker })
		}
		return len(silent.packets)
	}
	s.server.DisconnectParticipant("st", "out")
	for len(stays.packets) > 0 {
		<-stays.packets
	}
	if n := quiet(out, stays); n != 0 {
		t.Errorf("a viewer that was put out received %d packets more", n)
	}
	s.server.DisconnectParticipant("st", "game")
	for len(clock.packets) > 0 {
		<-clock.packets
	}
	if n := quiet(stays, clock); n != 0 {
		t.Errorf("%d packets of a publisher that was put out were passed on", n)
	}
	if got := s.awaitEvent(Left, "game", 1); got.Code != "" {
		t.Errorf("left with %s", got.Code)
	}
}

func TestFiftyViewersReceiveEverything(t *testing.T) { // not beside others: they want the same processor
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), picture{sps: makeSPS(66, 320, 180), bytes: 1500, slow: true})
	s.awaitEvent(PublishStarted, "game", 1)
	const viewers, frames = 50, 15
	var all []*subscriber
	for n := range viewers {
		all = append(all, s.subscribe("st", "game", s.invite("st", fmt.Sprintf("viewer-%d", n), "subscribe")))
	}
	for n, v := range all {
		last := v.next(t, "a first packet", anyPacket)
		for seen := 0; seen < frames; {
			p := v.next(t, "frames", anyPacket)
			var err error
			if last, err = s.follow(last, p); err != nil {
				t.Fatalf("viewer %d: %v", n, err)
			}
			if p == last && p.Marker {
				seen++
			}
		}
	}
	if got := len(s.server.Stats().Stages[0].Feeds[0].Viewers); got != viewers {
		t.Errorf("%d viewers are counted", got)
	}
}
