//go:build !unix

package host

import "os/exec"

// apart does nothing here: the services that a supervisor hosts need a unix system.
func apart(*exec.Cmd) {}
