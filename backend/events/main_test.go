package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests; they wait for events, never for time.
const patience = 10 * time.Second

// service is the local events server on an address that it keeps over restarts.
type service struct {
	t       testing.TB
	address string
	limits  appsync.Limits
	hooks   hooks
	server  *appsync.Server
	web     *http.Server
	tokens  atomic.Int32 // tokens that were checked
}

// hooks are functions that a test fills in; a nil one lets everything pass.
type hooks struct {
	publish   func(appsync.Publish) ([]appsync.Outcome, error)
	subscribe func(appsync.Subscribe) error
}

func (h hooks) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	if h.publish != nil {
		return h.publish(p)
	}
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, event := range p.Events {
		outcomes[i].Payload = event.Payload
	}
	return outcomes, nil
}

func (h hooks) OnSubscribe(_ context.Context, s appsync.Subscribe) error {
	if h.subscribe != nil {
		return h.subscribe(s)
	}
	return nil
}

func serve(t testing.TB, h hooks, limits appsync.Limits) *service {
	t.Helper()
	s := &service{t: t, address: "127.0.0.1:0", limits: limits, hooks: h}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.server, err = appsync.New(appsync.Config{Host: s.address, Limits: s.limits,
		Namespaces: []appsync.Namespace{{Name: "playtest", Hooks: s.hooks}},
		Verify: func(_ context.Context, token string) (auth.Identity, error) {
			if token == "forged" {
				return auth.Identity{}, auth.ErrInvalid
			}
			s.tokens.Add(1)
			return auth.Identity{Person: auth.Person{ID: token, Name: token, Role: auth.RoleViewer}, TokenUse: auth.UseID}, nil
		}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.web = &http.Server{Handler: s.server.Handler()}
	go s.web.Serve(listener)
}

// stop ends every connection, as a crash of the server would.
func (s *service) stop() {
	s.web.Close()
	s.server.Close()
}

func (s *service) config(token string) events.Config {
	return events.Config{
		RealtimeURL: "ws://" + s.address + "/event/realtime",
		Token:       func(context.Context) (string, time.Time, error) { return token, time.Time{}, nil },
		Backoff:     events.Backoff{Base: time.Millisecond, Max: 20 * time.Millisecond},
	}
}

// run makes a client that runs until the test ends.
func run(t testing.TB, cfg events.Config) *events.Client {
	t.Helper()
	client, err := events.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- client.Run(context.Background()) }()
	t.Cleanup(func() {
		client.Close()
		if err := <-done; err != nil && !errors.Is(err, events.ErrClosed) {
			t.Errorf("Run returned %v", err)
		}
	})
	return client
}

// limited returns a context that ends with the patience of the tests.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// listen subscribes, waits for the answer, and returns the events.
func listen(t testing.TB, client *events.Client, channel string) <-chan string {
	t.Helper()
	heard := make(chan string, 1000)
	sub, err := client.Subscribe(channel, func(m events.Message) { heard <- string(m.Event) })
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	return heard
}

func expect(t testing.TB, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Fatalf("heard %s, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("heard nothing, want %s", want)
	}
}

func number(n int) json.RawMessage { return json.RawMessage(fmt.Sprint(n)) }
