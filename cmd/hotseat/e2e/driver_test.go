package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// browser is a Chromium driven by driver.mjs; its pages have names.
type browser struct {
	t     testing.TB
	in    io.WriteCloser
	mu    sync.Mutex // protects next and waits
	next  int
	waits map[int]chan answer
}

type answer struct {
	ID    int             `json:"id"`
	OK    bool            `json:"ok"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

// patience is for what must happen. Pages get only what the game and its broadcast leave of the processors, which may
// be next to nothing for seconds.
const patience = 30 * time.Second

// commandTime bounds one command; playwright's own time-out is 30 s.
const commandTime = 40 * time.Second

func startBrowser(t testing.TB) *browser {
	t.Helper()
	program := []string{"node", "driver.mjs", "../../../web"}
	if _, benchmark := t.(*testing.B); !benchmark {
		// In a playtest the browsers are on other machines. Here they share two cores with the game
		// and its broadcast, and must not take what these need. SCHED_IDLE, because Chromium run as
		// root gives itself back whatever nice took (sched(7)).
		program = append([]string{"chrt", "--idle", "0"}, program...)
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stderr = &logWriter{t: t, prefix: "browser"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the browser's driver: %v", err)
	}
	b := &browser{t: t, in: in, waits: map[int]chan answer{}}
	ready := b.expect(0)
	go func() {
		defer b.over()
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var a answer
			if json.Unmarshal(lines.Bytes(), &a) == nil {
				b.mu.Lock()
				wait := b.waits[a.ID]
				delete(b.waits, a.ID)
				b.mu.Unlock()
				if wait != nil {
					wait <- a
				}
			}
		}
	}()
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	select {
	case a := <-ready:
		if !a.OK {
			t.Fatalf("the browser did not start: %s", a.Error)
		}
	case <-time.After(commandTime):
		t.Fatal("the browser did not start")
	}
	return b
}

// over answers everybody who still waits: the driver is gone.
func (b *browser) over() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, wait := range b.waits {
		wait <- answer{Error: "the browser's driver ended"}
	}
	b.waits = map[int]chan answer{}
}

func (b *browser) expect(id int) chan answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan answer, 1)
	b.waits[id] = c
	return c
}

type args map[string]any

// try does a command on a page and returns its value or its error.
func (b *browser) try(page, do string, a args) (json.RawMessage, error) {
	b.mu.Lock()
	b.next++
	id := b.next
	b.mu.Unlock()
	wait := b.expect(id)
	command := args{"id": id, "do": do, "page": page}
	for k, v := range a {
		command[k] = v
	}
	line, err := json.Marshal(command)
	if err != nil {
		return nil, err
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	select {
	case answer := <-wait:
		if !answer.OK {
			return nil, fmt.Errorf("%s on page %s: %s", do, page, answer.Error)
		}
		return answer.Value, nil
	case <-time.After(commandTime):
		return nil, fmt.Errorf("%s on page %s: no answer", do, page)
	}
}

// do does a command that must succeed.
func (b *browser) do(page, do string, a args) json.RawMessage {
	b.t.Helper()
	value, err := b.try(page, do, a)
	if err != nil {
		_, _ = b.try(page, "shot", args{"file": artifact("failed-" + page + ".png")})
		b.t.Fatalf("%v\n(a picture of the page: %s)", err, artifact("failed-"+page+".png"))
	}
	return value
}

// code is what the demo game wrote into the picture that a page shows.
type code struct {
	Drawn     int64 `json:"drawn"` // low 28 bits of Unix milliseconds
	Age       int64 `json:"age"`   // milliseconds
	X         int   `json:"x"`
	Keys      int   `json:"keys"`
	Reactions int   `json:"reactions"`
	Epoch     int   `json:"epoch"`
}

// code reads the picture; nil when there is none yet.
func (b *browser) code(page string) *code {
	b.t.Helper()
	var c *code
	if err := json.Unmarshal(b.do(page, "code", nil), &c); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// sees waits for a picture on the page and reads it.
func (b *browser) sees(page string) (c *code) {
	b.t.Helper()
	until(b.t, "the game in the picture of "+page, patience, func() bool {
		c = b.code(page)
		return c != nil
	})
	return c
}

// until asks again and again until what it is told to look for is there.
func until(t testing.TB, what string, within time.Duration, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
		time.Sleep(50 * time.Millisecond) // between two looks at a screen, which has no event to wait for
	}
}

func (b *browser) hold(page, key string) {
	b.t.Helper()
	b.do(page, "down", args{"key": key})
}

func (b *browser) release(page, key string) {
	b.t.Helper()
	b.do(page, "up", args{"key": key})
}

// moves is the share of the picture that changed within a second, 0 to 1.
func (b *browser) moves(page string) (share float64) {
	b.t.Helper()
	if err := json.Unmarshal(b.do(page, "moves", nil), &share); err != nil {
		b.t.Fatal(err)
	}
	return share
}
