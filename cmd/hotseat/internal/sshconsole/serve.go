package sshconsole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	// endTime is how long consoles may take to give the terminals back.
	endTime = 3 * time.Second
)

// Config of Serve. Addr, HostKeyFile, PeopleFile, Server and Token are needed.
type Config struct {
	Addr        string // host:port
	HostKeyFile string // made if missing
	PeopleFile  string // see ParsePeople
	Server      string // URL of the backend, on loopback
	// Token makes the credentials of a person who has shown their key. They are asked for as long as
	// the person is connected, so they hold a short-lived token and renew it.
	Token func(playtest.Person) events.Credentials
	Log   *slog.Logger

	IdleTimeout time.Duration    // without anything typed; default 30 min
	Max         int              // connections at once; default 100
	MaxPerHost  int              // of them from one address; default 10
	Now         func() time.Time // default time.Now
	Listening   func(net.Addr)   // told the address once connections are accepted; nil: nobody

	listedEvery time.Duration // for tests
}

func (c Config) withDefaults() (Config, error) {
	if c.Addr == "" || c.HostKeyFile == "" || c.PeopleFile == "" || c.Server == "" || c.Token == nil {
		return c, errors.New("console over SSH: address, host key, people, server and token are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Max <= 0 {
		c.Max = defaultMost
	}
	if c.listedEvery <= 0 {
		c.listedEvery = listedEvery
	}
	if c.MaxPerHost <= 0 {
		c.MaxPerHost = defaultPerHost
	}
	return c, nil
}

// Serve listens and serves consoles until the context ends, which is nil, or something is wrong with
// the configuration: address, host key, people. It waits for the consoles to end.
func Serve(ctx context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	known, err := loadPeople(cfg.PeopleFile, cfg.Log, cfg.Now)
	if err != nil {
		return err
	}
	key, err := hostKey(cfg.HostKeyFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{cfg: cfg, people: known, limits: newLimits(cfg.Max, cfg.MaxPerHost, cfg.Now), ctx: ctx}
	server, err := wish.NewServer(
		func(srv *ssh.Server) error { srv.AddHostKey(key); return nil },
		wish.WithVersion("Hotseat"),
		wish.WithPublicKeyAuth(s.knows),
		ssh.EmulatePty(),
		ssh.WrapConn(s.admit),
		func(srv *ssh.Server) error {
			srv.Handler = s.handle
			srv.HandshakeTimeout = handshakeTime
			srv.ServerConfigCallback = func(ssh.Context) *gossh.ServerConfig { return &gossh.ServerConfig{MaxAuthTries: maxKeys} }
			srv.PtyCallback = func(_ ssh.Context, pty ssh.Pty) bool { return len(pty.Term) <= maxVariable }
			srv.SessionRequestCallback = func(_ ssh.Session, kind string) bool { return kind != "subsystem" }
			// What is not named here is refused: only sessions, and no forwarding of any kind.
			srv.ChannelHandlers = map[string]ssh.ChannelHandler{"session": ssh.DefaultSessionHandler}
			srv.RequestHandlers = map[string]ssh.RequestHandler{}
			srv.SubsystemHandlers = map[string]ssh.SubsystemHandler{}
			return nil
		},
	)
	if err != nil {
		return fmt.Errorf("console over SSH: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("console over SSH: %w (another program may have the port: choose one with --ssh)", err)
	}
	cfg.Log.Info("the console is served over SSH", "address", listener.Addr().String(), "host key", gossh.FingerprintSHA256(key.PublicKey()), "keys", len(known.byKey))
	if cfg.Listening != nil {
		cfg.Listening(listener.Addr())
	}
	stopped := context.AfterFunc(ctx, func() {
		s.wait(endTime) // consoles see the context end and give the terminal back
		_ = server.Close()
	})
	defer stopped()
	err = server.Serve(listener)
	cancel()
	s.wait(endTime)
	if errors.Is(err, ssh.ErrServerClosed) {
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

func (s *server) admit(_ ssh.Context, conn net.Conn) net.Conn {
	admitted, why := s.limits.admit(conn)
	if why != "" {
		s.cfg.Log.Warn("a connection was refused", "address", conn.RemoteAddr().String(), "why", why)
		return nil
	}
	return admitted
}
