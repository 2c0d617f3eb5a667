//go:build !windows

package gameliftstreams

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into a group of its own: a Ctrl+C at our terminal must
// not reach it before we have ended it in order, and killGroup must not reach us.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process and all that stayed in its group.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
