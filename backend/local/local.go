// Package local puts the services of this machine together: GameLift Streams, IVS Real-Time with
// its stages, AppSync Events and Cognito, each speaking the wire of its namesake on loopback.
//
// Two listeners carry the control planes of GameLift Streams and IVS Real-Time, which only the
// backend calls, signed. One more, the edge, carries what browsers reach: the page and API of the
// backend, Cognito, the event channels and the stages; one port is enough to forward. It knows
// nothing of playtests but the gate, which it asks about every publication, as AppSync asks an
// onPublish handler.
package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/gate"
	"hotseat/backend/local/appsync"
	"hotseat/backend/local/cognito"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/local/ivsrealtime"
	"hotseat/backend/local/sigv4"
	"hotseat/backend/local/stage"
)

// What the local services call themselves.
const (
	Region      = "us-west-2"
	account     = "000000000000"
	poolID      = Region + "_Hotseat01"
	clientID    = "hotseatlocal0000000000000"
	StreamGroup = gameliftstreams.StreamGroupID
)

const (
	// maxEvent is smaller than the service's 240 KiB: the gate takes 48 KiB, and what is larger need
	// not be read before the token is checked.
	maxEvent = 64 << 10
	// readTime bounds the reading of a request. It is longer than a long poll (25 s), since net/http
	// ends a request whose connection passes this time.
	readTime = time.Minute
)

// Config of the services. All fields are required unless they say otherwise.
type Config struct {
	Listen       string // of the edge, host:port; port 0 is any free one
	PublicURL    string // of the edge as clients elsewhere reach it, such as https://playtests.example; "": as it is listened on
	Media        Media  // of the stages
	Metrics      string // host:port of the stages' figures, for Prometheus and for people; "": none
	Applications []gameliftstreams.Application
	InstancePath string // the hotseat-instance program
	ScratchDir   string // for the instances; made if missing
	Users        []cognito.User
	Gate         Gate
	Now          func() time.Time
	Log          *slog.Logger
}

// Media is how what is on a stage reaches people on other machines. The zero value keeps it on this one.
type Media struct {
	Address    string            // address:port, for UDP and for TCP; "": any ports of loopback
	PublicIPs  []string          // see stage.Config
	ICEServers []stage.ICEServer // see stage.Config
}

// Access is what a backend must know to work on the services, in this process or another. It holds
// secrets: it travels over pipes only, never in argv, the environment or a log.
type Access struct {
	Region        string
	StreamGroup   string
	Credentials   sigv4.Credentials // for the control planes
	StreamsURL    string            // GameLift Streams
	RealTimeURL   string            // IVS Real-Time
	PublicURL     string            // the page, as clients are told
	EdgeURL       string            // the page, from here
	EdgeHost      string            // host:port of the edge
	CognitoURL    string
	Issuer        string // of people's tokens
	JWKSURL       string
	PoolID        string
	ClientID      string
	EventsURL     string // HTTP publish
	RealtimeURL   string // WebSocket
	WhipURL       string
	ReasonsURL    string // why a stream session ended; see Services.reason
	MachineSecret []byte // of the tokens that the backend makes
}

// Public is how clients elsewhere reach an address of the edge, and what they call its host.
func (a Access) Public(address string) string {
	for _, scheme := range []string{"http", "ws"} {
		if rest, ok := strings.CutPrefix(address, scheme+"://"+a.EdgeHost); ok {
			return scheme + strings.TrimPrefix(a.PublicURL, "http") + rest // https becomes wss
		}
	}
	return address
}

// PublicHost is the host, and the port where it is not the scheme's own, under which clients reach the edge.
func (a Access) PublicHost() string {
	_, host, _ := strings.Cut(a.PublicURL, "://")
	return host
}

// Verifier tells whose a token is.
func (a Access) Verifier(now func() time.Time) *auth.Verifier {
	return auth.NewVerifier(auth.Config{
		Issuer: a.Issuer, ClientID: a.ClientID, JWKSURL: a.JWKSURL, MachineSecret: a.MachineSecret,
		HTTPClient: &http.Client{Timeout: 5 * time.Second}, Now: now,
	})
}

// MachineToken makes a token for a machine; an empty session is for the backend alone.
func (a Access) MachineToken(role auth.Role, session string, life time.Duration, now time.Time) (string, error) {
	return auth.MintMachine(a.MachineSecret, role, session, life, now)
}

