//go:build linux

// Package launch starts the processes of one game instance and finds every one of
// their descendants again, however they were forked, to end them. It also finds
// and runs an application's launch script, makes its environment and keeps its
// output, bounded.
//
// It knows nothing of displays, sound or people.
package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// TermGrace is how long processes may take to end after SIGTERM.
	TermGrace = 3 * time.Second
	// killPatience is how long the kernel may take to end them after SIGKILL:
	// only a process in uninterruptible sleep takes longer than an instant.
	killPatience = 5 * time.Second
	// treePoll is how often the process table is read while waiting for an end.
	// One reading costs about 2 ms with 200 processes.
	treePoll = 15 * time.Millisecond
)

// Children are the processes that this program started, and what became of their
// descendants. This program is their subreaper (prctl(2),
// PR_SET_CHILD_SUBREAPER): a process whose parent ended, also one that left its
// session, becomes our child rather than init's, so the tree below us is complete.
type Children struct {
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{}

	// table guards own, and keeps the reaper from taking the exit status of a
	// child between its fork and its entry in own.
	table sync.Mutex
	own   map[int]*Child
}

// Child is one process that was started by Start.
type Child struct {
	Pid  int
	Name string

	done chan struct{}
	err  error
}

// Done is closed when the process has ended (its descendants may go on).
func (c *Child) Done() <-chan struct{} { return c.done }

// Err is the result of the process, as exec.Cmd.Wait tells it. Only after Done.
func (c *Child) Err() error { return c.err }

// Adopt makes this process the reaper of its descendants. At most one Children
// per process.
func Adopt(log *slog.Logger) (*Children, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the reaper of descendants: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Children{log: log, stop: stop, done: make(chan struct{}), own: map[int]*Child{}}
	ended := make(chan os.Signal, 1) // one pending signal is enough: reapOrphans takes all
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		defer close(c.done)
		defer signal.Stop(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ended:
				c.reapOrphans()
			}
		}
	}()
	return c, nil
}

// Close stops reaping. Call it when all children are gone.
func (c *Children) Close() {
	c.stop()
	<-c.done
}

// Start runs cmd. The kernel kills it should this process die without ending it.
func (c *Children) Start(name string, cmd *exec.Cmd) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	c.table.Lock()
	err := cmd.Start()
	if err != nil {
		c.table.Unlock()
		return nil, err
	}
	child := &Child{Pid: cmd.Process.Pid, Name: name, done: make(chan struct{})}
	c.own[child.Pid] = child
	c.table.Unlock()
	go func() {
		err := cmd.Wait()
		c.table.Lock()
		delete(c.own, child.Pid)
		c.table.Unlock()
		child.err = err
		close(child.done)
	}()
	return child, nil
}

// End ends every descendant that is not below one of spare: SIGTERM to all, then
// after grace SIGKILL to what is left, also to processes forked meanwhile. It
// returns when none is left, and fails only if the kernel does not let one go.
func (c *Children) End(grace time.Duration, spare ...*Child) error {
	left, err := c.descendants(spare)
	if err != nil {
		return err
	}
	for _, pid := range left {
		c.signal(pid, unix.SIGTERM)
	}
	term := time.NewTimer(grace)
	defer term.Stop()
	giveUp := time.NewTimer(grace + killPatience)
	defer giveUp.Stop()
	poll := time.NewTicker(treePoll)
	defer poll.Stop()
	killing := false
	for {
		c.reapOrphans()
		if left, err = c.descendants(spare); err != nil || len(left) == 0 {
			return err
		}
		if killing {
			for _, pid := range left {
				c.signal(pid, unix.SIGKILL)
			}
		}
		select {
		case <-poll.C:
		case <-term.C:
			killing = true
		case <-giveUp.C:
			return fmt.Errorf("%d processes cannot be ended, the first is %d", len(left), left[0])
		}
	}
}

func (c *Children) signal(pid int, sig unix.Signal) {
	if err := unix.Kill(pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		c.log.Warn("signal a process of the game", "pid", pid, "signal", sig, "error", err)
	}
}

// descendants lists all living processes below this one, without the trees of spare.
func (c *Children) descendants(spare []*Child) ([]int, error) {
	table, err := processes()
	if err != nil {
		return nil, err
	}
	below := map[int][]process{}
	for _, p := range table {
		below[p.parent] = append(below[p.parent], p)
	}
	var found []int
	wait := []int{os.Getpid()}
	for len(wait) > 0 {
		parent := wait[0]
		wait = wait[1:]
		for _, p := range below[parent] {
			if slices.ContainsFunc(spare, func(s *Child) bool { return s != nil && s.Pid == p.pid }) {
				continue
			}
			wait = append(wait, p.pid)
			if p.state != 'Z' {
				found = append(found, p.pid)
			}
		}
	}
	return found, nil
}

// reapOrphans takes the exit status of ended descendants that became our children.
// Those that we started ourselves are left to exec.Cmd.
func (c *Children) reapOrphans() {
	table, err := processes()
	if err != nil {
		c.log.Warn("look for ended processes", "error", err)
		return
	}
	c.table.Lock()
	defer c.table.Unlock()
	for _, p := range table {
		if p.parent == os.Getpid() && p.state == 'Z' && c.own[p.pid] == nil {
			var status unix.WaitStatus
			_, _ = unix.Wait4(p.pid, &status, unix.WNOHANG, nil)
		}
	}
}
