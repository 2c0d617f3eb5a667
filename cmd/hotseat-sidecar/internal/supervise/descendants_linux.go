package supervise

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// childEnded tells a process that a child of its own may have ended.
const childEnded = unix.SIGCHLD

// adopt makes this process the reaper of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER): one
// whose parent ended becomes a child of ours rather than of init, so that the tree below us is whole.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of the game's processes: %w", err)
	}
	return nil
}

// descendants lists the living processes below this one, without the trees of spare.
func descendants(spare ...int) []int {
	below := map[int][]int{}
	ended := map[int]bool{}
	for _, p := range wholeTable() {
		below[p.parent] = append(below[p.parent], p.pid)
		ended[p.pid] = p.ended
	}
	skip := map[int]bool{}
	for _, pid := range spare {
		skip[pid] = true
	}
	var found []int
	for wait := []int{os.Getpid()}; len(wait) > 0; wait = wait[1:] {
		for _, pid := range below[wait[0]] {
			if skip[pid] {
				continue
			}
			wait = append(wait, pid)
			if !ended[pid] {
				found = append(found, pid)
			}
		}
	}
	return found
}

// reapOrphans takes the exit status of ended descendants that became our children. Those in own
// are left to who started them.
func reapOrphans(own ...int) {
	mine := map[int]bool{}
	for _, pid := range own {
		mine[pid] = true
	}
	for _, p := range processes() {
		if p.ended && p.parent == os.Getpid() && !mine[p.pid] {
			var status unix.WaitStatus
			_, _ = unix.Wait4(p.pid, &status, unix.WNOHANG, nil)
		}
	}
}

func signalProcess(pid int, sig syscall.Signal) { _ = unix.Kill(pid, sig) } // one that has ended needs none

// inTable is one line of the process table.
type inTable struct {
	pid, parent int
	ended       bool // and nobody took its exit status
}

// wholeTable reads the process table until nobody's parent is missing from it. It is read line by line:
// the parent of a line may end before its own line is read, and then what it leaves behind would hang
// from nothing, although it is a child of ours by now.
func wholeTable() (table []inTable) {
	for range 10 {
		table = processes()
		known := map[int]bool{0: true} // of init, and of what was started from outside a namespace
		for _, p := range table {
			known[p.pid] = true
		}
		if !slices.ContainsFunc(table, func(p inTable) bool { return !known[p.parent] }) {
			break
		}
	}
	return table
}

// processes reads the process table; what ends meanwhile is left out.
func processes() (table []inTable) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		raw, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if state, parent, ok := parseStat(raw); ok {
			table = append(table, inTable{pid, parent, state == 'Z' || state == 'X'})
		}
	}
	return table
}
