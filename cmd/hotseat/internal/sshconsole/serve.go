package sshconsole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"charm.land/ssh"
	"charm.land/wish/v2"
	gossh "golang.org/x/crypto/ssh"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

// Defaults of Config, and bounds that nobody needs to choose.
const (
	defaultIdle    = 30 * time.Minute
	defaultMost    = 100
	defaultPerHost = 10
	// handshakeTime bounds a handshake: a person who types the key's passphrase does so before it.
	handshakeTime = 10 * time.Second
	// maxKeys is how many keys a client may offer; agents hold several.
	maxKeys = 10
	// listedEvery is how often an open console's key is looked up again: who is taken off the list is out
	// within this time.
	listedEvery = 5 * time.Second
	// endTime is how long a console may take to give the terminal back once it is to end, before its
	// session is closed, and then again before its connection is.
	endTime = 3 * time.Second
)

// Config of Listen. Addr, HostKeyFile and PeopleFile are needed.
type Config struct {
	Addr        string // host:port
	HostKeyFile string // made if missing
	PeopleFile  string // see ParsePeople
	Log         *slog.Logger

	IdleTimeout time.Duration    // without anything typed; default 30 min
	Max         int              // connections at once; default 100
	MaxPerHost  int              // of them from one address; default 10
	Now         func() time.Time // default time.Now

	listedEvery, startTime, emptyTime, endTime time.Duration // for tests
}

func (c Config) withDefaults() (Config, error) {
	if c.Addr == "" || c.HostKeyFile == "" || c.PeopleFile == "" {
		return c, errors.New("console over SSH: address, host key and people are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Max <= 0 {
		c.Max = defaultMost
	}
	if c.MaxPerHost <= 0 {
		c.MaxPerHost = defaultPerHost
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&c.IdleTimeout, defaultIdle}, {&c.listedEvery, listedEvery}, {&c.startTime, startTime}, {&c.emptyTime, emptyTime}, {&c.endTime, endTime}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	return c, nil
}

// Server has its port, its key and its people, and serves once it knows the backend.
type Server struct {
	cfg      Config
	people   *people
	key      gossh.Signer
	listener net.Listener
}

// Listen reads the file of people and the host key and takes the port: whatever is wrong with them is
// an error. Clients that come before Serve wait. Call Serve or Close.
func Listen(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	known, err := loadPeople(cfg.PeopleFile, cfg.Log, cfg.Now)
	if err != nil {
		return nil, err
	}
	key, err := hostKey(cfg.HostKeyFile)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("console over SSH: %w (another program may have the port: choose one with --ssh)", err)
	}
	return &Server{cfg: cfg, people: known, key: key, listener: listener}, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Command is what a person types to come here: with this machine's name where the server listens on
// every address.
func (s *Server) Command() string {
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		return "ssh " + s.Addr().String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil && name != "" {
			host = name
		}
	}
	return fmt.Sprintf("ssh -p %s %s", port, host)
}

// Close gives the port back; a Serve that runs returns.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("console over SSH: %w", err)
	}
	return nil
}

// Serve serves consoles of the backend at a URL until the context ends, which is nil, and waits for
// them to end. It is called once.
//
// token makes the credentials of a person who has shown their key. They are asked for as long as the
// person is connected, so they hold a short-lived token and renew it.
func (s *Server) Serve(ctx context.Context, url string, token func(playtest.Person) events.Credentials) error {
	defer func() { _ = s.Close() }()
	if url == "" || token == nil {
		return errors.New("console over SSH: the backend's URL and tokens are needed")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	connected, closeAll := context.WithCancel(context.WithoutCancel(ctx))
	defer closeAll()
	serving := &server{cfg: s.cfg, people: s.people, limits: newLimits(s.cfg.Max, s.cfg.MaxPerHost, s.cfg.Now), url: url, token: token, ctx: ctx, connected: connected}
	library, err := wish.NewServer(
		func(srv *ssh.Server) error { srv.AddHostKey(s.key); return nil },
		wish.WithVersion("Hotseat"),
		wish.WithPublicKeyAuth(serving.knows),
		ssh.EmulatePty(),
		ssh.WrapConn(serving.admit),
		func(srv *ssh.Server) error {
			srv.HandshakeTimeout = handshakeTime
			srv.ServerConfigCallback = func(ssh.Context) *gossh.ServerConfig { return &gossh.ServerConfig{MaxAuthTries: maxKeys} }
			// What is not named here is refused: only sessions, and no forwarding of any kind.
			srv.ChannelHandlers = map[string]ssh.ChannelHandler{"default": serving.channel}
			srv.RequestHandlers = map[string]ssh.RequestHandler{}
			srv.SubsystemHandlers = map[string]ssh.SubsystemHandler{}
			return nil
		},
	)
	if err != nil {
		return fmt.Errorf("console over SSH: %w", err)
	}
	s.cfg.Log.Info("the console is served over SSH", "address", s.Addr().String(), "host key", gossh.FingerprintSHA256(s.key.PublicKey()), "keys", len(s.people.byKey))
	defer context.AfterFunc(ctx, func() {
		serving.wait() // consoles see the context end and give the terminal back
		closeAll()
		_ = s.Close() // the library does not know the listener before it serves
		_ = library.Close()
	})()
	err = library.Serve(s.listener)
	ended := ctx.Err() != nil
	cancel()
	serving.wait()
	closeAll()
	serving.wait() // those that only the end of their connection ends
	if ended && (errors.Is(err, ssh.ErrServerClosed) || errors.Is(err, net.ErrClosed)) {
		return nil
	}
	return fmt.Errorf("console over SSH: %w", err)
}

// knows lets keys in that the file of people has. A key that was only asked about counts for nothing:
// who somebody is, handle takes from the key that they proved to have.
func (s *server) knows(ctx ssh.Context, key ssh.PublicKey) bool {
	_, ok := s.people.find(key)
	if !ok {
		s.cfg.Log.Info("an unknown key was refused", "address", ctx.RemoteAddr().String(), "key", gossh.FingerprintSHA256(key))
	}
	return ok
}

func (s *server) admit(ctx ssh.Context, conn net.Conn) net.Conn {
	admitted, why := s.limits.admit(conn)
	if why != "" {
		s.cfg.Log.Warn("a connection was refused", "address", conn.RemoteAddr().String(), "why", why)
		return nil
	}
	c := newConnection(s.connected, admitted, s.cfg.emptyTime, func() {
		s.cfg.Log.Info("a connection without a console was closed", "address", conn.RemoteAddr().String())
	})
	ctx.SetValue(connectionKey{}, c)
	return c
}
