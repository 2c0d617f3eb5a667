package appsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func recordTo(seen chan<- appsync.Publish) func(context.Context, appsync.Publish) ([]appsync.Outcome, error) {
	return func(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
		seen <- p
		return passAll(p), nil
	}
}

func TestAHookSeesWhoPublishesWhatWhere(t *testing.T) {
	seen := make(chan appsync.Publish, 1)
	s := serve(t, hooks{publish: recordTo(seen)})
	ws := s.dial(t, s.token("viewer"))
	ws.publish("p", "playtest/s-1/", s.token("lead"), `{"a":1}`, `2`)
	answer := ws.expect(events.TypePublishSuccess)
	got := <-seen
	if got.Channel != "/playtest/s-1" || !slices.Equal(got.Segments, []string{"playtest", "s-1"}) || got.Identity.Name != "lead" {
		t.Errorf("the hook saw %+v", got)
	}
	if len(got.Events) != 2 || string(got.Events[0].Payload) != `{"a":1}` || got.Events[1].ID != answer.Successful[1].Identifier {
		t.Errorf("the hook saw events %+v, the publisher %+v", got.Events, answer.Successful)
	}
}

// decide is a hook that does what the event says: a string is broadcast in upper case, null
// is dropped, a number is refused.
func decide(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, event := range p.Events {
		switch text := string(event.Payload); {
		case text == "null":
		case text[0] == '"':
			outcomes[i].Payload = json.RawMessage(strings.ToUpper(text))
		default:
			outcomes[i].Error = &appsync.EventError{Type: "TooFast", Message: "Slow down, number " + text, Status: 429}
		}
	}
	return outcomes, nil
}

func TestAHookChangesDropsAndRefusesEvents(t *testing.T) {
	s := serve(t, hooks{publish: decide})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))

	ws.publish("p", "/playtest/s-1", s.token("viewer"), `"one"`, `2`, `null`, `"four"`)
	if first, second := ws.expectEvent("sub"), ws.expectEvent("sub"); first != `"ONE"` || second != `"FOUR"` {
		t.Errorf("broadcast %s, %s", first, second)
	}
	answer := ws.expect(events.TypePublishSuccess)
	if len(answer.Failed) != 1 || answer.Failed[0].Index != 1 || answer.Failed[0].ErrorType != "TooFast" || answer.Failed[0].Message != "Slow down, number 2" {
		t.Errorf("failed %+v", answer.Failed)
	}
	if len(answer.Successful) != 3 || answer.Successful[0].Index != 0 || answer.Successful[2].Index != 3 {
		t.Errorf("successful %+v", answer.Successful)
	}

	ws.publish("p2", "/playtest/s-1", s.token("viewer"), `1`, `2`)
	text, refused := ws.hear()
	want := `{"type":"publish_error","id":"p2","errors":[{"errorType":"TooFast","message":"Slow down, number 1"},{"errorType":"TooFast","message":"Slow down, number 2"}]}`
	if text != want {
		t.Errorf("refused with %s (%+v)", text, refused)
	}

	ws.publish("p3", "/playtest/s-1", s.token("viewer"), `null`)
	if text, _ := ws.hear(); !strings.Contains(text, `"failed":[]`) {
		t.Errorf("a dropped event was answered with %s", text)
	}
}

func TestAFailingHookTellsThePublisherNothingInternal(t *testing.T) {
	s := serve(t, hooks{
		publish: func(context.Context, appsync.Publish) ([]appsync.Outcome, error) {
			return nil, errors.New("disk full at /secret/path")
		},
		subscribe: func(context.Context, appsync.Subscribe) error { return errors.New("disk full at /secret/path") },
	})
	ws := s.dial(t, s.token("viewer"))
	ws.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeProcessing)
	ws.say(events.ClientFrame{Type: events.TypeSubscribe, ID: "s", Channel: "/playtest/s-1", Authorization: s.token("viewer")})
	frame := ws.expect(events.TypeSubscribeError)
	expectErrorType(t, frame, events.ErrorTypeProcessing)
	if strings.Contains(frame.Errors[0].Message, "secret") {
		t.Errorf("told %q", frame.Errors[0].Message)
	}
}

