package sshconsole

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

const (
	// maxRequest bounds a request of a channel in bytes. The largest that is served is pty-req (RFC 4254,
	// section 6.2): a terminal's name, four numbers and at most 159 modes of five bytes each.
	maxRequest = 4 << 10
	// maxVariable bounds a variable of the environment in bytes, with its name; maxVariables how many a
	// session may set, each name several times.
	maxVariable  = 128
	maxVariables = 16
	// startTime is how long a session may be open without asking for a shell; clients ask at once.
	startTime = 10 * time.Second
)

// environment is what of the client's environment the console takes notice of. TERM comes with the
// terminal.
var environment = []string{"COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "TERM_PROGRAM"}

// noticed says of a variable, NAME=value, whether the console takes notice of it.
func noticed(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return len(variable) <= maxVariable && slices.Contains(environment, name)
}

// channel serves a channel that a client opens, until it is closed and its console has ended. The
// channel takes one of the connection's places before anything is kept for it.
func (s *server) channel(srv *ssh.Server, conn *gossh.ServerConn, offered gossh.NewChannel, ctx ssh.Context) {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	switch {
	case !ok: // admit puts it there
		_ = offered.Reject(gossh.ConnectionFailed, "the connection is not known")
		return
	case offered.ChannelType() != "session":
		c.refuse(offered, gossh.UnknownChannelType, "nothing but consoles is served")
		return
	case !c.take():
		c.refuse(offered, gossh.ResourceShortage, fmt.Sprintf("one connection has at most %d consoles", maxConsoles))
		return
	}
	defer c.give()

	open, closed := context.WithCancel(ctx)
	defer closed()
	n := &narrowed{NewChannel: offered, open: open, startTime: s.cfg.startTime, windows: make(chan tea.WindowSizeMsg, 1)}
	var running sync.WaitGroup
	ssh.DefaultSessionHandler(&ssh.Server{
		Handler: func(sess ssh.Session) {
			defer running.Done()
			s.handle(sess, c, n.windows)
		},
		// Called before the handler is started, and by who returns from DefaultSessionHandler.
		SessionRequestCallback: func(ssh.Session, string) bool {
			running.Add(1)
			return true
		},
		PtyCallback: func(_ ssh.Context, pty ssh.Pty) bool { return len(pty.Term) <= maxVariable },
		PtyHandler:  srv.PtyHandler,
	}, conn, n, channelContext{Context: ctx, open: open})
	closed()
	running.Wait()
}

// channelContext is the connection's context for one channel, and ends with the channel.
type channelContext struct {
	ssh.Context
	open context.Context // a child of the connection's
}

func (c channelContext) Deadline() (time.Time, bool) { return c.open.Deadline() }
func (c channelContext) Done() <-chan struct{}       { return c.open.Done() }
func (c channelContext) Err() error                  { return c.open.Err() }
func (c channelContext) Value(key any) any           { return c.open.Value(key) }

// narrowed is an offered channel that hands on only the requests that a console needs. Its requests are
// delivered in order and wait for their reader, so a client that sends too many waits for the network;
// sizes of the terminal are coalesced to the newest; all others are refused and forgotten.
type narrowed struct {
	gossh.NewChannel
	open      context.Context // ends with the channel
	startTime time.Duration
	windows   chan tea.WindowSizeMsg // the newest size that was not taken; one place

	// What follows belongs to pass.
	shell     bool
	variables int
}

// Accept opens the channel. Its request stream ends with the channel's own.
func (n *narrowed) Accept() (gossh.Channel, <-chan *gossh.Request, error) {
	channel, requests, err := n.NewChannel.Accept()
	if err != nil {
		return nil, nil, err
	}
	served := make(chan *gossh.Request)
	start := time.AfterFunc(n.startTime, func() { _ = channel.Close() })
	go func() {
		defer close(served)
		defer start.Stop()
		for request := range requests { // to its end: the whole connection waits for the reader
			if !n.serves(request) {
				continue
			}
			if n.shell {
				start.Stop()
			}
			select {
			case served <- request:
			case <-n.open.Done():
				_ = request.Reply(false, nil)
			}
		}
	}()
	return channel, served, nil
}

// serves says whether a request is handed on; if not, it is answered.
func (n *narrowed) serves(request *gossh.Request) bool {
	ok := len(request.Payload) <= maxRequest
	switch {
	case !ok:
	case request.Type == "window-change":
		ok = n.resize(request.Payload)
	case n.shell: // what comes after the shell changes nothing
		ok = false
	case request.Type == "shell", request.Type == "exec":
		n.shell = true
		return true
	case request.Type == "pty-req":
		return true
	case request.Type == "env":
		if n.sets(request.Payload) {
			return true
		}
		ok = false
	default:
		ok = false
	}
	_ = request.Reply(ok, nil)
	return false
}

// sets says whether a request sets a variable that is noticed (RFC 4254, section 6.4).
func (n *narrowed) sets(payload []byte) bool {
	var variable struct{ Name, Value string }
	if gossh.Unmarshal(payload, &variable) != nil || !noticed(variable.Name+"="+variable.Value) || n.variables >= maxVariables {
		return false
	}
	n.variables++
	return true
}

// resize puts a size in place of one that was not taken (RFC 4254, section 6.7).
func (n *narrowed) resize(payload []byte) bool {
	var window struct{ Columns, Rows, Width, Height uint32 }
	if gossh.Unmarshal(payload, &window) != nil {
		return false
	}
	select {
	case <-n.windows:
	default:
	}
	n.windows <- sizeOf(ssh.Window{Width: int(window.Columns), Height: int(window.Rows)}) // there is room: nobody else writes
	return true
}
