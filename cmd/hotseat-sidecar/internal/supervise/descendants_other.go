//go:build !linux

package supervise

import (
	"errors"
	"os"
	"syscall"
)

// childEnded is a signal that never comes.
const childEnded = syscall.Signal(0)

// adopt: where there is no subreaper, only the game's first process is known.
func adopt() error { return errors.New("the game's other processes are not known on this system") }

func descendants(...int) []int { return nil }

func reapOrphans(...int) {}

func signalProcess(pid int, sig syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(sig)
	}
}
