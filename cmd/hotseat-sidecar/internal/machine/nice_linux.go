package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// setNice sets one thread: on Linux a nice value belongs to a thread (setpriority(2), "C
// library/kernel differences").
func setNice(thread, nice int) error {
	return os.NewSyscallError("setpriority", unix.Setpriority(unix.PRIO_PROCESS, thread, nice))
}
