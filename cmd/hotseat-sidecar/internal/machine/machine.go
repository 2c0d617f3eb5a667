// Package machine keeps the broadcast out of the game's way on the machine that they share, and
// tells how short of processors it is. It knows Linux; elsewhere it does and tells nothing.
package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// outOfMemory makes the kernel end the broadcast before a game of the same size when memory
	// runs out (proc(5), oom_score_adj). The broadcast is started again; a game is not.
	outOfMemory = 300
	// niceRounds: threads that start while others are set are found in another round.
	niceRounds = 3
)

// Yield makes this process step back for the game: its threads get a nice value, those that
// start later inherit it, and it is the first to go when memory runs out. Call it early.
func Yield(nice int) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(outOfMemory)), 0)
	if nice <= 0 {
		return nil
	}
	var err error
	for range niceRounds {
		for _, id := range threads() {
			err = setNice(id, nice)
		}
	}
	return err
}

func threads() []int {
	entries, _ := filepath.Glob("/proc/self/task/[0-9]*")
	ids := make([]int, 0, len(entries))
	for _, e := range entries {
		if id, err := strconv.Atoi(filepath.Base(e)); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Waiting measures how long threads of this process could run and had no processor to run on.
type Waiting struct {
	at    time.Time
	total map[int]time.Duration
}

// Since is the part of the time since the last call in which a thread waited, 0 to 1: the waits of
// all threads together, as pictures pass through one after the other. The first call returns 0.
func (w *Waiting) Since(now time.Time) float64 {
	before, total := w.total, map[int]time.Duration{}
	var waited time.Duration
	for _, id := range threads() {
		raw, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(id) + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		if t, ok := parseWait(string(raw)); ok {
			total[id] = t
			if old, known := before[id]; known {
				waited += t - old
			}
		}
	}
	passed := now.Sub(w.at)
	w.at, w.total = now, total
	if before == nil || passed <= 0 || waited <= 0 {
		return 0
	}
	return min(1, float64(waited)/float64(passed))
}

// parseWait reads the second number of schedstat: nanoseconds on the run queue (Linux,
// Documentation/scheduler/sched-stats.rst).
func parseWait(text string) (time.Duration, bool) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	return time.Duration(n), err == nil && n >= 0
}
