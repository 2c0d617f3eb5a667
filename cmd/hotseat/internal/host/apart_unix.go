//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// apart puts a command into a process group of its own: Ctrl+C in the terminal is for the supervisor,
// which then ends its worker in order.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
