package supervise

import (
	"bytes"
	"os"
	"strconv"
)

// Abandoned says whether the process that started the supervisor is gone: a launch script, or the
// service that ran it. It is no reason to end by itself: scripts that leave things running are
// common. Where /proc does not tell, it is false.
func (in *Input) Abandoned() bool {
	now := parentOf(os.Getppid())
	return in.starter > 0 && now > 0 && now != in.starter
}

// parentOf reads the parent's pid of a process, 0 when it cannot.
func parentOf(pid int) int {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, parent, _ := parseStat(raw)
	return parent
}

// parseStat reads "pid (name) state parent …" (proc_pid_stat(5)). The name may hold anything, also
// parentheses.
func parseStat(raw []byte) (state byte, parent int, ok bool) {
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 2 || len(fields[0]) != 1 {
		return 0, 0, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return fields[0][0], parent, err == nil
}
