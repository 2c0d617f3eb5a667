package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// command does what one line asks for and says what came of it. It waits for the answer: the next
// line is read after it, as in a shell.
func (p *plain) command(ctx context.Context, line string) (quit bool) {
	if strings.TrimSpace(line) == "" {
		return false
	}
	b := p.current()
	o, err := parseOrder(line, around(b, p.list()))
	if err == nil && o.cmd.screen {
		err = fmt.Errorf("%s is of use only where there is a screen", o.cmd.name)
	}
	if err != nil {
		p.answer("refused: %s", safe(err.Error()))
		return false
	}
	if o.cmd.name == "quit" {
		return true
	}
	done, err := p.act(ctx, o, b)
	switch {
	case err != nil:
		p.answer("refused: %s", refusalText(err))
	case done != "":
		p.answer("ok: %s", done)
	}
	return false
}

// answer writes what came of a command; as JSON it is an object without seq.
func (p *plain) answer(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.opts.JSON {
		data, _ := json.Marshal(map[string]string{"answer": text})
		p.say("%s", compact(data))
		return
	}
	p.say("%s", text)
}

// list is every session, newest first.
func (p *plain) list() []*board {
	var list []*board
	for _, id := range p.order {
		if b := p.boards[id]; b != nil {
			list = append(list, b)
		}
	}
	return list
}

func (p *plain) act(ctx context.Context, o order, b *board) (done string, err error) {
	who := actor{me: p.me, readOnly: p.opts.ReadOnly, at: p.opts.Now()}
	if b == nil && (o.cmd.action != "" || o.cmd.name == "people" || o.cmd.name == "queue" || o.cmd.name == "status") && o.cmd.name != "start" {
		return "", errors.New("no playtest runs; start begins one")
	}
	if why := who.why(o.cmd.action, b); why != "" {
		return "", errors.New(why)
	}
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	switch o.cmd.name {
	case "help":
		return "", p.help(o.choice)
	case "people", "queue", "sessions", "status":
		return p.tellAbout(o.cmd.name, b), nil
	case "open":
		p.opened = o.session
		p.net.Open(o.session)
		return "commands are about " + o.session, nil
	case "start":
		return p.start(ctx, o.text)
	case "report":
		return p.save(ctx, b.info.ID, o.choice)
	}
	chosen, _ := b.first(who.at)
	if why := o.settle(b, chosen); why != "" {
		return "", errors.New(why)
	}
	a, ok := o.asks(b, who.at)
	if !ok {
		return "", fmt.Errorf("%s does nothing here", o.cmd.name)
	}
	return a.done, a.call(ctx, p.net)
}

// start begins a playtest with the form's last choice, of the named game if one is named.
func (p *plain) start(ctx context.Context, game string) (string, error) {
	offered, err := p.net.Catalogue(ctx)
	if err != nil {
		return "", err
	}
	if len(offered.Applications) == 0 {
		return "", errors.New("the backend knows no games; add an application first")
	}
	form := newStartForm(offered, p.opts.Preferences.Start)
	what := form.choice()
	if game != "" {
		named, err := gameNamed(offered.Applications, game)
		if err != nil {
			return "", err
		}
		what.Application = named.ID
	}
	s, err := p.net.StartSession(ctx, form.startOf(what))
	if err != nil {
		return "", err
	}
	p.opened = s.ID
	p.board(s.ID).setInfo(s)
	p.net.Open(s.ID)
	return "started " + safe(s.ID), nil
}

func (p *plain) save(ctx context.Context, id, format string) (string, error) {
	if p.opts.NoFiles {
		return "", errNoFiles
	}
	if format == "" {
		format = "md"
	}
	of, err := buildReport(ctx, p.net, id)
	if err != nil {
		return "", err
	}
	path, err := writeReport(of, id, format, p.opts.Now())
	return "saved " + safe(path), err
}

// help lists the commands, or says how one is used.
func (p *plain) help(name string) error {
	for i := range commands {
		c := &commands[i]
		if c.screen || name != "" && c.name != name {
			continue
		}
		p.answer("%s: %s", c.usage(), c.summary)
		if name != "" {
			p.answer("such as: %s", strings.Join(c.examples, " · "))
		}
	}
	return nil
}

// tellAbout answers what a screen would show.
func (p *plain) tellAbout(what string, b *board) string {
	now := p.opts.Now()
	var list []string
	switch what {
	case "people":
		for _, a := range b.attendees(now) {
			words := []string{roleWord(a.person.Role)}
			if mark := a.marks(); mark != "" {
				words = append(words, mark)
			}
			if a.seat == 2 {
				words = append(words, "in the seat")
			}
			list = append(list, a.person.Name+" ("+strings.Join(words, ", ")+")")
		}
		if len(list) == 0 {
			return "nobody has come yet"
		}
	case "queue":
		for i, r := range b.state.Queue {
			list = append(list, fmt.Sprintf("%d %s waits %s", i+1, r.Person.Name, clock(now.Sub(time.UnixMilli(r.Since)))))
		}
		if len(list) == 0 {
			return errNobodyWaits.Error()
		}
	case "sessions":
		for _, s := range p.list() {
			words := s.info.ID + " " + s.title() + " " + shortStatus(s.status())
			if _, need := s.need(now); need != "" {
				words += " (! " + need + ")"
			}
			list = append(list, words)
		}
		if len(list) == 0 {
			return "there is no playtest; start begins one"
		}
	case "status":
		list = b.statusWords(now)
	}
	return strings.Join(list, ", ")
}

// statusWords are a session in a line.
func (b *board) statusWords(now time.Time) []string {
	words := []string{b.title(), shortStatus(b.status())}
	switch seat := b.seat(); {
	case b.state.Handover != nil:
		words = append(words, "the seat is on its way to "+b.state.Handover.Request.Person.Name)
	case seat.Holder != nil:
		words = append(words, seat.Holder.Name+" has the seat for "+clock(now.Sub(time.UnixMilli(seat.Since))))
	default:
		words = append(words, "the seat is free")
	}
	if b.state.Locked {
		words = append(words, "requests are locked")
	}
	if n := b.state.SlowSeconds; n > 0 {
		words = append(words, fmt.Sprintf("slow mode %d s", n))
	}
	_, sidecar := b.judge(now)
	words = append(words, fmt.Sprintf("%d waiting", len(b.state.Queue)), fmt.Sprintf("%d watching", b.watching(now)), "sidecar "+sidecar)
	if left, ok := b.left(now); ok {
		words = append(words, clock(left)+" left")
	}
	return words
}

// compact is JSON on one line, with everything beyond printable ASCII that a terminal could obey
// written as \u escapes: still the same JSON.
func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "{}"
	}
	var out strings.Builder
	for _, r := range b.String() {
		if r == 0x7f || r >= 0x80 && safe(string(r)) != string(r) {
			writeEscape(&out, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// writeEscape writes a character as JSON's \uXXXX, above the BMP as a surrogate pair (RFC 8259, 7).
func writeEscape(out *strings.Builder, r rune) {
	if r > 0xffff {
		r -= 0x10000
		fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		return
	}
	fmt.Fprintf(out, `\u%04x`, r)
}

func sessionOf(raw []byte) string {
	var e struct{ Session string }
	_ = json.Unmarshal(raw, &e)
	return e.Session
}
