package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// maxCommand bounds one line on stdin: the longest chat line in four-byte characters, and a verb.
const maxCommand = 4 << 10

// Plain is the console without a screen: events on out, one a line, and commands from in, one a
// line (help lists them). It hears Options.InitialSession, or every session if that is empty; a
// command is about the session that open named last, else the initial one, else the newest that runs. It ends with the command quit,
// with the context, or when signing in is refused; the end of in ends only the commands. A read
// of in that blocks is left behind when Plain returns: close in if that matters.
func Plain(ctx context.Context, opts Options, in io.Reader, out io.Writer) error {
	opts = opts.withDefaults()
	net, err := newClient(opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	offline := make(chan error, 1)
	go func() { offline <- net.Run(ctx) }()

	p := &plain{opts: opts, net: net, out: bufio.NewWriter(out), boards: map[string]*board{}}
	p.greet()
	net.Open(opts.InitialSession)
	err = p.loop(ctx, readLines(ctx, in))
	cancel()
	for range net.Updates() { // the client may be waiting to hand one over
	}
	if refused := <-offline; refused != nil {
		return fmt.Errorf("console: %w", refused)
	}
	return err
}

// plain is the state of Plain; one goroutine owns it.
type plain struct {
	opts   Options
	net    backend
	out    *bufio.Writer
	boards map[string]*board
	order  []string // sessions of the list, newest first
	opened string   // by the command
	me     playtest.Person
	phase  client.Phase
}

func (p *plain) loop(ctx context.Context, lines <-chan string) error {
	for {
		if err := p.out.Flush(); err != nil {
			return fmt.Errorf("console: write: %w", err)
		}
		select {
		case u, ok := <-p.net.Updates():
			if !ok {
				return nil
			}
			p.absorb(u)
		case line, ok := <-lines:
			if !ok {
				lines = nil // the end of stdin; go on telling
				continue
			}
			if line == tooLong {
				p.say("refused: a line has at most %d bytes; this one is left out", maxCommand)
				continue
			}
			if quit := p.command(ctx, line); quit {
				return p.out.Flush()
			}
		}
	}
}

// tooLong stands for a line that was longer than maxCommand; no command looks like it.
const tooLong = "\x00too long"

// readLines reads lines until the end of in or of ctx.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	if in == nil {
		close(lines)
		return lines
	}
	go func() {
		defer close(lines)
		reader := bufio.NewReaderSize(in, maxCommand)
		for {
			line, err := reader.ReadSlice('\n')
			text := strings.TrimRight(string(line), "\r\n")
			for long := errors.Is(err, bufio.ErrBufferFull); long; long = errors.Is(err, bufio.ErrBufferFull) {
				text = tooLong
				_, err = reader.ReadSlice('\n')
			}
			if err != nil && text == "" {
				return
			}
			select {
			case lines <- text:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

func (p *plain) greet() {
	if p.opts.JSON {
		return
	}
	if p.opts.Banner != "" {
		p.say("%s", safe(p.opts.Banner))
	}
	if len(p.opts.Access) > 0 {
		p.say("page: %s", safe(p.opts.PageURL))
		for _, a := range p.opts.Access {
			p.say("sign-in: %s %s %s", fit(safe(a.Role), 8), safe(a.Email), safe(a.Password))
		}
	}
}

func (p *plain) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *plain) absorb(u client.Update) {
	if u.Me != nil {
		p.me = safePerson(*u.Me)
	}
	if u.Connection != nil && !p.opts.JSON {
		p.tellConnection(*u.Connection)
	}
	if u.Sessions != nil {
		p.order = p.order[:0]
		for _, s := range u.Sessions {
			p.order = append(p.order, s.ID)
			p.board(s.ID).setInfo(s)
		}
	}
	for _, e := range u.Events {
		p.board(e.Session).apply(e)
		if !p.opts.JSON && p.hears(e.Session) {
			p.tell(e)
		}
	}
	for id, live := range u.Live {
		p.board(id).applyLive(live, p.opts.Now())
		if !p.opts.JSON && p.hears(id) {
			p.tellReactions(id, live)
		}
	}
	for _, raw := range u.Raw {
		if p.opts.InitialSession == "" || sessionOf(raw) == p.opts.InitialSession {
			p.say("%s", compact(raw))
		}
	}
}

func (p *plain) hears(id string) bool {
	return p.opts.InitialSession == "" || id == p.opts.InitialSession
}

func (p *plain) board(id string) *board {
	if p.boards[id] == nil {
		p.boards[id] = newBoard(id)
	}
	return p.boards[id]
}

// current is the session that commands are about.
func (p *plain) current() *board {
	for _, id := range []string{p.opened, p.opts.InitialSession} {
		if id != "" {
			return p.boards[id]
		}
	}
	for _, id := range p.order {
		if b := p.boards[id]; b != nil && !b.ended() {
			return b
		}
	}
	return nil
}

func (p *plain) tellConnection(c client.Connection) {
	if c.Phase == p.phase && c.Err == nil {
		return
	}
	if p.phase == "" && c.Err == nil && c.Phase == client.SigningIn {
		p.phase = c.Phase
		return
	}
	p.phase = c.Phase
	if c.Err != nil {
		p.say("connection: %s: %s", c.Phase, safe(c.Err.Error()))
		return
	}
	p.say("connection: %s", c.Phase)
}

// tell writes one event of the log: time, session, then what a person would say.
func (p *plain) tell(e playtest.Event) {
	e = safeEvent(e)
	text := describe(e).text
	if e.Action == playtest.ActionChat {
		text = fmt.Sprintf("<%s> %s", e.Actor.Name, e.Message)
	}
	if text == "" {
		text = safe(string(e.Action))
	}
	if e.Action == playtest.ActionTakeoverRequest {
		if b := p.board(e.Session); b.state.Position(e.RequestID) > 0 {
			text += fmt.Sprintf(" (place %d; approve %s, deny %s)", b.state.Position(e.RequestID), quote(e.Requester.Name), quote(e.Requester.Name))
		}
	}
	p.say("%s %s %s", e.Time().In(p.opts.Now().Location()).Format(time.TimeOnly), safe(e.Session), safe(text))
}

func (p *plain) tellReactions(id string, live *client.LiveUpdate) {
	for _, r := range live.Reactions {
		p.say("%s %s %s reacts: %s ×%d", p.opts.Now().Format(time.TimeOnly), safe(id), safe(r.Person.Name), safe(r.Kind), r.Count)
	}
}
