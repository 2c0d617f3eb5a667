package sshconsole

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for on a machine with other things to do.
const patience = 20 * time.Second

// place is a server over SSH, its backend, and keys of people.
type place struct {
	t       testing.TB
	backend *standin.Backend
	dir     string
	port    string
	log     *lines
	stop    func() // ends Serve and waits for it
}

// tokenOf makes the credentials of a person.
type tokenOf = func(playtest.Person) events.Credentials

// lines collects what a server logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newPlace serves for a QA lead, a player and a viewer; the key "stranger" is nobody's.
func newPlace(t testing.TB, change func(*Config)) *place {
	t.Helper()
	return newPlaceFor(t, change, nil)
}

// newPlaceFor has tokens of its own making, from those of the backend.
func newPlaceFor(t testing.TB, change func(*Config), tokens func(tokenOf) tokenOf) *place {
	t.Helper()
	for _, program := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: the package openssh-client has it", err)
		}
	}
	p := &place{t: t, backend: standin.New(t), dir: t.TempDir(), log: &lines{}}
	var file strings.Builder
	for _, name := range []string{"qa-lead", "player", "viewer", "stranger"} {
		key := filepath.Join(p.dir, name)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		if name != "stranger" {
			fmt.Fprintf(&file, "name=\"Night %s\",role=\"%s\" %s", name, name, public)
		}
	}
	people := filepath.Join(p.dir, "people")
	if err := os.WriteFile(people, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Addr: "127.0.0.1:0", HostKeyFile: filepath.Join(p.dir, "host_key"), PeopleFile: people,
		Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	token := p.backend.PersonToken
	if tokens != nil {
		token = tokens(token)
	}
	server, err := Listen(cfg)
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	_, p.port, _ = net.SplitHostPort(server.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, p.backend.URL, token) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
	t.Cleanup(p.stop)
	return p
}

// ssh is OpenSSH's client with the key of somebody.
func (p *place) ssh(who string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "ssh", append(p.options(who), args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	return cmd
}

func (p *place) options(who string) []string {
	return []string{
		"-F", "none", "-p", p.port, "-i", filepath.Join(p.dir, who), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(p.dir, "known_hosts"), "-o", "LogLevel=ERROR",
		"qa@127.0.0.1",
	}
}

// arrives makes somebody a participant.
func (p *place) arrives(session string, who playtest.Person) {
	p.backend.Publish(session, who, map[string]any{"action": playtest.ActionArrived})
}

var (
	ann = playtest.Person{ID: "u-ann", Name: "ann", Role: playtest.RoleViewer}
	bob = playtest.Person{ID: "u-bob", Name: "bob", Role: playtest.RoleViewer}
)

func TestAnUnknownKeyIsRefused(t *testing.T) {
	p := newPlace(t, nil)
	out, err := p.ssh("stranger", "-T").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Permission denied (publickey)") {
		t.Errorf("%v: %s", err, out)
	}
	if !strings.Contains(p.log.String(), "an unknown key was refused") {
		t.Errorf("the log says nothing of it: %s", p.log)
	}
}

func TestLinesOverSSHDecideAndAreInTheLog(t *testing.T) {
	p := newPlace(t, nil)
	session := p.backend.Session("Hotseat Runner")
	p.arrives(session, ann)
	p.backend.Publish(session, bob, map[string]any{"action": playtest.ActionTakeoverRequest})
	p.backend.Publish(session, ann, map[string]any{"action": playtest.ActionTakeoverRequest})
	run := p.script("qa-lead")
	run.expect("ann asks for the seat")
	run.enter("deny bob the level is not over")
	run.expect("denies bob: the level is not over")
	run.enter("approve ann")
	run.expect("ann took the seat")
	run.enter("chat hello from the terminal")
	run.expect("hello from the terminal")
	run.enter("mark crash on jump")
	run.expect("crash on jump")
	run.enter("back")
	run.expect("Night qa-lead took the seat back", "the seat")
	run.enter("quit")
	run.ends(0)
	state := p.backend.State(session)
	if state.Seat.Holder != nil || len(state.Queue) != 0 {
		t.Errorf("seat %+v, queue %v", state.Seat, state.Queue)
	}
}

func TestAViewerOverSSHIsReadOnly(t *testing.T) {
	p := newPlace(t, nil)
	session := p.backend.Session("Hotseat Runner")
	run := p.script("viewer")
	run.expect("playtest of Hotseat Runner started")
	run.enter("chat may I?")
	run.expect("read-only")
	run.enter("quit")
	run.ends(0)
	if seq := p.backend.State(session).Seq; seq != 2 {
		t.Errorf("the log has %d events", seq)
	}
}

func TestNothingButTheConsoleIsServed(t *testing.T) {
	p := newPlace(t, nil)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a command":          {[]string{"-T", "sessions"}, "no commands are run here"},
		"a shell's":          {[]string{"-T", "sh -c id"}, "no commands are run here"},
		"SFTP":               {[]string{"-s", "sftp"}, "subsystem request failed"},
		"a forwarded stream": {[]string{"-W", "127.0.0.1:22"}, "stdio forwarding failed"},
		"a port forwarded":   {[]string{"-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"}, "remote port forwarding failed"},
	} {
		t.Run(name, func(t *testing.T) {
			options := p.options("qa-lead")
			host := options[len(options)-1]
			cmd := p.ssh("qa-lead")
			// Options stand before the host, a command after it.
			cmd.Args = append([]string{"ssh"}, options[:len(options)-1]...)
			if strings.HasPrefix(c.args[0], "-W") || strings.HasPrefix(c.args[0], "-N") {
				cmd.Args = append(append(cmd.Args, c.args...), host)
			} else {
				cmd.Args = append(append(cmd.Args, c.args[0], host), c.args[1:]...)
			}
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestWhoIsTakenOffTheListIsOut(t *testing.T) {
	p := newPlace(t, func(c *Config) { c.listedEvery = 50 * time.Millisecond })
	p.backend.Session("Hotseat Runner")
	run := p.script("player")
	run.expect("playtest of Hotseat Runner started")
	people := filepath.Join(p.dir, "people")
	file, err := os.ReadFile(people)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(people, bytes.ReplaceAll(file, []byte(`role="player"`), []byte(`role="viewer"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	run.ends(1)
	if !strings.Contains(run.errors.String(), "the file of people has changed") {
		t.Errorf("it said %q", run.errors.String())
	}
}

func TestAConsoleThatPanicsTakesNoOtherWithIt(t *testing.T) {
	p := newPlaceFor(t, nil, func(good tokenOf) tokenOf {
		return func(who playtest.Person) events.Credentials {
			if who.Role == playtest.RoleViewer {
				panic("an error of its own")
			}
			return good(who)
		}
	})
	p.backend.Session("Hotseat Runner")
	first := p.script("qa-lead")
	first.expect("playtest of Hotseat Runner started")
	broken := p.script("viewer")
	broken.ends(1)
	if !strings.Contains(broken.errors.String(), "the console had an error of its own") {
		t.Errorf("it said %q", broken.errors.String())
	}
	first.enter("chat still here")
	first.expect("still here")
	first.enter("quit")
	first.ends(0)
}

func TestAnIdleConsoleIsClosed(t *testing.T) {
	p := newPlace(t, func(c *Config) { c.IdleTimeout = 300 * time.Millisecond })
	run := p.script("qa-lead")
	run.ends(1)
	if !strings.Contains(run.errors.String(), "nothing was typed for 300ms") {
		t.Errorf("it said %q", run.errors.String())
	}
}
