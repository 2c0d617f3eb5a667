package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"go.uber.org/goleak"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; nothing takes that long unless it is broken.
const patience = 10 * time.Second

// console is a client whose updates a test reads.
type console struct {
	t   *testing.T
	net *client.Client
	all []playtest.Event
	err chan error
}

func (r *rig) connect(t *testing.T, group string, interval time.Duration) *console {
	t.Helper()
	o := r.account(group)
	net, err := client.New(client.Config{URL: o.URL, Email: o.Email, Password: o.Password, Interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &console{t: t, net: net, err: make(chan error, 1)}
	go func() { c.err <- net.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range net.Updates() {
		}
		if err := <-c.err; err != nil {
			t.Errorf("the client ended with %v", err)
		}
	})
	return c
}

// until reads updates until done says so.
func (c *console) until(what string, done func(client.Update) bool) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case u, ok := <-c.net.Updates():
			if !ok {
				c.t.Fatalf("the client ended before %s", what)
			}
			c.all = append(c.all, u.Events...)
			if done(u) {
				return
			}
		case <-deadline:
			c.t.Fatalf("no %s in %v; events: %d", what, patience, len(c.all))
		}
	}
}

func (c *console) live() {
	c.t.Helper()
	listed, live := false, false
	c.until("connection", func(u client.Update) bool {
		listed = listed || u.Sessions != nil
		live = live || u.Connection != nil && u.Connection.Phase == client.Live
		return listed && live
	})
}

func has(events []playtest.Event, action playtest.Action) bool {
	for _, e := range events {
		if e.Action == action {
			return true
		}
	}
	return false
}

// whole fails unless the events of each session are 1, 2, 3 and so on.
func (c *console) whole() {
	c.t.Helper()
	last := map[string]int64{}
	for _, e := range c.all {
		if e.Seq != last[e.Session]+1 {
			c.t.Fatalf("%s: event %d came after %d", e.Session, e.Seq, last[e.Session])
		}
		last[e.Session] = e.Seq
	}
}

func TestLogIsReadFromTheStartAndFollowedWithoutGapOrDouble(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	for i := range 1200 { // three pages of the log
		r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprintf("before %d", i)}, false)
	}
	c := r.connect(t, "qa-lead", 0)
	c.live()
	for i := range 100 {
		r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: fmt.Sprintf("after %d", i)}, true)
	}
	c.until("the last line", func(u client.Update) bool { return len(c.all) >= 1301 })
	c.whole()
}

func TestAnEventThatTheChannelLostIsReadFromTheLog(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	c := r.connect(t, "qa-lead", 0)
	c.live()
	for i := range 5 {
		r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: "line"}, i == 4) // four are lost
	}
	c.until("five lines", func(client.Update) bool { return len(c.all) >= 6 })
	c.whole()
}

func TestASlowReaderLosesNothing(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	const lines = 10_000 // more than the client keeps for a reader that does not read
	for range lines {
		r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionChat, Message: "line"}, false)
	}
	c := r.connect(t, "qa-lead", 0)
	c.until("everything", func(u client.Update) bool {
		if len(u.Events) > 8192+500 {
			t.Errorf("an update of %d events", len(u.Events))
		}
		return len(c.all) == lines+1
	})
	c.whole()
}

func TestHeartbeatsAreCoalescedToTheNewest(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	c := r.connect(t, "qa-lead", 50*time.Millisecond)
	c.live()
	for i := range 50 {
		r.live(s.ID, map[string]any{"action": "SIDECAR_HEALTH", "state": "live", "fps": float64(i + 1), "framerate": 30})
	}
	r.live(s.ID, map[string]any{"action": "THUMBNAIL", "jpeg": thumbnail(), "width": 160, "height": 90})
	r.live(s.ID, map[string]any{"action": "THUMBNAIL", "jpeg": "bm90IGEganBlZw==", "width": 160, "height": 90}) // ignored
	beats, updates, fps, picture := 0, 0, 0.0, false
	c.until("the last heartbeat and the picture", func(u client.Update) bool {
		if live := u.Live[s.ID]; live != nil {
			if live.Health != nil {
				beats, updates, fps = beats+live.Heartbeat, updates+1, live.Health.FPS
			}
			picture = picture || live.Picture != nil && live.Picture.Image.Bounds().Dx() == 160
		}
		return fps == 50 && picture
	})
	if beats != 50 || updates > 10 {
		t.Errorf("%d heartbeats in %d updates", beats, updates)
	}
}

