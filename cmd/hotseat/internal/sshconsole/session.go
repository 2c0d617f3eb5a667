package sshconsole

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"hotseat/backend/playtest"
	"hotseat/tui"
	"hotseat/tui/prefs"
)

const (
	// maxWidth and maxHeight bound a terminal in cells: a client may claim any size, and the screen is
	// kept in memory.
	maxWidth, maxHeight = 500, 200
	// maxVariable bounds a variable of the environment, maxConsoles the consoles of one connection
	// (OpenSSH's MaxSessions is 10 by default).
	maxVariable = 128
	maxConsoles = 4
)

// environment is what of the client's environment the console takes notice of. TERM comes with the
// terminal.
var environment = []string{"COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "TERM_PROGRAM"}

type server struct {
	cfg    Config
	people *people
	limits *limits
	ctx    context.Context // ends with Serve

	mu       sync.Mutex // protects consoles
	consoles map[string]int
	running  sync.WaitGroup
}

// wait returns when no console runs any more, or after a time.
func (s *server) wait(most time.Duration) {
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(most):
	}
}

// handle is one console: a session channel of a connection whose key was proven.
func (s *server) handle(sess ssh.Session) {
	log := s.cfg.Log.With("address", sess.RemoteAddr().String())
	who, ok := s.people.find(sess.PublicKey())
	if !ok { // taken off the list since the handshake
		s.refuse(sess, "your key is no longer known here")
		return
	}
	log = log.With("person", who.Name, "role", who.Role)
	if !s.enter(sess.Context().SessionID()) {
		s.refuse(sess, fmt.Sprintf("one connection has at most %d consoles", maxConsoles))
		return
	}
	defer s.leave(sess.Context().SessionID())
	defer func() {
		if p := recover(); p != nil {
			log.Error("a console panicked", "panic", p, "stack", string(debug.Stack()))
			s.refuse(sess, "the console had an error of its own; connect again")
		}
	}()
	if sess.RawCommand() != "" {
		s.refuse(sess, "no commands are run here: `ssh -t` without one is the console, `ssh -T` its lines; scripts use `hotseat login` and `hotseat sessions`")
		return
	}
	log.Info("a console was opened", "key", gossh.FingerprintSHA256(sess.PublicKey()))
	began := s.cfg.Now()
	err := s.console(sess, who)
	log.Info("a console was closed", "after", s.cfg.Now().Sub(began).Round(time.Second), "error", err)
	if err != nil {
		s.refuse(sess, err.Error())
	}
}

// enter counts the consoles of a connection.
func (s *server) enter(connection string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.consoles == nil {
		s.consoles = map[string]int{}
	}
	if s.consoles[connection] >= maxConsoles || s.ctx.Err() != nil {
		return false
	}
	s.consoles[connection]++
	s.running.Add(1)
	return true
}

func (s *server) leave(connection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.consoles[connection]--; s.consoles[connection] == 0 {
		delete(s.consoles, connection)
	}
	s.running.Done()
}

// refuse says why, where a person sees it, and ends the session.
func (s *server) refuse(sess ssh.Session, why string) {
	_, _ = fmt.Fprintf(sess.Stderr(), "hotseat: %s\n", why)
	_ = sess.Exit(1)
}

// console runs until the person leaves, is idle for too long, or the connection or the server ends.
func (s *server) console(sess ssh.Session, who playtest.Person) error {
	pty, windows, hasPty := sess.Pty()
	ctx, stream, done := watchIdle(sess.Context(), sess, s.cfg.IdleTimeout, !hasPty)
	defer done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(nil) })()
	go s.stayListed(ctx, sess.PublicKey(), who, cancel)

	preferences := prefs.Default()
	preferences.Picture = "blocks" // a terminal's own graphics cost the line ten times as much
	opts := tui.Options{
		Preferences: preferences,
		URL:         s.cfg.Server, Token: s.cfg.Token(who), ReadOnly: who.Role == playtest.RoleViewer,
		Log: s.cfg.Log.With("person", who.Name), Now: s.cfg.Now, NoFiles: true,
	}
	var err error
	if hasPty {
		opts.Input, opts.Output, opts.Environ = stream, stream, environ(sess.Environ(), pty.Term)
		opts.Size = sizeOf(pty.Window)
		opts.Resize = sizes(ctx, windows)
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

// sizes turns the client's windows into the console's, the newest in place of one that was not taken.
func sizes(ctx context.Context, windows <-chan ssh.Window) <-chan tea.WindowSizeMsg {
	out := make(chan tea.WindowSizeMsg, 1)
	go func() { // reads to the end, since the connection waits for its reader
		for w := range windows {
			select {
			case <-out:
			default:
			}
			select {
			case out <- sizeOf(w): // there is room: nobody else writes
			case <-ctx.Done():
			}
		}
	}()
	return out
}

func sizeOf(w ssh.Window) tea.WindowSizeMsg {
	return tea.WindowSizeMsg{Width: min(max(w.Width, 1), maxWidth), Height: min(max(w.Height, 1), maxHeight)}
}

// environ is the console's environment: the terminal's name, and what of the client's matters.
func environ(given []string, term string) []string {
	out := []string{"TERM=" + term, "TTY_FORCE=1"} // the stream is a terminal although it is no file
	for _, variable := range given {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(environment, name) && len(variable) <= maxVariable {
			out = append(out, variable)
		}
	}
	return out
}