// PersonToken makes a token for somebody whom the backend knows by other means than a sign-in, such as one
// who came with an SSH key. See auth.MintPerson.
func (a Access) PersonToken(p auth.Person, life time.Duration, now time.Time) (string, error) {
	return auth.MintPerson(a.MachineSecret, p, life, now)
}

// Services are running services.
type Services struct {
	Access   Access
	Verifier *auth.Verifier

	log       *slog.Logger
	mux       *http.ServeMux
	listeners []net.Listener
	servers   []*http.Server
	serving   sync.WaitGroup
	streams   *gameliftstreams.Service
	stages    *stage.Server
	channels  *appsync.Server
}

// Start binds the ports and starts the services, all but the edge's root, which Serve adds.
func Start(cfg Config) (_ *Services, err error) {
	s := &Services{log: cfg.Log, mux: http.NewServeMux()}
	defer func() {
		if err != nil {
			_ = s.Close(context.Background())
		}
	}()
	for _, address := range []string{cfg.Listen, "127.0.0.1:0", "127.0.0.1:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listening on %s: %w (another program may have the port: choose one with --listen, or leave it to Hotseat)", address, err)
		}
		s.listeners = append(s.listeners, l)
	}
	host := s.listeners[0].Addr().String()
	edge := "http://" + host
	s.Access = Access{
		Region: Region, StreamGroup: StreamGroup,
		Credentials: sigv4.Credentials{AccessKeyID: "AKIA" + rand.Text()[:16], SecretAccessKey: rand.Text() + rand.Text()},
		StreamsURL:  "http://" + s.listeners[1].Addr().String(), RealTimeURL: "http://" + s.listeners[2].Addr().String(),
		EdgeURL: edge, EdgeHost: host, CognitoURL: edge + "/cognito", PoolID: poolID, ClientID: clientID,
		EventsURL: edge + "/event", RealtimeURL: "ws://" + host + "/event/realtime", WhipURL: edge + "/whip",
		PublicURL: cmp.Or(strings.TrimSuffix(cfg.PublicURL, "/"), edge), ReasonsURL: edge + "/services/reason", MachineSecret: []byte(rand.Text() + rand.Text()),
	}
	if err := s.people(cfg); err != nil {
		return nil, fmt.Errorf("starting the local Cognito: %w", err)
	}
	if err := s.events(cfg); err != nil {
		return nil, fmt.Errorf("starting the local AppSync Events: %w", err)
	}
	if err := s.realTime(cfg); err != nil {
		return nil, fmt.Errorf("starting the local IVS Real-Time: %w", err)
	}
	if err := s.metrics(cfg.Metrics); err != nil {
		return nil, fmt.Errorf("starting the figures of the stages: %w", err)
	}
	if err := s.hosts(cfg); err != nil {
		return nil, fmt.Errorf("starting the local GameLift Streams: %w", err)
	}
	return s, nil
}

func (s *Services) people(cfg Config) error {
	service, err := cognito.New(cognito.Config{
		Endpoint: s.Access.CognitoURL, PoolID: poolID, ClientID: clientID, Now: cfg.Now, Log: cfg.Log.With("service", "cognito"),
	}, cfg.Users)
	if err != nil {
		return err
	}
	s.mux.Handle("/cognito/", http.StripPrefix("/cognito", service.Handler()))
	s.Access.Issuer, s.Access.JWKSURL = service.Issuer(), service.JWKSURL()
	s.Verifier = s.Access.Verifier(cfg.Now)
	return nil
}

func (s *Services) events(cfg Config) (err error) {
	tokens := []appsync.AuthMode{appsync.ModeCognito, appsync.ModeLambda}
	namespace := func(name string) appsync.Namespace {
		return appsync.Namespace{
			Name: name, PublishModes: tokens, SubscribeModes: tokens, Hooks: hooks{name, cfg.Gate, cfg.Log.With("service", "appsync")},
		}
	}
	s.channels, err = appsync.New(appsync.Config{
		Host: s.Access.EdgeHost, PublicHost: s.Access.PublicHost(), Verify: s.Verifier.Verify, Limits: appsync.Limits{EventBytes: maxEvent},
		Namespaces: []appsync.Namespace{namespace(gate.NamespacePlaytest), namespace(gate.NamespaceLive)},
		Now:        cfg.Now, Log: cfg.Log.With("service", "appsync"),
	})
	if err != nil {
		return err
	}
	s.mux.Handle("/event", s.channels.Handler())
	s.mux.Handle("/event/", s.channels.Handler())
	return nil
}

