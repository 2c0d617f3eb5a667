package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startWithSSH is a `hotseat serve` that also serves the console over SSH, to a QA lead and a viewer with keys.
func startWithSSH(t *testing.T) (s *served, ssh func(who string) string) {
	t.Helper()
	dir := t.TempDir()
	var people strings.Builder
	for _, role := range []string{"qa-lead", "viewer"} {
		key := filepath.Join(dir, role)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen (package openssh-client): %v: %s", err, out)
		}
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&people, "name=\"night-%s\",role=\"%s\" %s", role, role, public)
	}
	file := filepath.Join(dir, "people")
	if err := os.WriteFile(file, []byte(people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startServed(t, "--ssh", "127.0.0.1:0", "--ssh-people", file)
	address := s.see(`the console is served over SSH.* address=127\.0\.0\.1:\d+`, 20*time.Second)
	port := regexp.MustCompile(`\d+$`).FindString(address)
	return s, func(who string) string {
		return strings.Join([]string{
			"ssh -tt -F none -p", port, "-i", filepath.Join(dir, who), "-o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
			"-o UserKnownHostsFile=" + filepath.Join(dir, "known_hosts"), "-o SendEnv=COLORTERM -o LogLevel=ERROR qa@127.0.0.1",
		}, " ")
	}
}

func TestAPlaytestIsRunByKeysOverSSH(t *testing.T) {
	s, ssh := startWithSSH(t)
	term := openTerminal(t, 140, 44)
	term.line(ssh("qa-lead"))
	term.see("Hotseat Runner", 20*time.Second)
	term.keys("Enter")
	term.see("the seat is free", 20*time.Second)
	command := func(text string) {
		t.Helper()
		term.keys(":")
		term.line(text)
	}
	moderate(t, s, "night-qa-lead", hand{
		approve: func(person string) { term.see(person+" waits", 20*time.Second); term.keys("a") },
		deny: func(person, reason string) {
			term.see(person, 20*time.Second)
			command("deny " + person + " " + reason)
		},
		give:    func(person string) { term.see(person, 20*time.Second); command("give " + person) },
		reclaim: func() { term.see("player", 20*time.Second); command("reclaim"); term.keys("y") },
		mute:    func(person string) { command("mute " + person) },
		mark:    func(word string) { command("mark -5s " + word) },
		end:     func() { command("end"); term.keys("y") },
	})
	term.picture("ssh")
	term.keys("C-c")
	term.see("e2e>", 20*time.Second)
}

func TestAViewerOverSSHDecidesNothing(t *testing.T) {
	s, ssh := startWithSSH(t)
	viewer := &player{wirePerson: joinOverTheWire(t, s.address, "viewer@ivs.rocks", s.passwords["viewer@ivs.rocks"])}
	term := openTerminal(t, 100, 30)
	term.line(ssh("viewer"))
	term.see("Hotseat Runner", 20*time.Second)
	term.keys("Enter")
	viewer.asks()
	term.see("viewer", 20*time.Second)
	term.keys("a")
	term.see("read-only", 20*time.Second)
}
