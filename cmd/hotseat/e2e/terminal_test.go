package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminal is a tmux with one window.
type terminal struct {
	t      testing.TB
	socket string
}

// openTerminal starts a shell in a terminal of its own.
func openTerminal(t *testing.T, width, height int) *terminal {
	t.Helper()
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-e", "PS1=e2e> ", "-e", "COLORTERM=truecolor", "env", "-u", "TMUX", "TERM=xterm-256color", "bash", "--norc", "--noprofile")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// keys types; names such as Enter and Escape are keys.
func (term *terminal) keys(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

func (term *terminal) line(text string) {
	term.t.Helper()
	term.tmux("send-keys", "-l", text)
	term.keys("Enter")
}

// screen is what the terminal shows.
func (term *terminal) screen() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p")
}

// see waits until the terminal shows a text.
func (term *terminal) see(text string, within time.Duration) {
	term.t.Helper()
	deadline := time.Now().Add(within)
	for !strings.Contains(term.screen(), text) {
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal does not show %q within %s:\n%s", text, within, term.screen())
		}
		time.Sleep(100 * time.Millisecond) // between two looks at a screen, which has no event to wait for
	}
}

// picture saves the screen with its colours, as tmux prints it.
func (term *terminal) picture(name string) {
	term.t.Helper()
	if err := os.WriteFile(artifact(name+".ansi"), []byte(term.tmux("capture-pane", "-p", "-e")), 0o644); err != nil {
		term.t.Error(err)
	}
}
