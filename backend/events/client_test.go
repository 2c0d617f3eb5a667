package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestAClientHearsWhatItPublishes(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{})
	client := run(t, s.config("viewer"))
	heard := listen(t, client, "/playtest/s-1")
	all := listen(t, client, "/playtest/*")
	if err := client.Publish(limited(t), "/playtest/s-1", number(1), number(2)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1", "2"} {
		expect(t, heard, want)
		expect(t, all, want)
	}
}

func TestARefusalIsTyped(t *testing.T) {
	s := serve(t, hooks{
		publish: func(p appsync.Publish) ([]appsync.Outcome, error) {
			outcomes := make([]appsync.Outcome, len(p.Events))
			outcomes[0].Error = &appsync.EventError{Type: "TooFast", Message: "one message a second, please"}
			return outcomes, nil
		},
		subscribe: func(s appsync.Subscribe) error {
			return &appsync.EventError{Type: "Unauthorized", Message: "not for " + s.Identity.Name}
		},
	}, appsync.Limits{})
	client := run(t, s.config("viewer"))
	if err := client.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	var refusal *events.RefusedError
	err := client.Publish(limited(t), "/playtest/s-1", number(1))
	if !errors.As(err, &refusal) || refusal.Type != "TooFast" || refusal.Message != "one message a second, please" || refusal.Failed != nil {
		t.Errorf("got %v", err)
	}
	err = client.Publish(limited(t), "/playtest/s-1", number(1), number(2))
	if !errors.As(err, &refusal) || refusal.Type != "TooFast" || len(refusal.Failed) != 1 || len(refusal.Successful) != 1 {
		t.Errorf("got %v", err)
	}
	sub, err := client.Subscribe("/playtest/s-1", func(events.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	err = sub.Wait(limited(t))
	if !errors.As(err, &refusal) || refusal.Operation != "subscribe" || refusal.Message != "not for viewer" {
		t.Errorf("got %v", err)
	}
}

func TestMistakesOfTheCallerAreNotSent(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{})
	client := run(t, s.config("viewer"))
	if err := client.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	large := json.RawMessage(`"` + strings.Repeat("x", events.MaxEventBytes) + `"`)
	for name, list := range map[string][]json.RawMessage{
		"none": nil, "six": {number(1), number(1), number(1), number(1), number(1), number(1)},
		"no JSON": {json.RawMessage("{")}, "large": {large},
	} {
		if err := client.Publish(limited(t), "/playtest/s-1", list...); err == nil || errors.As(err, new(*events.RefusedError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Subscribe("/play test", nil); !errors.Is(err, events.ErrBadChannel) {
		t.Errorf("got %v", err)
	}
	for _, cfg := range []events.Config{{}, {RealtimeURL: "http://x", Token: s.config("").Token}, {RealtimeURL: "ws://x"}} {
		if _, err := events.NewClient(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

func TestEachConnectionAndOperationHasAFreshToken(t *testing.T) {
	publishers := make(chan string, 10)
	s := serve(t, hooks{publish: func(p appsync.Publish) ([]appsync.Outcome, error) {
		publishers <- p.Identity.ID
		return make([]appsync.Outcome, len(p.Events)), nil
	}}, appsync.Limits{})
	cfg := s.config("")
	var tokens atomic.Int32
	cfg.Token = func(context.Context) (string, time.Time, error) {
		return fmt.Sprintf("token-%d", tokens.Add(1)), time.Time{}, nil
	}
	client := run(t, cfg)
	listen(t, client, "/playtest/s-1") // tokens 1 and 2
	for _, want := range []string{"token-3", "token-4"} {
		if err := client.Publish(limited(t), "/playtest/s-1", number(1)); err != nil {
			t.Fatal(err)
		}
		if got := <-publishers; got != want {
			t.Errorf("published with %s, want %s", got, want)
		}
	}
}

func TestAClosedSubscriptionIsSilentAndFreesItsPlace(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{Subscriptions: 2})
	client := run(t, s.config("viewer"))
	heard := listen(t, client, "/playtest/s-1")
	for range 5 {
		sub, err := client.Subscribe("/playtest/s-1", func(events.Message) { t.Error("a closed subscription heard something") })
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Wait(limited(t)); err != nil {
			t.Fatal(err)
		}
		sub.Close()
		sub.Close()
		if err := sub.Wait(limited(t)); !errors.Is(err, events.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
	if err := client.Publish(limited(t), "/playtest/s-1", number(1)); err != nil {
		t.Fatal(err)
	}
	expect(t, heard, "1")
}

func TestASubscriptionClosedAtOnceLeavesNothingBehind(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{Subscriptions: 1})
	client := run(t, s.config("viewer"))
	for range 20 {
		sub, err := client.Subscribe("/playtest/s-1", func(events.Message) {})
		if err != nil {
			t.Fatal(err)
		}
		sub.Close()
	}
	deadline := limited(t)
	for { // the last of them may still be on its way
		sub, err := client.Subscribe("/playtest/s-1", func(events.Message) {})
		if err != nil {
			t.Fatal(err)
		}
		err = sub.Wait(deadline)
		sub.Close()
		if err == nil {
			return
		}
		if deadline.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestEventsArriveInOrderUnderLoad(t *testing.T) {
	const count = 500
	s := serve(t, hooks{}, appsync.Limits{PublishRate: 1e6, PublishBurst: 1e6, FrameRate: 1e6})
	client := run(t, s.config("viewer"))
	heard := listen(t, client, "/playtest/s-1")
	for i := range count {
		if err := client.Publish(limited(t), "/playtest/s-1", number(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range count {
		expect(t, heard, fmt.Sprint(i))
	}
}

func TestSlowHandlersCostAReconnectAndNothingIsReordered(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{PublishRate: 1e6, PublishBurst: 1e6, FrameRate: 1e6})
	cfg := s.config("slow")
	cfg.QueueLength = 8
	lost := make(chan error, 100)
	cfg.OnState = func(state events.State) {
		if state.Phase == events.Offline {
			lost <- state.Err
		}
	}
	back := make(chan struct{}, 100)
	cfg.OnReconnect = func(context.Context) { back <- struct{}{} }
	slow := run(t, cfg)
	var mu sync.Mutex
	var heard []string
	release := make(chan struct{})
	sub, err := slow.Subscribe("/playtest/s-1", func(m events.Message) {
		<-release
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, string(m.Event))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	publisher := run(t, s.config("viewer"))
	if err := publisher.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := publisher.Publish(limited(t), "/playtest/s-1", number(i)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-lost:
		if !errors.Is(err, events.ErrSlowHandler) {
			t.Errorf("lost by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a full queue went unnoticed")
	}
	close(release)
	select {
	case <-back:
	case <-time.After(patience):
		t.Fatal("did not come back")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(heard) < cfg.QueueLength {
		t.Errorf("heard only %d events; what was in the queue must be delivered", len(heard))
	}
	for i, event := range heard {
		if event != fmt.Sprint(i) {
			t.Fatalf("event %d is %s: a hole before the reconnect", i, event)
		}
	}
}

func TestPublishOfflineSaysSo(t *testing.T) {
	client, err := events.NewClient(events.Config{RealtimeURL: "ws://127.0.0.1:1/event/realtime",
		Token: func(context.Context) (string, time.Time, error) { return "viewer", time.Time{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Publish(limited(t), "/playtest/s-1", number(1)); !errors.Is(err, events.ErrOffline) {
		t.Errorf("got %v", err)
	}
	client.Close()
	if err := client.Run(context.Background()); !errors.Is(err, events.ErrClosed) {
		t.Errorf("a closed client ran: %v", err)
	}
}

func TestAnAnswerThatDoesNotComeIsUnconfirmed(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, hooks{publish: func(p appsync.Publish) ([]appsync.Outcome, error) {
		close(entered)
		<-release
		return make([]appsync.Outcome, len(p.Events)), nil
	}}, appsync.Limits{})
	client := run(t, s.config("viewer"))
	if err := client.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-entered
		cancel()
	}()
	if err := client.Publish(ctx, "/playtest/s-1", number(1)); !errors.Is(err, events.ErrUnconfirmed) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
}

func TestRunEndsWithItsContextAndTellsWaiters(t *testing.T) {
	s := serve(t, hooks{}, appsync.Limits{})
	client, err := events.NewClient(s.config("viewer"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	if err := client.WaitOnline(limited(t)); err != nil {
		t.Fatal(err)
	}
	if err := client.Run(context.Background()); err == nil {
		t.Error("ran twice")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	if client.State().Phase != events.Closed {
		t.Errorf("state %+v", client.State())
	}
	if err := client.WaitOnline(limited(t)); !errors.Is(err, events.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := client.Publish(limited(t), "/playtest/s-1", number(1)); !errors.Is(err, events.ErrOffline) {
		t.Errorf("got %v", err)
	}
}
