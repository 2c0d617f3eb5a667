//go:build linux

package launch

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func adopt(t *testing.T) *Children {
	t.Helper()
	children, err := Adopt(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := children.End(0); err != nil {
			t.Error(err)
		}
		children.Close()
	})
	return children
}

func writeScript(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, children *Children, dir string) *Script {
	t.Helper()
	script, err := StartScript(children, ScriptConfig{
		Dir: dir, Executable: "run.sh", LogPath: filepath.Join(t.TempDir(), "application.log"),
		Environment: Environment(nil, nil, "/nowhere", os.LookupEnv),
	})
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// eventually polls until done says true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for !done() {
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// pids reads the process ids that a script wrote, one a line.
func pids(path string) []int {
	text, _ := os.ReadFile(path)
	var found []int
	for line := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(line); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

func alive(pid int) bool { return unix.Kill(pid, 0) == nil }

func TestEveryDescendantIsFoundAndEnded(t *testing.T) {
	children := adopt(t)
	// A well-behaved child, one that forks twice and leaves the session, and one
	// that does the same and ignores SIGTERM.
	dir := writeScript(t, `#!/bin/sh
sleep 1000 & echo $! >> pids
(setsid sh -c 'echo $$ >> pids; exec sleep 1001' &)
(setsid sh -c 'trap "" TERM; echo $$ >> pids; while :; do sleep 1002; done' &)
echo $$ >> pids
exec sleep 1003
`)
	script := start(t, children, dir)
	list := filepath.Join(dir, "pids")
	eventually(t, "all four run", func() bool { return len(pids(list)) == 4 })
	began := time.Now()
	const grace = 300 * time.Millisecond
	if err := children.End(grace); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < grace {
		t.Errorf("ended after %v: the stubborn one was not given its %v", took, grace)
	}
	<-script.Done()
	for _, pid := range pids(list) {
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	script.Close()
}

func TestObedientGameIsNotKeptWaiting(t *testing.T) {
	children := adopt(t)
	script := start(t, children, writeScript(t, "#!/bin/sh\nexec sleep 1000\n"))
	const grace = 2 * patience // one who waited for it could not be told from a busy machine if it were short
	began := time.Now()
	if err := children.End(grace); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > grace/2 {
		t.Errorf("took %v", took)
	}
	script.Close()
}

func TestSparedProcessesLiveOn(t *testing.T) {
	children := adopt(t)
	kept := start(t, children, writeScript(t, "#!/bin/sh\nexec sleep 1000\n"))
	game := start(t, children, writeScript(t, "#!/bin/sh\nexec sleep 1000\n"))
	if err := children.End(TermGrace, kept.Child); err != nil {
		t.Fatal(err)
	}
	<-game.Done()
	if !alive(kept.Pid) {
		t.Error("the spared process was ended")
	}
	if err := children.End(TermGrace); err != nil {
		t.Fatal(err)
	}
	kept.Close()
	game.Close()
}

func TestOrphansAreReaped(t *testing.T) {
	children := adopt(t)
	dir := writeScript(t, "#!/bin/sh\n(sh -c 'echo $$ >> pids' &)\nexec sleep 1000\n")
	script := start(t, children, dir)
	eventually(t, "the orphan ended and left no zombie", func() bool {
		list := pids(filepath.Join(dir, "pids"))
		return len(list) == 1 && !alive(list[0])
	})
	if err := children.End(TermGrace); err != nil {
		t.Fatal(err)
	}
	script.Close()
}

func TestScriptsEndIsSeenThoughItsChildrenGoOn(t *testing.T) {
	children := adopt(t)
	script := start(t, children, writeScript(t, "#!/bin/sh\nsleep 1000 &\necho no such level: 9 >&2\nexit 3\n"))
	select {
	case <-script.Done():
	case <-time.After(patience):
		t.Fatal("the end was not seen")
	}
	if got := script.Explain(); !strings.Contains(got, "exit status 3") || !strings.Contains(got, "no such level: 9") {
		t.Errorf("explained as %q", got)
	}
	if err := children.End(TermGrace); err != nil {
		t.Fatal(err)
	}
	script.Close()
}

func TestScriptThatCannotRunSaysWhatToDo(t *testing.T) {
	children := adopt(t)
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"plain.sh": 0o644, "noshebang": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\x7fnot a program"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for executable, want := range map[string]string{
		"missing.sh": "there is no", "plain.sh": "chmod +x", "noshebang": "#!/bin/sh",
		".": "not a file", "../run.sh": "leaves the application's folder", "/bin/sh": "leaves the application's folder",
	} {
		_, err := StartScript(children, ScriptConfig{Dir: dir, Executable: executable, LogPath: filepath.Join(t.TempDir(), "log")})
		if !errors.Is(err, ErrNotRunnable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something with %q", executable, err, want)
		}
	}
}

func TestOutputIsBoundedAndKeepsTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	output, err := CreateOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 3 * logPart / len(line) {
		_, _ = output.Write(line)
	}
	_, _ = output.Write([]byte("one\n\x1b[2Jtwo\x00\nthree\n"))
	output.Close()
	for _, file := range []string{path, path + ".1"} {
		info, err := os.Stat(file)
		if err != nil || info.Size() > logPart {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	if got := output.LastLines(); !strings.HasSuffix(got, "one\n[2Jtwo\nthree") {
		t.Errorf("the last lines are %q", got)
	}
}

func TestEnvironmentHoldsNothingOfOurs(t *testing.T) {
	ours := map[string]string{"PATH": "/usr/bin", "LANG": "C.UTF-8", "AWS_SECRET_ACCESS_KEY": "ours"}
	lookup := func(name string) (string, bool) { value, ok := ours[name]; return value, ok }
	got := Environment(
		map[string]string{"IVS_STAGE_TOKEN": "theirs", "DISPLAY": ":0", "PATH": "/opt/game"},
		map[string]string{"DISPLAY": ":7"}, "/tools", lookup)
	want := []string{"DISPLAY=:7", "IVS_STAGE_TOKEN=theirs", "LANG=C.UTF-8", "PATH=/tools:/opt/game:/usr/games"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (sh) S 1 12 12"))
	f.Add([]byte("12 (a) Z 9) ) R 4 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if p, ok := parseStat(12, stat); ok && p.pid != 12 {
			t.Fatal(p)
		}
	})
}
