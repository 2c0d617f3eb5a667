package supervise

import (
	"os"
	"strconv"
	"strings"
)

// Abandoned says whether the process that started the supervisor is gone: a launch script, or the
// service that ran it. It is no reason to end by itself: scripts that leave things running are
// common. Where /proc does not tell, it is false.
func (in *Input) Abandoned() bool {
	now := parentOf(os.Getppid())
	return in.starter > 0 && now > 0 && now != in.starter
}

// parentOf reads the parent's pid of a process, 0 when it cannot: the second field after the
// name, which may hold anything, in parentheses (proc_pid_stat(5)).
func parentOf(pid int) int {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
