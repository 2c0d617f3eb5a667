//go:build linux

package launch

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// process is one line of the process table.
type process struct {
	pid, parent int
	state       byte // 'Z': ended, exit status not taken yet
}

// processes reads the process table. Processes that end meanwhile are left out.
func processes() ([]process, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	var table []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if p, ok := parseStat(pid, stat); ok {
			table = append(table, p)
		}
	}
	return table, nil
}

// parseStat reads "pid (name) state parent …" (proc_pid_stat(5)). The name is any
// bytes that the program chose, also parentheses and spaces: the last parenthesis
// ends it.
func parseStat(pid int, stat []byte) (process, bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return process{}, false
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 2 || len(fields[0]) != 1 {
		return process{}, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return process{}, false
	}
	return process{pid: pid, parent: parent, state: fields[0][0]}, true
}
