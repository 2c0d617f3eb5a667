package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"hotseat/backend/playtest"
)

const plainHelp = "commands: approve [name] · deny [name] [reason] · back · chat text · mark text · people · end · quit"

// command does what one line asks for and says what came of it. It waits for the answer: the next
// line is read after it, as in a shell.
func (p *plain) command(ctx context.Context, line string) (quit bool) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	switch verb {
	case "":
		return false
	case "quit", "q", "exit":
		return true
	case "help", "?":
		p.answer("%s", plainHelp)
		return false
	}
	done, err := p.act(ctx, verb, rest)
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
		p.say("%s", data)
		return
	}
	p.say("%s", text)
}

func (p *plain) act(ctx context.Context, verb, rest string) (done string, err error) {
	known := map[string]bool{"approve": true, "deny": true, "back": true, "chat": true, "mark": true, "end": true, "people": true}
	if !known[verb] {
		return "", fmt.Errorf("no command %q; %s", verb, plainHelp)
	}
	b := p.current()
	if b == nil {
		return "", errors.New("no playtest runs")
	}
	if verb == "people" {
		return p.names(b), nil
	}
	if p.opts.ReadOnly {
		return "", errors.New("this console is read-only")
	}
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	id := b.info.ID
	switch verb {
	case "approve":
		r, _, err := requestNamed(b, rest)
		if err != nil {
			return "", err
		}
		return "approved " + r.Person.Name, p.net.Approve(ctx, id, r.ID)
	case "deny":
		r, reason, err := requestNamed(b, rest)
		if err != nil {
			return "", err
		}
		return "denied " + r.Person.Name, p.net.Deny(ctx, id, r.ID, reason)
	case "back":
		return "took the seat back", p.net.TakeBack(ctx, id, rest)
	case "chat":
		if rest == "" {
			return "", errors.New("chat needs a text")
		}
		return "said", p.net.Chat(ctx, id, rest)
	case "mark":
		return "marked", p.net.Mark(ctx, id, rest, p.opts.Now().Add(-markBack))
	}
	return "ending " + b.title(), p.net.EndSession(ctx, id)
}

// requestNamed finds the request whose person's name begins the text, or the first if there is no
// text. What follows the name is the reason.
func requestNamed(b *board, text string) (playtest.Request, string, error) {
	queue := b.state.Queue
	if len(queue) == 0 {
		return playtest.Request{}, "", errors.New("nobody waits for the seat")
	}
	best := -1
	for i, r := range queue { // the longest name wins: "viewer 2" before "viewer"
		after, ok := strings.CutPrefix(text, r.Person.Name)
		if ok && (after == "" || after[0] == ' ') && (best < 0 || len(r.Person.Name) > len(queue[best].Person.Name)) {
			best = i
		}
	}
	if best >= 0 {
		return queue[best], strings.TrimSpace(strings.TrimPrefix(text, queue[best].Person.Name)), nil
	}
	if text == "" {
		return queue[0], "", nil
	}
	var names []string
	for _, r := range queue {
		names = append(names, r.Person.Name)
	}
	return playtest.Request{}, "", fmt.Errorf("nobody of that name waits; these do: %s", strings.Join(names, ", "))
}

func (p *plain) names(b *board) string {
	m := Model{boards: map[string]*board{}, at: p.opts.Now()}
	var names []string
	for _, a := range m.people(b) {
		names = append(names, a.person.Name+" ("+roleWord(a.person.Role)+")")
	}
	if len(names) == 0 {
		return "nobody has come yet"
	}
	return strings.Join(names, ", ")
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