func TestAHookThatForgetsAnEventFails(t *testing.T) {
	s := serve(t, hooks{publish: func(context.Context, appsync.Publish) ([]appsync.Outcome, error) { return nil, nil }})
	ws := s.dial(t, s.token("viewer"))
	ws.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeProcessing)
}

func TestSubscribersAreToldOfAnEventThatCannotBeBroadcast(t *testing.T) {
	s := serve(t, hooks{publish: func(context.Context, appsync.Publish) ([]appsync.Outcome, error) {
		return []appsync.Outcome{{Payload: json.RawMessage(`{"half`)}}, nil
	}})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	ws.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
	broadcast := ws.expect(events.TypeBroadcastError)
	expectErrorType(t, broadcast, events.ErrorTypeProcessing)
	if broadcast.ID != "sub" {
		t.Errorf("id %q", broadcast.ID)
	}
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeProcessing)
}

func TestAHookRefusesSubscribers(t *testing.T) {
	s := serve(t, hooks{subscribe: func(_ context.Context, sub appsync.Subscribe) error {
		if sub.Wildcard && sub.Identity.Role != "qa-lead" {
			return &appsync.EventError{Type: "Unauthorized", Message: "only a QA lead hears " + sub.Channel}
		}
		return nil
	}})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("lead", "/playtest/*", s.token("lead"))
	ws.say(events.ClientFrame{Type: events.TypeSubscribe, ID: "viewer", Channel: "/playtest/*", Authorization: s.token("viewer")})
	if text, _ := ws.hear(); text != `{"type":"subscribe_error","id":"viewer","errors":[{"errorType":"Unauthorized","message":"only a QA lead hears /playtest/*"}]}` {
		t.Errorf("refused with %s", text)
	}
}

func TestPublishersOfOneChannelTakeTurns(t *testing.T) {
	const publishers, each = 8, 20
	var inside atomic.Int32
	next := 0 // only safe when publishers take turns: the race detector watches
	s := serve(t, hooks{publish: func(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
		if inside.Add(1) != 1 {
			t.Error("two publishers in the hook of one channel")
		}
		defer inside.Add(-1)
		outcomes := make([]appsync.Outcome, len(p.Events))
		for i := range outcomes {
			next++
			outcomes[i].Payload = json.RawMessage(fmt.Sprint(next))
		}
		return outcomes, nil
	}}, func(cfg *appsync.Config) { cfg.Limits.PublishBurst = each })
	exact, wild := s.dial(t, s.token("lead")), s.dial(t, s.token("lead"))
	exact.subscribe("sub", "/playtest/s-1", s.token("lead"))
	wild.subscribe("sub", "/playtest/*", s.token("lead"))
	var all sync.WaitGroup
	for range publishers {
		ws := s.dial(t, s.token("viewer"))
		all.Go(func() {
			for range each {
				ws.publish("p", "/playtest/s-1", s.token("viewer"), `"a"`, `"b"`)
				ws.expect(events.TypePublishSuccess)
			}
		})
	}
	for _, ws := range []socket{exact, wild} {
		for want := 1; want <= 2*publishers*each; want++ {
			if got := ws.expectEvent("sub"); got != fmt.Sprint(want) {
				t.Fatalf("heard %s, want %d", got, want)
			}
		}
	}
	all.Wait()
}

func TestChannelsDoNotWaitForEachOther(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, hooks{publish: func(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
		if p.Channel == "/playtest/slow" {
			close(entered)
			<-release
		}
		return passAll(p), nil
	}})
	slow, quick := s.dial(t, s.token("viewer")), s.dial(t, s.token("viewer"))
	slow.publish("p", "/playtest/slow", s.token("viewer"), `1`)
	<-entered
	quick.publish("p", "/playtest/quick", s.token("viewer"), `1`)
	quick.expect(events.TypePublishSuccess)
	close(release)
	slow.expect(events.TypePublishSuccess)
}

func TestWhatAHookAcceptedIsBroadcastThoughThePublisherLeft(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, hooks{publish: func(ctx context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
		close(entered)
		<-release
		return passAll(p), ctx.Err()
	}})
	subscriber, publisher := s.dial(t, s.token("viewer")), s.dial(t, s.token("viewer"))
	subscriber.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	publisher.publish("p", "/playtest/s-1", s.token("viewer"), `"last words"`)
	<-entered
	publisher.Close()
	close(release)
	subscriber.expectEvent("sub")
}
