package stage

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// events keeps what an Observer is told. The server's lock guards it.
type events struct{ all []Event }

func (e *events) Observe(event Event) { e.all = append(e.all, event) }

func TestNobodyPublishesOrWatchesForMoreThanADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard events
		s := &Server{
			cfg: Config{Observer: &heard, Now: time.Now}, log: slog.New(slog.DiscardHandler),
			rooms: make(map[string]*room), sessions: make(map[string]*session),
		}
		quiet := webrtc.WithInterceptorRegistry(&interceptor.Registry{}) // no reports every 100 ms of a day
		join := func(participant string, want purpose, f *feed) {
			pc, err := webrtc.NewAPI(quiet).NewPeerConnection(webrtc.Configuration{})
			if err != nil {
				t.Fatal(err)
			}
			n := &session{
				id: participant, server: s, want: want, feed: f, pc: pc,
				token: Token{ParticipantID: participant, StageID: "st", Publish: true, Subscribe: true},
			}
			if got := s.admit(n, 0); got != admitted {
				t.Fatalf("admission of %s: %d", participant, got)
			}
			s.connected(n)
		}
		f := newFeed("game", nil)
		join("game", publishing, f)
		began := time.Now()
		time.Sleep(time.Hour)
		join("viewer", subscribing, f)

		expect := func(at time.Duration, participant string, names ...EventName) {
			t.Helper()
			time.Sleep(time.Until(began.Add(at - time.Nanosecond)))
			synctest.Wait()
			s.mu.Lock()
			before := len(heard.all)
			s.mu.Unlock()
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			var told []EventName
			for _, e := range heard.all[before:] {
				told = append(told, e.Name)
				if e.Token.ParticipantID != participant || !e.At.Equal(began.Add(at)) || (e.Code == StreamDurationExceeded) != (e.Name == names[0]) {
					t.Errorf("%s of %s with %q after %v", e.Name, e.Token.ParticipantID, e.Code, e.At.Sub(began))
				}
			}
			if !slices.Equal(told, names) {
				t.Errorf("after %v: %v, want %v", at, told, names)
			}
		}
		expect(MaxDuration, "game", PublishError, PublishStopped, Left)
		expect(MaxDuration+time.Hour, "viewer", SubscribeError, SubscribeStopped, Left)
		s.ending.Wait()
		if len(s.rooms)+len(s.sessions) != 0 {
			t.Errorf("left behind: %d rooms, %d sessions", len(s.rooms), len(s.sessions))
		}
	})
}

func TestWhoseDayIsOverGetsNothingMoreAndMayComeBack(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStarted, "game", 1)
	watching := s.invite("st", "viewer", "subscribe")
	v := s.subscribe("st", "game", watching)
	v.next(t, "a first packet", anyPacket)
	s.awaitEvent(SubscribeStarted, "viewer", 1)

	// over is a day, for one of them.
	over := func(participant string) {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		for _, n := range s.server.sessions {
			if n.token.ParticipantID == participant {
				n.deadline.Reset(0)
			}
		}
	}
	over("viewer")
	if e := s.awaitEvent(SubscribeError, "viewer", 1); e.Code != StreamDurationExceeded || e.From != "game" {
		t.Errorf("a viewer's day ends with %+v", e)
	}
	s.awaitEvent(Left, "viewer", 1)
	again := s.subscribe("st", "game", watching)
	again.next(t, "the picture, on another day", anyPacket)

	over("game")
	if e := s.awaitEvent(PublishError, "game", 1); e.Code != StreamDurationExceeded {
		t.Errorf("a publisher's day ends with %+v", e)
	}
	s.awaitEvent(PublishStopped, "game", 1)
	s.awaitEvent(Left, "game", 1)
	s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStarted, "game", 2)
	for len(again.packets) > 0 {
		<-again.packets
	}
	again.next(t, "the publisher's next day", anyPacket)
}
