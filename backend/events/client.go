package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Defaults of Config.
const (
	// defaultOperationTimeout is how long the Amplify client waits for an answer, too.
	defaultOperationTimeout = 15 * time.Second
	// defaultSilenceTimeout is one and a half keep-alive intervals: the 300 s that the
	// service allows would leave a person in front of a dead screen for five minutes.
	defaultSilenceTimeout = KeepAliveInterval + KeepAliveInterval/2
	defaultQueueLength    = 1024
)

// Credentials returns the token to connect, subscribe or publish with, and when it expires
// (zero: unknown). It is called for each connection and each operation, possibly from
// several goroutines at once, so it keeps the token until shortly before it expires. When the
// expiry is known the client moves to a new connection 90 to 45 s before it (see package
// comment), so from 90 s before at the latest another token should be given, and it must be
// given when the old one has expired. Tokens that live less than some 15 s are of no use. An
// error that wraps ErrSignedOut ends the client; after any other it asks again.
type Credentials func(ctx context.Context) (token string, expires time.Time, err error)

// Config of a Client. RealtimeURL and Token are needed, the rest has defaults.
type Config struct {
	RealtimeURL string // ws:// or wss://, ends in /event/realtime
	Host        string // host of the HTTP endpoint as the service knows itself; default: host of RealtimeURL
	Token       Credentials
	Log         *slog.Logger
	Now         func() time.Time // for State and for the expiry of tokens

	// OnState is told each change of state, in order, on the goroutine of Run. It must not
	// block, and must not call Close.
	OnState func(State)
	// OnReconnect is called after every connection but the first, once all subscriptions
	// were answered again, on the goroutine of the handlers and in turn with them: what is
	// published from then on is delivered, what was published before may be missing. Read
	// the log here. While it runs, events wait in the queue. Its context ends with the client.
	OnReconnect func(context.Context)

	Backoff          Backoff
	OperationTimeout time.Duration // for a handshake, or an answer; default 15 s
	SilenceTimeout   time.Duration // without any frame, keep-alive included; default 90 s
	QueueLength      int           // events that may wait for handlers; default 1024
	Dialer           *websocket.Dialer
}

// Message is one event as a handler gets it.
type Message struct {
	Channel string          // as subscribed, so possibly a wildcard: the wire names no other
	Event   json.RawMessage // one JSON value
}

// Client keeps one connection to the event channels, and its subscriptions alive over
// reconnects. Make it with NewClient, give it subscriptions before or after, and call Run.
// All methods are safe for use by several goroutines.
type Client struct {
	cfg     Config
	router  router
	drained chan struct{} // a hint: the queue of deliveries is at most half full
	stopped chan struct{} // closed when Run returned

	denials  int            // in a row; only Run's goroutine
	retiring sync.WaitGroup // connections that were replaced; only Run's goroutine adds

	mu      sync.Mutex // protects what follows; not held over I/O, waiting, or callbacks
	state   State
	changed chan struct{} // closed and replaced whenever state or an answer changes
	subs    []*Subscription
	link    *link // nil unless Online
	next    *link // about to replace link; nil: none
	started bool
	closed  bool
	cancel  context.CancelFunc
}

// NewClient checks the configuration. It connects nothing: Run does.
func NewClient(cfg Config) (*Client, error) {
	address, err := url.Parse(cfg.RealtimeURL)
	if err != nil || address.Host == "" || (address.Scheme != "ws" && address.Scheme != "wss") {
		return nil, fmt.Errorf("events client: realtime address %q must begin with ws:// or wss://", cfg.RealtimeURL)
	}
	if cfg.Token == nil {
		return nil, errors.New("events client: no credentials")
	}
	if cfg.Host == "" {
		cfg.Host = address.Host
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OperationTimeout <= 0 {
		cfg.OperationTimeout = defaultOperationTimeout
	}
	if cfg.SilenceTimeout <= 0 {
		cfg.SilenceTimeout = defaultSilenceTimeout
	}
	if cfg.QueueLength <= 0 {
		cfg.QueueLength = defaultQueueLength
	}
	if cfg.Dialer == nil {
		cfg.Dialer = websocket.DefaultDialer
	}
	return &Client{
		cfg:     cfg,
		router:  router{deliveries: make(chan delivery, cfg.QueueLength)},
		drained: make(chan struct{}, 1),
		stopped: make(chan struct{}),
		changed: make(chan struct{}),
		state:   State{Phase: Offline, Since: cfg.Now()},
	}, nil
}

// Run connects, moves to a new connection before a token expires or the connection is too old,
// and connects again whenever the connection is lost: until the context ends (its error is
// returned), Close is called (nil is returned), or there is no way in any more (a
// *RefusedError, or an error that wraps ErrSignedOut; State tells the same). It can be called
// once. When it returns, all goroutines of the client are gone and no handler runs.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.start(cancel); err != nil {
		return err
	}
	defer close(c.stopped)

	handlers := make(chan struct{})
	go func() {
		defer close(handlers)
		c.deliver(ctx)
	}()
	defer func() {
		cancel()
		c.retiring.Wait()
		<-handlers
	}()

	if err := c.stayConnected(ctx); err != nil {
		c.cfg.Log.Error("event channels: refused", "error", err)
		c.setState(State{Phase: Refused, Err: err})
		return err
	}
	c.setState(State{Phase: Closed})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	return ctx.Err()
}

