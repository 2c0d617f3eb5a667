package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

const channel = "/playtest/s-1"

// world is the local events server on a network in memory, in virtual time: hours pass in
// milliseconds, and the defaults of client and service are the ones under test. Its channel is a
// log: what is published gets a number.
type world struct {
	t *testing.T
	*network
	server   *appsync.Server
	identify func(ctx context.Context, token string) (auth.Identity, error)
	verify   func(token string) error      // more than the expiry; nil: every token is accepted
	decide   func(appsync.Subscribe) error // nil: everybody may listen
	ctx      context.Context               // of the clients
	cancel   context.CancelFunc

	mu      sync.Mutex
	log     []string // payloads of the publishers
	clients sync.WaitGroup
}

// inWorld runs a test in a world.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: newNetwork()}
		w.ctx, w.cancel = context.WithCancel(t.Context())
		w.identify = w.plain
		var err error
		w.server, err = appsync.New(appsync.Config{
			Limits:     appsync.Limits{PublishRate: 1e6, PublishBurst: 1e6, FrameRate: 1e6},
			Namespaces: []appsync.Namespace{{Name: "playtest", Hooks: w}},
			Verify:     func(ctx context.Context, token string) (auth.Identity, error) { return w.identify(ctx, token) }})
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Server{Handler: w.server.Handler()}
		serving := make(chan struct{})
		go func() {
			defer close(serving)
			web.Serve(w.network)
		}()
		defer func() {
			w.cancel()
			w.clients.Wait()
			w.network.Close()
			w.server.Close()
			web.Close()
			<-serving
			w.pumps.Wait()
		}()
		test(t, w)
	})
}

// plain checks the tokens of signIn.
func (w *world) plain(_ context.Context, token string) (auth.Identity, error) {
	if w.verify != nil {
		if err := w.verify(token); err != nil {
			return auth.Identity{}, err
		}
	}
	if err := good(token); err != nil {
		return auth.Identity{}, err
	}
	return auth.Identity{Person: auth.Person{ID: token, Role: auth.RoleViewer}, TokenUse: auth.UseID}, nil
}

// token makes one that lives so long; good tells whether it still does.
func token(life time.Duration) string {
	return "until " + strconv.FormatInt(time.Now().Add(life).UnixNano(), 10)
}

func good(token string) error {
	nanos, err := strconv.ParseInt(strings.TrimPrefix(token, "until "), 10, 64)
	if err != nil || time.Now().UnixNano() >= nanos {
		return auth.ErrInvalid
	}
	return nil
}

// signIn gives tokens of one life, and another one when less than early is left.
func signIn(life, early time.Duration) events.Credentials {
	var mu sync.Mutex
	var present string
	var expires time.Time
	return func(context.Context) (string, time.Time, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Until(expires) < early {
			present, expires = token(life), time.Now().Add(life)
		}
		return present, expires, nil
	}
}

// OnPublish gives each event its number, in the order of the channel.
func (w *world) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	outcomes := make([]appsync.Outcome, len(p.Events))
	for i, event := range p.Events {
		outcomes[i].Payload = number(w.append(string(event.Payload)))
	}
	return outcomes, nil
}

func (w *world) OnSubscribe(_ context.Context, s appsync.Subscribe) error {
	if w.decide != nil {
		return w.decide(s)
	}
	return nil
}

func (w *world) append(payload string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, payload)
	return len(w.log)
}

// size is the number of the newest event.
func (w *world) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.log)
}

// say appends and broadcasts one event, as if somebody else had published it.
func (w *world) say() {
	w.t.Helper()
	if err := w.server.Broadcast(channel, number(w.append("said"))); err != nil {
		w.t.Fatal(err)
	}
}

// listener is a client that hears the channel, and what it went through.
type listener struct {
	*events.Client
	w      *world
	sub    *events.Subscription
	states chan events.State
	ended  chan error

	mu       sync.Mutex
	raw      []int        // as the client delivered them
	followed []int        // in order of the log, which is read when OnReconnect says so
	early    map[int]bool // heard after a gap
	back     int          // calls of OnReconnect
}

