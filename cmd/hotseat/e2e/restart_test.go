package e2e

import (
	"context"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/api"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/check"
)

// served is a `hotseat serve` with one session of the bundled game, and a QA lead on its channel.
type served struct {
	*demo
	address   string
	passwords map[string]string
	lead      *wirePerson
}

func startServed(t testing.TB, flags ...string) *served {
	t.Helper()
	d := start(t, "serve", append([]string{"--listen", "127.0.0.1:0"}, flags...)...)
	s := &served{demo: d, address: d.see(`http://127\.0\.0\.1:\d+`, 30*time.Second)}
	s.passwords = signIns(t, d.data)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lead, err := check.SignIn(ctx, s.address, "lead@ivs.rocks", s.passwords["lead@ivs.rocks"])
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Applications []struct{ ID string } }
	if err := lead.Call(ctx, http.MethodGet, "/api/applications", nil, &list); err != nil || len(list.Applications) == 0 {
		t.Fatalf("applications = %+v, %v", list, err)
	}
	var session api.Session
	ask := map[string]any{"application": list.Applications[0].ID, "encoder": "cpu"}
	if err := lead.Call(ctx, http.MethodPost, "/api/sessions", ask, &session); err != nil {
		t.Fatal(err)
	}
	s.lead = joinOverTheWire(t, s.address, "lead@ivs.rocks", s.passwords["lead@ivs.rocks"])
	return s
}

// worker is the backend's process.
func (s *served) worker() (pid int) {
	s.t.Helper()
	until(s.t, "a backend", patience, func() bool {
		for p, parent := range table() {
			if parent == s.cmd.Process.Pid && p.command == "hotseat" {
				pid = p.pid
				return true
			}
		}
		return false
	})
	return pid
}

// kill ends the backend without any warning.
func (s *served) kill() {
	s.t.Helper()
	if err := syscall.Kill(s.worker(), syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

// instances are the processes that run games.
func (s *served) instances() []process { return s.family.alive("hotseat-instanc") }

func TestAKilledBackendEndsNoSessionAndStopsNoStream(t *testing.T) {
	s := startServed(t)
	b := startBrowser(t)
	b.signIn("player", s.address, "player@ivs.rocks", s.passwords["player@ivs.rocks"], 1280, 800)
	b.enter("player")
	b.do("player", "click", args{"on": "seat-request"})
	until(t, "the player in the seat", 30*time.Second, func() bool { c := b.code("player"); return c != nil && c.Epoch == 1 })
	b.signIn("viewer", s.address, "viewer@ivs.rocks", s.passwords["viewer@ivs.rocks"], 1280, 800)
	b.enter("viewer")
	until(t, "the game in the viewer's picture", 30*time.Second, func() bool { return b.code("viewer") != nil })
	games := s.instances()

	for _, word := range []string{"one", "two", "three"} {
		killed := time.Now()
		s.kill()
		// The streams go on meanwhile: the player's key reaches the game and the viewer's picture.
		b.do("player", "click", args{"on": "picture"})
		pressReaches(t, b, "player", "viewer")
		t.Logf("a key reached the game and the viewer %s after the kill", time.Since(killed).Round(time.Millisecond))
		// Everybody is whole again: a line goes from page to page.
		said := word + " says the viewer"
		until(t, "a line said after the kill", patience, func() bool {
			if strings.Contains(string(b.do("player", "text", args{"on": "chat-log"})), said) {
				return true
			}
			if text, err := b.try("viewer", "text", args{"on": "chat-log"}); err == nil && !strings.Contains(string(text), said) {
				b.do("viewer", "fill", args{"on": "chat-input", "text": said})
				b.do("viewer", "press", args{"on": "chat-input", "key": "Enter"})
			}
			return false
		})
		t.Logf("a line went from page to page %s after the kill", time.Since(killed).Round(time.Millisecond))
	}

	// In the middle of a hand-over it ends in order too: the seat is the next player's, or still the last one's.
	holder, next := "player", "viewer"
	for _, moment := range []time.Duration{0, 4 * time.Millisecond, 12 * time.Millisecond, 25 * time.Millisecond} {
		role, before := playtest.Role(next), int64(len(s.lead.log()))
		b.do(next, "click", args{"on": "seat-request"})
		request := s.lead.logged("the request of the "+next, func(e playtest.Event) bool {
			return e.Seq > before && e.Action == playtest.ActionTakeoverRequest && e.Actor.Role == role
		})
		if err := s.lead.ask(playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: request.RequestID}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(moment) // chance decides which step is hit: each must end well
		s.kill()
		outcome := s.lead.logged("the hand-over's outcome", func(e playtest.Event) bool {
			return e.RequestID == request.RequestID && (e.Action == playtest.ActionSeatTaken || e.Action == playtest.ActionHandoverFailed)
		})
		t.Logf("killed %s into a hand-over: %s after %d ms %s", moment, outcome.Action, outcome.TookMs, outcome.Reason)
		if outcome.Action == playtest.ActionSeatTaken {
			holder, next = next, holder
		}
		until(t, "the holder's picture from the game", patience, func() bool {
			source, err := b.try(holder, "attribute", args{"on": "picture", "name": "data-source"})
			return err == nil && string(source) == `"game"` && b.code(holder) != nil
		})
		b.do(holder, "click", args{"on": "picture"})
		pressReaches(t, b, holder, holder)
	}

	if now := s.instances(); len(games) == 0 || !slices.Equal(now, games) {
		t.Errorf("the games' processes are %v, were %v", now, games)
	}
	for i, e := range s.lead.log() {
		if e.Seq != int64(i)+1 {
			t.Fatalf("event %d of the log has number %d", i+1, e.Seq)
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.wait(40 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.output())
	}
}

func TestABackendIsReplacedInPlace(t *testing.T) {
	s := startServed(t)
	before := s.worker()
	if err := syscall.Kill(before, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "another backend", patience, func() bool { return s.worker() != before })
	until(t, "the session, still running", patience, func() bool {
		var list struct{ Sessions []api.Session }
		err := s.lead.Call(t.Context(), http.MethodGet, "/api/sessions", nil, &list)
		return err == nil && len(list.Sessions) == 1 && list.Sessions[0].EndedAt == nil
	})
	s.signal(syscall.SIGTERM)
	if code := s.wait(40 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.output())
	}
	s.see("SESSION_ENDED|ending every session", patience)
}

func TestABackendThatStandsStillIsReplaced(t *testing.T) {
	s := startServed(t)
	before := s.worker()
	if err := syscall.Kill(before, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "another backend", 40*time.Second, func() bool { return s.worker() != before })
	until(t, "an answer", patience, func() bool { _, err := s.lead.readLog(); return err == nil })
	s.signal(syscall.SIGTERM)
	if code := s.wait(60 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.output())
	}
}

// A service manager tells all processes of a service to stop at once.
func TestStoppedWithItsBackendItStillEndsTheSessions(t *testing.T) {
	s := startServed(t)
	session := s.lead.session
	if err := syscall.Kill(s.worker(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGTERM)
	if code := s.wait(60 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.output())
	}
	out, err := exec.Command(hotseat(t), "log", "show", "--data", s.data, session).CombinedOutput()
	if err != nil || !strings.Contains(string(out), string(playtest.ActionSessionEnded)) {
		t.Errorf("the session's log has no end: %v\n%s", err, out)
	}
}
