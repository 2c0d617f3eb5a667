//go:build unix

package supervise

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// family is a game of several processes: one that waits for another, a child, and one that left the
// session. Their pids are written to the file of the argument.
const family = `
sleep 47 & echo $! >> "$1"
setsid sh -c 'echo $$ >> "$1"; exec sleep 48' - "$1" &
sh -c 'sh -c "echo \$\$ >> \"$1\"; exec sleep 49" - "$1" & exit 0' - "$1"
`

// pids waits until n processes have written theirs.
func pids(t *testing.T, path string, n int) (list []int) {
	t.Helper()
	eventually(t, "the game's processes run", func() bool {
		raw, _ := os.ReadFile(path)
		list = list[:0]
		for _, f := range strings.Fields(string(raw)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, pid)
		}
		return len(list) == n
	})
	return list
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

// there says whether a process is in the table, as a zombie, too.
func there(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestNoProcessOfTheGameIsLeftAfterSIGTERM(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pids")
	r := supervised(t, "work", "/bin/sh", "-c", family+"sleep 50; true", "game", path)
	r.meet("worker 0")
	list := pids(t, path, 3)
	r.signals <- syscall.SIGTERM
	r.end(128 + int(syscall.SIGTERM))
	for _, pid := range list {
		if there(pid) {
			t.Errorf("process %d of the game goes on", pid)
		}
	}
}

func TestWhatAGameLeavesRunningIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pids")
	r := supervised(t, "work", "/bin/sh", "-c", family+`while [ "$(wc -l < "$1")" -lt 3 ] || ! [ -e "$1.end" ]; do sleep 0.01; done; exit 6`, "game", path)
	r.meet("worker 0") // before the game ends, and the worker with it
	if err := os.WriteFile(path+".end", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.end(6)
	for _, pid := range pids(t, path, 3) {
		if there(pid) {
			t.Errorf("process %d of the game goes on", pid)
		}
	}
}

func TestAGameThatDoesNotEndIsKilledAtTheSecondSignal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pids")
	r := supervised(t, "work", "/bin/sh", "-c", `trap '' TERM; sh -c 'echo $$ >> "$1"; while :; do sleep 0.1; done' - "$1"; true`, "game", path)
	r.meet("worker 0")
	list := pids(t, path, 1)
	r.signals <- syscall.SIGTERM
	r.signals <- syscall.SIGTERM
	r.end(128 + int(syscall.SIGKILL))
	if there(list[0]) {
		t.Errorf("process %d of the game goes on", list[0])
	}
}

func TestAnOrphanOfTheGameLeavesNoZombie(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pids")
	r := supervised(t, "work", "/bin/sh", "-c", `(sleep 0.2 & echo $! > "$1"); exec sleep 50`, "game", path)
	r.meet("worker 0")
	orphan := pids(t, path, 1)[0]
	eventually(t, "the orphan's exit status is taken", func() bool { return !there(orphan) })
	r.signals <- syscall.SIGTERM
	r.end(128 + int(syscall.SIGTERM))
}