// listen makes a client and waits until it hears the channel.
func (w *world) listen(credentials events.Credentials, change ...func(*events.Config)) *listener {
	w.t.Helper()
	l := &listener{w: w, early: map[int]bool{}, states: make(chan events.State, 100_000), ended: make(chan error, 1)}
	cfg := events.Config{
		RealtimeURL: "ws://events.test/event/realtime", Token: credentials, QueueLength: 20_000,
		Dialer:      &websocket.Dialer{NetDialContext: w.dial},
		OnState:     func(s events.State) { l.states <- s },
		OnReconnect: func(context.Context) { l.caughtUp() },
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if l.Client, err = events.NewClient(cfg); err != nil {
		w.t.Fatal(err)
	}
	if l.sub, err = l.Subscribe(channel, l.hear); err != nil {
		w.t.Fatal(err)
	}
	w.clients.Go(func() { l.ended <- l.Run(w.ctx) })
	return l
}

func (l *listener) hear(m events.Message) {
	seq, err := strconv.Atoi(string(m.Event))
	if err != nil {
		l.w.t.Errorf("heard %s", m.Event)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw = append(l.raw, seq)
	if seq > len(l.followed) {
		l.early[seq] = true
	}
	l.advance()
}

// caughtUp reads the log to its end. Nothing else closes a gap: the client must have told.
func (l *listener) caughtUp() {
	size := l.w.size()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back++
	for next := len(l.followed) + 1; next <= size; next++ {
		l.followed = append(l.followed, next)
		delete(l.early, next)
	}
	l.advance()
}

// advance takes what is in order now. The caller holds l.mu.
func (l *listener) advance() {
	for next := len(l.followed) + 1; l.early[next]; next++ {
		l.followed = append(l.followed, next)
		delete(l.early, next)
	}
}

// expectExactly says that the client delivered every event of the log once and in order, without
// any help from the log, and never lost its connection.
func (l *listener) expectExactly() {
	l.w.t.Helper()
	time.Sleep(time.Minute) // virtual: what is under way arrives
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expectNumbers(l.raw)
	if l.back != 0 {
		l.w.t.Errorf("OnReconnect was called %d times", l.back)
	}
	for len(l.states) > 0 {
		if state := <-l.states; state.Phase != events.Connecting && state.Phase != events.Online {
			l.w.t.Errorf("state %+v", state)
		}
	}
}

// expectFollowed says that with OnReconnect nothing is missing, and that the client delivered
// nothing twice and nothing out of order.
func (l *listener) expectFollowed() {
	l.w.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expectNumbers(l.followed)
	for i := 1; i < len(l.raw); i++ {
		if l.raw[i] <= l.raw[i-1] {
			l.w.t.Fatalf("%d came after %d", l.raw[i], l.raw[i-1])
		}
	}
}

func (l *listener) expectNumbers(got []int) {
	l.w.t.Helper()
	for i, seq := range got {
		if seq != i+1 {
			l.w.t.Fatalf("event %d is number %d (of %d)", i+1, seq, len(got))
		}
	}
	if size := l.w.size(); len(got) != size {
		l.w.t.Fatalf("heard %d of %d events", len(got), size)
	}
}

func (w *world) ready(l *listener) {
	w.t.Helper()
	if err := l.sub.Wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// expectRefused waits until the client has given up.
func (l *listener) expectRefused(check func(error) bool) {
	l.w.t.Helper()
	err := <-l.ended
	if state := l.State(); state.Phase != events.Refused || !check(state.Err) || !check(err) {
		l.w.t.Errorf("state %+v, Run returned %v", state, err)
	}
	if err := l.WaitOnline(l.w.t.Context()); !check(err) {
		l.w.t.Errorf("WaitOnline returned %v", err)
	}
	if err := l.Publish(l.w.t.Context(), channel, json.RawMessage(`1`)); !errors.Is(err, events.ErrOffline) || !check(err) {
		l.w.t.Errorf("Publish returned %v", err)
	}
}

func payload(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf("%q", fmt.Sprint("p", n))) }