func (s *Services) realTime(cfg Config) error {
	control, err := ivsrealtime.New(ivsrealtime.Config{
		Region: Region, WhipURL: s.Access.WhipURL, EventsURL: "wss://events.hotseat.invalid", Now: cfg.Now, Log: cfg.Log.With("service", "ivs"),
	})
	if err != nil {
		return err
	}
	s.stages, err = stage.New(stage.Config{
		PublicURL: s.Access.WhipURL, UDPAddress: cfg.Media.Address, TCPAddress: cmp.Or(cfg.Media.Address, tcpAddress(s.Access.EdgeHost)),
		PublicIPs: cfg.Media.PublicIPs, ICEServers: cfg.Media.ICEServers,
		Verify: control.VerifyToken, Observer: control, Now: cfg.Now, Log: cfg.Log.With("service", "stage"),
	})
	if err != nil {
		return err
	}
	control.SetStage(s.stages)
	s.mux.Handle("/whip/", http.StripPrefix("/whip", s.stages.Handler()))
	s.serve(s.listeners[2], sigv4.Middleware("ivs", Region, s.Access.Credentials, cfg.Now, sigv4.WriteError)(control.Handler()))
	return nil
}

// tcpAddress is where stages take media from networks without UDP: any port of the edge's host.
func tcpAddress(edge string) string {
	host, _, err := net.SplitHostPort(edge)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(host, "0")
}

// metrics serves the stages' figures on a listener of their own: they name participants.
func (s *Services) metrics(address string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	s.listeners = append(s.listeners, l)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.stages.MetricsHandler())
	mux.Handle("GET /stages", s.stages.StatsHandler())
	s.serve(l, mux)
	return nil
}

func (s *Services) hosts(cfg Config) (err error) {
	s.streams, err = gameliftstreams.New(gameliftstreams.Config{
		Region: Region, Account: account, Applications: cfg.Applications, InstancePath: cfg.InstancePath,
		ScratchDir: cfg.ScratchDir, Now: cfg.Now, Log: cfg.Log.With("service", "gameliftstreams"),
	})
	if err != nil {
		return err
	}
	s.mux.HandleFunc("GET /services/reason", s.reason)
	s.serve(s.listeners[1], sigv4.Middleware("gameliftstreams", Region, s.Access.Credentials, cfg.Now, sigv4.WriteError)(s.streams.Handler()))
	return nil
}

// Serve puts the backend's own routes at the root of the edge and opens it.
func (s *Services) Serve(root http.Handler) {
	_, port, _ := net.SplitHostPort(s.Access.EdgeHost)
	s.mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The addresses that the page gets name the host as it was listened on; under another name it
		// would be a stranger to them.
		if r.Host == "localhost:"+port && r.Host != s.Access.EdgeHost && r.Method == http.MethodGet {
			http.Redirect(w, r, s.Access.EdgeURL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		root.ServeHTTP(w, r)
	}))
	s.serve(s.listeners[0], s.mux)
}

func (s *Services) serve(l net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second, // a client that sends its header byte by byte holds nothing for long
		ReadTimeout:       readTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10, // tokens travel in headers; Cognito's are 1 to 2 KiB
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("a listener stopped", "address", l.Addr().String(), "error", err)
		}
	})
}

// reason says in words why a stream session ended, to the backend alone: GameLift Streams has no more
// than a StatusReason, and a person wants the last lines of the launch script.
func (s *Services) reason(w http.ResponseWriter, r *http.Request) {
	who, err := s.Verifier.Verify(r.Context(), r.Header.Get("Authorization"))
	if err != nil || who.Role != auth.RoleBackend {
		http.Error(w, "only the backend asks for reasons", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, s.streams.Explain(r.URL.Query().Get("session"))) // the backend is gone: nobody to tell
}

// Close ends every session and waits until its processes are gone, then closes everything else.
func (s *Services) Close(ctx context.Context) error {
	var errs []error
	if s.streams != nil {
		errs = append(errs, s.streams.Close(ctx))
	}
	if s.channels != nil {
		s.channels.Close()
	}
	if s.stages != nil {
		s.stages.Close()
	}
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	for _, l := range s.listeners {
		_ = l.Close() // closed by its server, if it had one
	}
	s.serving.Wait()
	return errors.Join(errs...)
}
