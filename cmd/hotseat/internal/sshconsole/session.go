package sshconsole

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
	"hotseat/tui"
	"hotseat/tui/prefs"
)

// maxWidth and maxHeight bound a terminal in cells: a client may claim any size, and the screen is kept
// in memory.
const maxWidth, maxHeight = 500, 200

// server is what Serve keeps while it serves.
type server struct {
	cfg    Config
	people *people
	limits *limits
	url    string
	token  func(playtest.Person) events.Credentials
	ctx    context.Context // ends with Serve: consoles end
	// connected ends after ctx, when consoles had their time: connections are closed, also those that
	// are still in their handshake, which the library does not know.
	connected context.Context

	mu      sync.Mutex     // protects ended, and running from those that come after
	ended   bool           // no console begins any more
	running sync.WaitGroup // consoles
}

// begin counts a console, unless the server has ended.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.running.Add(1)
	return true
}

// wait lets no console begin any more, and returns when none runs, or after endTime.
func (s *server) wait() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(s.cfg.endTime):
	}
}

// handle is one console: a session channel of a connection whose key was proven. It ends the session.
func (s *server) handle(sess ssh.Session, c *connection, windows <-chan tea.WindowSizeMsg) {
	if !s.begin() {
		return
	}
	defer s.running.Done()
	c.begin()
	defer c.end()
	log := s.cfg.Log.With("address", sess.RemoteAddr().String())
	_, _, hasPty := sess.Pty()
	ctx, stream, done := watchIdle(sess.Context(), sess, s.cfg.IdleTimeout, !hasPty)
	defer done()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.ctx, func() { end(nil) })()
	defer s.endInTime(ctx, sess, c, log)()

	who, ok := s.people.find(sess.PublicKey())
	var err error
	switch {
	case !ok: // taken off the list since the handshake
		err = errors.New("your key is no longer known here")
	case sess.RawCommand() != "":
		err = errors.New("no commands are run here: `ssh -t` without one is the console, `ssh -T` its lines; scripts use `hotseat login` and `hotseat sessions`")
	default:
		log = log.With("person", who.Name, "role", who.Role)
		log.Info("a console was opened", "key", gossh.FingerprintSHA256(sess.PublicKey()))
		began := s.cfg.Now()
		go s.stayListed(ctx, sess.PublicKey(), who, end)
		err = s.console(ctx, sess, stream, who, windows, log)
		log.Info("a console was closed", "after", s.cfg.Now().Sub(began).Round(time.Second), "error", err)
	}
	end(nil) // what follows may wait for a client that does not read
	if err != nil {
		refuse(sess, err.Error())
		return
	}
	_ = sess.Exit(0)
}

// endInTime closes the session endTime after its context ended, and its connection after that time
// again, unless stop is called before: who writes to a client that does not read waits for ever, and a
// client that does not confirm the session's end keeps the writer waiting.
func (s *server) endInTime(ctx context.Context, sess ssh.Session, c *connection, log *slog.Logger) (stop func()) {
	ended := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		session := time.AfterFunc(s.cfg.endTime, func() {
			log.Warn("a console did not end in time; its session is closed")
			_ = sess.Close() // may wait for the client as well
		})
		defer session.Stop()
		connection := time.AfterFunc(2*s.cfg.endTime, func() {
			log.Warn("a console did not end with its session; its connection is closed")
			_ = c.Close()
		})
		defer connection.Stop()
		<-ended
	})
	return func() {
		close(ended)
		unhook()
	}
}

// refuse says why, where a person sees it, and ends the session.
func refuse(sess ssh.Session, why string) {
	_, _ = fmt.Fprintf(sess.Stderr(), "hotseat: %s\n", why)
	_ = sess.Exit(1)
}

// console runs until the person leaves, or the context ends: since they are idle for too long, or the
// session, the connection or the server ends.
func (s *server) console(ctx context.Context, sess ssh.Session, stream io.ReadWriter, who playtest.Person, windows <-chan tea.WindowSizeMsg, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("a console panicked", "panic", p, "stack", string(debug.Stack()))
			err = errors.New("the console had an error of its own; connect again")
		}
	}()
	preferences := prefs.Default()
	preferences.Picture = "blocks" // a terminal's own graphics cost the line ten times as much
	opts := tui.Options{
		Preferences: preferences,
		URL:         s.url, Token: s.token(who), ReadOnly: who.Role == playtest.RoleViewer,
		Log: s.cfg.Log.With("person", who.Name), Now: s.cfg.Now, NoFiles: true, Inside: true,
	}
	if pty, _, hasPty := sess.Pty(); hasPty {
		opts.Input, opts.Output, opts.Environ = stream, stream, environ(sess.Environ(), pty.Term)
		opts.Size = sizeOf(pty.Window)
		opts.Resize = windows
		err = tui.Run(ctx, opts)
	} else {
		in, end := untilEnd(stream)
		defer end()
		err = tui.Plain(ctx, opts, in, stream)
	}
	var gone errIdle
	if why := context.Cause(ctx); errors.As(why, &gone) || errors.Is(why, errUnlisted) {
		return why
	}
	return err
}

// errUnlisted is why a console ends whose person is no longer who they were when it was opened.
var errUnlisted = errors.New("the file of people has changed and no longer lets you in as who you were; connect again")

// stayListed ends the console when the key is taken off the list, or means somebody else.
func (s *server) stayListed(ctx context.Context, key gossh.PublicKey, who playtest.Person, end context.CancelCauseFunc) {
	look := time.NewTicker(s.cfg.listedEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if still, ok := s.people.find(key); !ok || still != who {
				end(errUnlisted)
				return
			}
		}
	}
}

// untilEnd is a reader that is given up by its closer: what blocks in the stream is left to the end of
// the session.
func untilEnd(stream io.Reader) (io.Reader, func()) {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, stream)
		_ = w.CloseWithError(err)
	}()
	return r, func() { _ = r.Close() }
}

func sizeOf(w ssh.Window) tea.WindowSizeMsg {
	return tea.WindowSizeMsg{Width: min(max(w.Width, 1), maxWidth), Height: min(max(w.Height, 1), maxHeight)}
}

// environ is the console's environment: the terminal's name, and what of the client's matters.
func environ(given []string, term string) []string {
	out := []string{"TERM=" + term, "TTY_FORCE=1"} // the stream is a terminal although it is no file
	for _, variable := range given {
		if noticed(variable) {
			out = append(out, variable)
		}
	}
	return out
}
