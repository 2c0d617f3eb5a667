package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

// plainRun is Plain with its ends in a test's hands.
type plainRun struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	done  chan error
}

func (r *rig) plain(t *testing.T, o Options) *plainRun {
	t.Helper()
	stdin, in := io.Pipe()
	stdout, out := io.Pipe()
	run := &plainRun{t: t, in: in, lines: make(chan string, 1000), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		run.done <- Plain(ctx, o, stdin, out)
		out.Close()
	}()
	go func() {
		defer close(run.lines)
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			run.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		in.Close()
		for range run.lines {
		}
	})
	return run
}

// expect reads lines until each part was in one, in any order: the answer to a command and what
// the log says of it race each other. It returns the last line read.
func (p *plainRun) expect(parts ...string) string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the end before %q", parts)
			}
			parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Contains(line, part) })
			if len(parts) == 0 {
				return line
			}
		case <-deadline:
			p.t.Fatalf("no line with %q", parts)
		}
	}
}

func (p *plainRun) enter(line string) { fmt.Fprintln(p.in, line) }

func TestPlainLinesTellAndDecide(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession = s.ID
	p := r.plain(t, o)
	p.expect("playtest of Hotseat Runner started")
	r.decide(s.ID, viewer2, playtest.Event{Action: playtest.ActionTakeoverRequest}, true)
	r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionTakeoverRequest}, true)
	p.expect("viewer asks for the seat (place 2; approve viewer, deny viewer)")
	p.enter("deny viewer-2 the level is not over")
	p.expect("lead denies viewer-2: the level is not over", "ok: denied viewer-2")
	p.enter("approve stranger")
	p.expect("refused: nobody of that name waits; these do: viewer")
	p.enter("approve viewer")
	p.expect("viewer took the seat in")
	p.enter("approve")
	p.expect("refused: nobody waits for the seat")
	r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: "\u200bevil"}, true)
	if line := p.expect("<viewer>"); !strings.Contains(line, "‹U+200B›evil") {
		t.Errorf("the line %q", line)
	}
	p.enter("mark crash on jump")
	p.expect("crash on jump · by lead")
	p.enter("end")
	p.expect("playtest ended")
	p.enter("quit")
	if err := <-p.done; err != nil {
		t.Errorf("Plain ended with %v", err)
	}
}

func TestPlainJSONIsTheEventsThemselves(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession, o.JSON = s.ID, true
	p := r.plain(t, o)
	if line := p.expect(`"action":"SESSION_STARTED"`); !strings.HasPrefix(line, `{"seq":1,`) {
		t.Errorf("the line %q", line)
	}
	r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: "a\u200bb"}, true)
	if line := p.expect("USER_CHAT_MESSAGE"); !strings.Contains(line, `"message":"a\u200bb"`) {
		t.Errorf("the line %q", line)
	}
	p.enter("nonsense")
	p.expect(`{"answer":"refused: no command`)
}

func TestPlainTakesEveryCommandOfTheGrammar(t *testing.T) {
	t.Chdir(t.TempDir())
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession = s.ID
	p := r.plain(t, o)
	r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionArrived}, true)
	r.decide(s.ID, viewer2, playtest.Event{Action: playtest.ActionArrived}, true)
	p.expect("viewer-2 arrived")
	for _, row := range []struct{ line, answer, told string }{
		{"give viewer", "ok: gave the seat to viewer", "viewer took the seat in"},
		{"reclaim time is up", "ok: took the seat back from viewer", "time is up"},
		{"lock", "ok: nobody can ask for the seat now", "lead locked requests"},
		{"lock", "refused: requests are locked already", ""},
		{"unlock", "ok: people can ask for the seat again", "lead opened requests again"},
		{"slow 10s", "ok: slow mode: a line every 10 s", "slow mode: a line every 10 s"},
		{"mute viewer-2 spoilers", "ok: muted viewer-2", "lead muted viewer-2: spoilers"},
		{"unmute viewer-2", "ok: viewer-2 is heard again", "lead unmuted viewer-2"},
		{"remove viewer-2", "ok: removed viewer-2", "lead removed viewer-2"},
		{"ban viewer-2 insults", "ok: banned viewer-2", "lead banned viewer-2: insults"},
		{"unban viewer-2", "ok: viewer-2 may come back", "lead let back in viewer-2"},
		{"chat hello all", "ok: said", "<lead> hello all"},
		{"mark -5s crash on jump", "ok: marked", "crash on jump · by lead"},
		{"queue", "ok: nobody waits for the seat", ""},
		{"people", "viewer (viewer)", ""},
		{"status", "ok: Hotseat Runner", ""},
		{"sessions", "ok: " + s.ID + " Hotseat Runner", ""},
		{"report md", "ok: saved ", ""},
		{"help mark", "mark [-time] [word]: mark a moment", "such as: mark -5s crash on jump"},
		{"theme light", "refused: theme is of use only where there is a screen", ""},
		{"aprove", "refused: no command \"aprove\"; did you mean approve?", ""},
		{"end", "ok: ending", ""},
	} {
		p.enter(row.line)
		if row.line == "end" {
			p.expect("playtest ended", "ok: ended Hotseat Runner")
			continue
		}
		if row.told != "" {
			p.expect(row.answer, row.told)
			continue
		}
		p.expect(row.answer)
	}
	p.enter("start")
	p.expect("ok: started s-")
	p.enter("quit")
	if err := <-p.done; err != nil {
		t.Errorf("Plain ended with %v", err)
	}
}

func TestPlainReadOnlyActsOnNothing(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	o := r.account("qa-lead")
	o.InitialSession, o.ReadOnly = s.ID, true
	p := r.plain(t, o)
	p.expect("playtest of Hotseat Runner started")
	for _, line := range []string{"lock", "chat hello", "mark", "end", "start"} {
		p.enter(line)
		p.expect("refused: this console is read-only")
	}
}