// stayConnected makes one connection after another until the context ends (nil is returned)
// or trying again is of no use.
func (c *Client) stayConnected(ctx context.Context) error {
	var last error
	attempt, again := 0, false
	for {
		wait := c.cfg.Backoff.wait(attempt)
		if c.denials > 1 {
			wait = c.cfg.Backoff.slow() // once may be bad luck; what is refused twice is not cured by hurry
		}
		if last != nil {
			c.setState(State{Phase: Offline, Attempt: attempt, Err: last, NextTry: c.cfg.Now().Add(wait)})
		}
		if !c.pause(ctx, wait, last) {
			return nil
		}
		c.setState(State{Phase: Connecting, Attempt: attempt, Err: last})
		began := time.Now()
		l, err := c.open(ctx, ctx, time.Time{})
		online := err == nil
		if online {
			c.denials = 0
			err = c.serve(ctx, l, again)
		}
		if ctx.Err() != nil {
			return nil
		}
		if (online && c.denials >= maxDenials) || (!online && c.final(err)) || errors.Is(err, ErrSignedOut) {
			return err
		}
		c.cfg.Log.Warn("event channels lost", "attempt", attempt, "error", err)
		last, again = err, again || online
		if online && time.Since(began) >= stableAfter {
			attempt = 0
		} else {
			attempt++
		}
	}
}

func (c *Client) start(cancel context.CancelFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if c.started {
		return errors.New("events client: Run was called before")
	}
	c.started, c.cancel = true, cancel
	return nil
}

// pause waits before the next attempt; false when the client is to stop. After slow
// handlers it waits for them first, or the next connection would end the same way.
func (c *Client) pause(ctx context.Context, wait time.Duration, last error) bool {
	for errors.Is(last, ErrSlowHandler) && len(c.router.deliveries) > cap(c.router.deliveries)/2 {
		select {
		case <-ctx.Done():
			return false
		case <-c.drained:
		}
	}
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Close ends Run and waits until it has returned: afterwards no handler runs. It must not
// be called from a handler or callback; those end the client by the context of Run.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	started, cancel := c.started, c.cancel
	c.notify()
	c.mu.Unlock()
	if started {
		cancel()
		<-c.stopped
	}
}

// State returns the present state.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// WaitOnline returns when the client is connected, or with the error of the context. It
// says nothing about subscriptions: Subscription.Wait does.
func (c *Client) WaitOnline(ctx context.Context) error {
	return c.waitFor(ctx, func() (bool, error) {
		return c.state.Phase == Online, nil
	})
}

// waitFor calls done, with c.mu held, after each change until it says true or fails.
func (c *Client) waitFor(ctx context.Context, done func() (bool, error)) error {
	for {
		c.mu.Lock()
		ok, err := done()
		closed, changed, reason := c.closed || c.state.Phase == Closed, c.changed, c.state.Err
		gaveUp := c.state.Phase == Refused
		c.mu.Unlock()
		switch {
		case ok || err != nil:
			return err
		case gaveUp:
			return reason
		case closed:
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			if reason != nil {
				return fmt.Errorf("%w: %w", context.Cause(ctx), reason)
			}
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// notify wakes everyone in waitFor. The caller holds c.mu.
func (c *Client) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// setState is called on the goroutine of Run only.
func (c *Client) setState(state State) {
	state.Since = c.cfg.Now()
	c.mu.Lock()
	c.state = state
	c.notify()
	c.mu.Unlock()
	if c.cfg.OnState != nil {
		c.cfg.OnState(state)
	}
}

// Publish publishes one to five events, each a JSON value, on a channel, and waits for the
// answer. Errors: a *RefusedError when the service or the channel's handler refused all
// events, or some of them (see its Failed field); ErrOffline when there is no connection
// and nothing was sent; ErrUnconfirmed when the answer did not come.
func (c *Client) Publish(ctx context.Context, channel string, events ...json.RawMessage) error {
	texts, err := eventTexts(events)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	answer, err := c.operateOnPresent(ctx, ClientFrame{Type: TypePublish, Channel: channel, Events: texts})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	if answer.Type != TypePublishSuccess {
		return refused("publish", channel, 0, answer.Errors)
	}
	return refusedInPart(channel, PublishResult{Failed: answer.Failed, Successful: answer.Successful})
}

// operateOnPresent carries an operation out on the present connection. If that ends, or is
// replaced, before the frame was handed to its socket, the next one is used, if it is there:
// what may have been sent is never sent again.
func (c *Client) operateOnPresent(ctx context.Context, frame ClientFrame) (ServerFrame, error) {
	var before *link
	for {
		c.mu.Lock()
		l, reason := c.link, c.state.Err
		c.mu.Unlock()
		if l == nil && reason != nil {
			return ServerFrame{}, fmt.Errorf("%w: %w", ErrOffline, reason)
		}
		if l == nil || l == before {
			return ServerFrame{}, ErrOffline
		}
		answer, err := l.operate(ctx, frame)
		if !errors.Is(err, ErrOffline) {
			return answer, err
		}
		before = l
	}
}

// authorize gets a token for one connection or operation, and says when it expires.
func (c *Client) authorize(ctx context.Context) (Authorization, time.Time, error) {
	token, expires, err := c.cfg.Token(ctx)
	if err != nil {
		return nil, expires, fmt.Errorf("get a token: %w", err)
	}
	if !expires.IsZero() && !expires.After(c.cfg.Now()) {
		return nil, expires, errors.New("get a token: it has expired; sign in again")
	}
	return TokenAuthorization(c.cfg.Host, token), expires, nil
}