func TestAViewerHearsTheSessionsOneByOne(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	c := r.connect(t, "viewer", 0)
	c.until("the start", func(client.Update) bool { return has(c.all, playtest.ActionSessionStarted) })
	r.decide(s.ID, player, playtest.Event{Action: playtest.ActionChat, Message: "hello"}, true)
	c.until("the line", func(client.Update) bool { return has(c.all, playtest.ActionChat) })
	c.whole()
	err := c.net.EndSession(context.Background(), s.ID)
	var refusal *client.Refusal
	if !errors.As(err, &refusal) || refusal.Status != 403 || refusal.Message != "only a QA lead ends a playtest" {
		t.Errorf("ending as a viewer: %v", err)
	}
}

func TestApprovalOfAnExpiredOrDecidedRequestSaysWhoDecided(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	c := r.connect(t, "qa-lead", 0)
	c.live()
	asked, _ := r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionTakeoverRequest}, true)
	r.decide(s.ID, lead, playtest.Event{Action: playtest.ActionTakeoverDeny, RequestID: asked.RequestID}, true)
	err := c.net.Approve(context.Background(), s.ID, asked.RequestID)
	if err == nil || err.Error() != "lead already denied the request of viewer" {
		t.Errorf("approve: %v", err)
	}
}

func TestOpeningASessionShowsPresenceThere(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	c := r.connect(t, "qa-lead", 0)
	c.live()
	c.net.Open(s.ID)
	arrived, present := false, false
	c.until("presence", func(u client.Update) bool {
		arrived = arrived || has(c.all, playtest.ActionArrived)
		if live := u.Live[s.ID]; live != nil && len(live.Presence) > 0 {
			p := live.Presence[0]
			present = p.Watching && p.Client == "console" && p.Person.Role == playtest.RoleLead
		}
		return arrived && present
	})
}

func TestAWrongPasswordEndsTheConsole(t *testing.T) {
	r := newRig(t)
	o := r.account("qa-lead")
	o.Password = "not-the-password"
	err := Plain(context.Background(), o, nil, io.Discard)
	if !errors.Is(err, client.ErrSignIn) || strings.Contains(err.Error(), o.Password) {
		t.Errorf("Plain ended with %v", err)
	}
}

// The whole program, on a terminal that is a buffer.
func TestTheProgramShowsAHandoverAndLeavesTheTerminalAsItWas(t *testing.T) {
	r := newRig(t)
	s := r.start("Hotseat Runner")
	r.decide(s.ID, viewer, playtest.Event{Action: playtest.ActionTakeoverRequest}, true)
	o := r.account("qa-lead")
	o.InitialSession = s.ID
	o.Environ = []string{"TERM=xterm-256color", "COLORTERM=truecolor"}
	stdin, in := io.Pipe()
	screen := &watched{seen: make(chan struct{}, 1)}
	o.Input, o.Output = stdin, screen
	done := make(chan error, 1)
	go func() {
		done <- run(context.Background(), o, tea.WithWindowSize(120, 40), tea.WithColorProfile(colorprofile.TrueColor))
	}()
	screen.wait(t, "waiting")
	_, _ = in.Write([]byte("a"))
	screen.wait(t, "took")
	_, _ = in.Write([]byte("q"))
	screen.wait(t, "playtests")
	_, _ = in.Write([]byte("q"))
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("q does not leave")
	}
	in.Close()
	if out := screen.String(); !strings.Contains(out, "\x1b[?1049h") || strings.LastIndex(out, "\x1b[?1049l") < strings.LastIndex(out, "\x1b[?1049h") {
		t.Error("the alternate screen was not left")
	}
}

// watched is a buffer that can be waited for.
type watched struct {
	buffer
	seen chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.buffer.Write(p)
	select {
	case w.seen <- struct{}{}:
	default:
	}
	return n, err
}

func (w *watched) wait(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.seen:
		case <-deadline:
			t.Fatalf("the screen never shows %q", text)
		}
	}
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
