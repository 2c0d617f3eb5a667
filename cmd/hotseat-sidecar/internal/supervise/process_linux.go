package supervise

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel send SIGTERM when the thread that starts cmd ends, which Run keeps
// until it returns: prctl(2), PR_SET_PDEATHSIG.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
