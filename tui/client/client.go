package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

const (
	// defaultInterval lets at most thirty updates a second through: the rate at which the screen
	// is worth drawing.
	defaultInterval = time.Second / 30
	// firstRetry and lastRetry bound the back-off while the backend cannot be reached at the
	// start; the demo starts backend and console together, so the first tries are quick.
	firstRetry, lastRetry = 100 * time.Millisecond, 5 * time.Second
	// eventQueue is how many events may wait for the loop before the connection is given up and what was missed
	// is read from the log: most of a second of 10,000 lines a second, for a machine that is busy elsewhere.
	eventQueue = 8192
	// workQueue is how much work may wait for the loop before whoever brings it waits: a burst of events then
	// costs it one wake-up instead of one each.
	workQueue = 256
)

// Config of a Client. URL is needed, and either Token or Email and Password; the rest has defaults.
type Config struct {
	URL             string // of the backend: http://127.0.0.1:8470
	Email, Password string
	// Token is used instead of Email and Password if it is set. An error of it that wraps
	// ErrSignIn ends Run, others are tried again.
	Token events.Credentials
	// TLS is how the certificates of the backend and of the channels are checked; nil: as the
	// system does.
	TLS        *tls.Config
	HTTPClient *http.Client // default: one of its own, with TLS
	Now        func() time.Time
	Log        *slog.Logger
	Interval   time.Duration // between updates at least; default a thirtieth of a second
	Inside     bool          // use the addresses of the server's own machine, on which this runs
	KeepRaw    bool          // Update.Raw is filled, for programs that want the JSON
	// Only is the one session whose log is followed, from the event after After on; nothing is heard
	// of the others, nor of any live channel. Empty: every session, whole.
	Only  string
	After int64
}

// Client is the network side of one console. Make it with New, read Updates, call Run.
type Client struct {
	Actions
	cfg     Config
	updates chan Update
	do      chan func(*loop) // work for the goroutine that owns the state
	done    chan struct{}    // closed when the loop no longer takes work

	mu  sync.Mutex // protects what follows; never held over I/O
	api *api
	bus *events.Client
}

// New checks the configuration; it connects nothing.
func New(cfg Config) (*Client, error) {
	var err error
	if cfg.URL, err = parseAddress(cfg.URL); err != nil {
		return nil, err
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{}
		if cfg.TLS != nil {
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.TLSClientConfig = cfg.TLS.Clone()
			cfg.HTTPClient.Transport = transport
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = defaultInterval
	}
	c := &Client{cfg: cfg, updates: make(chan Update, 1), do: make(chan func(*loop), workQueue), done: make(chan struct{})}
	c.Actions = Actions{by: c}
	return c, nil
}

// Updates is where news arrives, from one reader's view. It is closed when Run returns.
func (c *Client) Updates() <-chan Update { return c.updates }

// Run signs in and keeps everything up to date until the context ends (nil is returned) or
// signing in is refused (an error that wraps ErrSignIn). It can be called once.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer close(c.updates)
	defer work.Wait()
	defer cancel()

	refused := make(chan error, 1)
	work.Go(func() {
		if err := c.connect(ctx); err != nil {
			refused <- err
			cancel()
		}
	})
	newLoop(c, ctx).run()
	select {
	case err := <-refused:
		return err
	default:
		return nil
	}
}

// connect finds the backend, signs in, and runs the connection to the event channels. It returns
// an error only if trying again is of no use.
func (c *Client) connect(ctx context.Context) error {
	var me playtest.Person
	wait := firstRetry
	for {
		var err error
		if me, err = c.hello(ctx); err == nil {
			break
		}
		if errors.Is(err, ErrSignIn) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		c.cfg.Log.Debug("cannot reach the backend yet", "error", err)
		c.post(ctx, func(l *loop) { l.setConnection(SigningIn, err) })
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
	c.post(ctx, func(l *loop) { l.begin(me) })
	if err := c.bus.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the event channels let nobody in any more: %w", err)
	}
	return nil
}

// hello reads the configuration, signs in and asks who that is.
func (c *Client) hello(ctx context.Context) (playtest.Person, error) {
	path := "/api/config"
	if c.cfg.Inside {
		path += "?inside=1"
	}
	place, err := discover(ctx, c.cfg.HTTPClient, c.cfg.URL, path)
	if err != nil {
		return playtest.Person{}, err
	}
	token := c.cfg.Token
	if token == nil {
		token = place.SignIn(Account{Email: c.cfg.Email, Password: c.cfg.Password}, c.cfg.Now).Token
	}
	if _, _, err := token(ctx); err != nil {
		return playtest.Person{}, err
	}
	signedIn := &api{base: c.cfg.URL, http: c.cfg.HTTPClient, token: token}
	var me playtest.Person
	if err := signedIn.call(ctx, http.MethodGet, "/api/me", nil, &me); err != nil {
		return playtest.Person{}, err
	}
	dialer := *websocket.DefaultDialer
	if c.cfg.TLS != nil {
		dialer.TLSClientConfig = c.cfg.TLS.Clone()
	}
	bus, err := events.NewClient(events.Config{
		Dialer: &dialer, RealtimeURL: place.conf.Events.RealtimeURL, Host: place.conf.Events.Host, Token: token,
		Log: c.cfg.Log, Now: c.cfg.Now, QueueLength: eventQueue,
		OnState:     func(s events.State) { c.post(ctx, func(l *loop) { l.busState(s) }) },
		OnReconnect: func(context.Context) { c.post(ctx, func(l *loop) { l.catchUpAll() }) },
	})
	if err != nil {
		return playtest.Person{}, err
	}
	c.mu.Lock()
	c.api, c.bus = signedIn, bus
	c.mu.Unlock()
	return me, nil
}

// Open says which session the person looks at ("" for none): its log is read even if it has
// ended, others see the person's presence there.
func (c *Client) Open(session string) {
	c.postSoon(func(l *loop) { l.open(session) })
}

// caller, publish and changed are the way of Actions.
func (c *Client) caller() (*api, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api == nil {
		return nil, errNotReady
	}
	return c.api, nil
}

func (c *Client) publish(ctx context.Context, session string, event json.RawMessage) error {
	c.mu.Lock()
	bus := c.bus
	c.mu.Unlock()
	if bus == nil {
		return errNotReady
	}
	return sentence(bus.Publish(ctx, "/playtest/"+session, event))
}

func (c *Client) changed() {
	c.postSoon(func(l *loop) { l.refresh() })
}

// post hands work to the loop, in turn, and waits while much is waiting, or until the context ends.
func (c *Client) post(ctx context.Context, work func(*loop)) {
	select {
	case c.do <- work:
	case <-ctx.Done():
	}
}

// postSoon is post for callers without a context: the end of the loop lets them go.
func (c *Client) postSoon(work func(*loop)) {
	select {
	case c.do <- work:
	case <-c.done:
	}
}
