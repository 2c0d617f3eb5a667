package gameliftstreams

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	sweepPatience = 2 * time.Second
	sweepPoll     = 10 * time.Millisecond
)

// sweep kills every process that carries the variable with this value in its
// environment, also those that left the process group (setsid), until none is left
// or it has tried for two seconds; it returns how many are left. An instance that
// ended in order leaves none; this is for one that was killed.
func sweep(name, value string) int {
	mark := []byte(name + "=" + value)
	deadline := time.Now().Add(sweepPatience)
	for {
		left := 0
		for _, pid := range carriers(mark) {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				left++
			}
		}
		if left == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(sweepPoll) // the kernel tells nobody when a process that is not our child ends
	}
}

// carriers lists the processes of our user with the mark. Ended ones have no
// environment any more.
func carriers(mark []byte) []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment, err := os.ReadFile("/proc/" + name + "/environ")
		if err != nil {
			continue
		}
		for entry := range bytes.SplitSeq(environment, []byte{0}) {
			if bytes.Equal(entry, mark) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}
