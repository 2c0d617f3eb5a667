package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

// shell is a person's machine with `hotseat` on it.
type shell struct {
	t   *testing.T
	env []string
}

func newShell(t *testing.T) *shell {
	return &shell{t, append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir())}
}

func (s *shell) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), hotseat(s.t), args...)
	cmd.Env = s.env
	return cmd
}

// run is a command that must succeed.
func (s *shell) run(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("hotseat %s: %v: %s%s", strings.Join(args, " "), err, out, &errs)
	}
	return string(out)
}

// signIn is what a person types once, at a terminal; the password is not seen there.
func (s *shell) signIn(server, email, password string) {
	s.t.Helper()
	term := openTerminal(s.t, 120, 20)
	term.line(s.env[len(s.env)-1] + " " + hotseat(s.t) + " login --server " + server)
	term.see("E-mail:", 10*time.Second)
	term.line(email)
	term.see("Password of "+email, 10*time.Second)
	term.line(password)
	term.see("signed in to "+server+" as lead (qa-lead)", 10*time.Second)
	if screen := term.screen(); strings.Contains(screen, password) {
		s.t.Errorf("the password is on the screen:\n%s", screen)
	}
}

func TestAPlaytestIsRunByScripts(t *testing.T) {
	s := startServed(t)
	sh := newShell(t)
	sh.signIn(s.address, "lead@ivs.rocks", s.passwords["lead@ivs.rocks"])
	tail := sh.command("tail", "--json")
	var followed bytes.Buffer
	tail.Stdout = &followed
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	moderate(t, s, "lead", hand{
		approve: func(person string) { sh.run("approve", person) },
		deny:    func(person, reason string) { sh.run("deny", person, "--reason", reason) },
		give:    func(person string) { sh.run("give", person) },
		reclaim: func() { sh.run("reclaim") },
		mute:    func(person string) { sh.run("mute", person) },
		mark:    func(word string) { sh.run("mark", "--ago", "5s", word) },
		end:     func() { sh.run("end") },
	})
	ended := make(chan error, 1)
	go func() { ended <- tail.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("tail: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("tail does not end with the session")
	}
	want := s.lead.log()
	lines := strings.Split(strings.TrimSpace(followed.String()), "\n")
	for i, line := range lines { // after the end the steward may still say that the stream is gone
		var e playtest.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || i >= len(want) || e.Seq != want[i].Seq || e.Action != want[i].Action {
			t.Fatalf("line %d of tail is %s: %v", i, line, err)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, `"SESSION_ENDED"`) {
		t.Errorf("the last line of tail is %s", last)
	}
	report := sh.run("report")
	for _, part := range []string{"crash on jump", "wait for the boss", "viewer", "player"} {
		if !strings.Contains(report, part) {
			t.Errorf("the report does not have %q:\n%s", part, report)
		}
	}
	if out := sh.run("sessions", "--all", "--json"); !strings.Contains(out, `"TERMINATED"`) && !strings.Contains(out, `"TERMINATING"`) {
		t.Errorf("the list afterwards: %s", out)
	}
	sh.run("logout")
}
