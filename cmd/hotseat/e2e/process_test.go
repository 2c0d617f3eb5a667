package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a process as the kernel tells it apart from a later one with the same number.
type process struct {
	pid     int
	started string // in clock ticks since boot
	command string
}

// table lists all processes with their parents.
func table() map[process]int {
	all := map[process]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		text := string(content)
		closing := strings.LastIndexByte(text, ')')
		fields := strings.Fields(text[closing+1:])
		pid, _ := strconv.Atoi(text[:strings.IndexByte(text, ' ')])
		parent, _ := strconv.Atoi(fields[1])
		if fields[0] == "Z" {
			continue
		}
		all[process{pid, fields[19], text[strings.IndexByte(text, '(')+1 : closing]}] = parent
	}
	return all
}

// family watches a process and notes everything it ever starts.
type family struct {
	t        testing.TB
	ancestor int
	stop     chan struct{}
	done     chan struct{}
	mu       sync.Mutex // protects seen
	seen     map[process]bool
}

// watchFamily notes the descendants of a process from now on, without counting the process itself.
func watchFamily(t testing.TB, ancestor int) *family {
	t.Helper()
	f := &family{t: t, ancestor: ancestor, stop: make(chan struct{}), done: make(chan struct{}), seen: map[process]bool{}}
	go func() {
		defer close(f.done)
		for {
			f.look()
			select {
			case <-f.stop:
				return
			case <-time.After(200 * time.Millisecond): // every look reads all of /proc
			}
		}
	}()
	return f
}

// look notes who is there, and returns the processes of the family that are alive.
func (f *family) look() (alive []process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := table()
	related := map[int]bool{f.ancestor: true}
	for p := range f.seen {
		if _, alive := all[p]; alive {
			related[p.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for p, parent := range all {
			if related[parent] && !related[p.pid] {
				related[p.pid], f.seen[p], grown = true, true, true
			}
		}
	}
	for p := range f.seen {
		if _, is := all[p]; is {
			alive = append(alive, p)
		}
	}
	slices.SortFunc(alive, func(a, b process) int { return a.pid - b.pid })
	return alive
}

// alive are the processes of a command, the kernel's 15 characters of it.
func (f *family) alive(command string) (list []process) {
	for _, p := range f.look() {
		if p.command == command {
			list = append(list, p)
		}
	}
	return list
}

// commands are the names of everything seen.
func (f *family) commands() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := map[string]bool{}
	for p := range f.seen {
		names[p.command] = true
	}
	return names
}

// dying is how long the kernel may take to clear away processes that were killed.
const dying = 5 * time.Second

// gone fails the test if anything that was ever seen stays alive.
func (f *family) gone() {
	f.t.Helper()
	close(f.stop)
	<-f.done
	began := time.Now()
	left := f.look()
	for first := left; len(left) > 0; left = f.look() {
		if time.Since(began) > dying {
			f.t.Errorf("left running: %v, of %v at first", left, first)
			return
		}
		time.Sleep(10 * time.Millisecond) // between two looks: no event tells the end of a process that is nobody's child here
	}
	if took := time.Since(began); took > 100*time.Millisecond {
		f.t.Logf("the last process was gone after %s", took)
	}
}

func (p process) String() string { return fmt.Sprintf("%s (%d)", p.command, p.pid) }
