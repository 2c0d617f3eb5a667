package gate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
	"hotseat/backend/store"
)

// processDatabase is the environment variable that makes this test binary a gate on the database
// at its value, asked over standard input, instead of a test.
const processDatabase = "HOTSEAT_GATE_TEST_PROCESS"

func TestMain(m *testing.M) {
	if path := os.Getenv(processDatabase); path != "" {
		if err := serve(path, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// call is what a client asks of a gate: to publish Ask as Who, or, without Ask, to read the state.
type call struct {
	ID      int             `json:"id"`
	Session string          `json:"session"`
	Who     auth.Identity   `json:"who"`
	Ask     *playtest.Event `json:"ask,omitempty"`
}

// reply is what became of a call. Exactly one of View, Event, Code and Failure is set, none when
// there was nothing to do.
type reply struct {
	ID      int             `json:"id"`
	View    *view           `json:"view,omitempty"`
	Event   *playtest.Event `json:"event,omitempty"`
	Code    playtest.Code   `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Failure string          `json:"failure,omitempty"` // the backend's own trouble
	// Overtaken: the failure is that others were faster each time, so that nothing was appended.
	Overtaken bool `json:"overtaken,omitempty"`
}

// view is the part of a state that is about the seat.
type view struct {
	Seq     int64    `json:"seq"`
	Epoch   int64    `json:"epoch"`
	Holder  string   `json:"holder"`  // person, "" for an empty seat
	Running string   `json:"running"` // request of the hand-over
	Queue   []string `json:"queue"`   // requests
}

func viewOf(s playtest.State) *view {
	v := &view{Seq: s.Seq, Epoch: s.Seat.Epoch}
	if s.Seat.Holder != nil {
		v.Holder = s.Seat.Holder.ID
	}
	if s.Handover != nil {
		v.Running = s.Handover.Request.ID
	}
	for _, r := range s.Queue {
		v.Queue = append(v.Queue, r.ID)
	}
	return v
}

// serve answers every call as soon as the gate has: in the order of the answers, not of the calls.
func serve(path string, in io.Reader, out io.Writer) error {
	log, err := store.Open(path)
	if err != nil {
		return err
	}
	defer log.Close()
	gate := New(log, time.Now)
	var writing sync.Mutex // one reply at a time on out
	replies := json.NewEncoder(out)
	var running sync.WaitGroup
	defer running.Wait()
	for calls := json.NewDecoder(bufio.NewReader(in)); ; {
		var c call
		if err := calls.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		running.Go(func() {
			r := answer(gate, c)
			writing.Lock()
			defer writing.Unlock()
			replies.Encode(r)
		})
	}
}

func answer(gate *Gate, c call) reply {
	ctx := context.Background()
	if c.Ask == nil {
		state, err := gate.State(ctx, c.Session)
		if err != nil {
			return reply{ID: c.ID, Failure: err.Error()}
		}
		return reply{ID: c.ID, View: viewOf(state)}
	}
	payload, err := json.Marshal(c.Ask)
	if err != nil {
		return reply{ID: c.ID, Failure: err.Error()}
	}
	stamped, err := gate.Publish(ctx, NamespacePlaytest, c.Session, c.Who, payload)
	var refusal *playtest.Refusal
	switch {
	case errors.As(err, &refusal):
		return reply{ID: c.ID, Code: refusal.Code, Message: refusal.Message}
	case err != nil:
		return reply{ID: c.ID, Failure: err.Error(), Overtaken: errors.Is(err, store.ErrConflict)}
	case stamped == nil:
		return reply{ID: c.ID}
	}
	var event playtest.Event
	if err := json.Unmarshal(stamped, &event); err != nil {
		return reply{ID: c.ID, Failure: err.Error()}
	}
	return reply{ID: c.ID, Event: &event}
}

// process is a gate in a process of its own. It is safe for use by several goroutines.
type process struct {
	calls *json.Encoder

	mu      sync.Mutex // protects calls, waiting and next
	waiting map[int]chan reply
	next    int
}

// startProcess starts a gate on the database. The test's end ends it.
func startProcess(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	// With -race a program waits a second before it ends, for reports of goroutines that are left.
	cmd.Env = append(os.Environ(), processDatabase+"="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{calls: json.NewEncoder(in), waiting: map[int]chan reply{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.receive(out)
	}()
	t.Cleanup(func() {
		in.Close() // it ends at the end of its input
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("a gate's process: %v", err)
		}
	})
	return p
}

// receive hands every reply to who waits for it. When the process is gone nobody waits for ever.
func (p *process) receive(out io.Reader) {
	replies := json.NewDecoder(out)
	for {
		var r reply
		err := replies.Decode(&r)
		p.mu.Lock()
		if err != nil {
			for id, waiting := range p.waiting {
				waiting <- reply{ID: id, Failure: "the gate's process is gone"}
			}
			p.mu.Unlock()
			return
		}
		p.waiting[r.ID] <- r
		delete(p.waiting, r.ID)
		p.mu.Unlock()
	}
}

// ask sends a call and waits for its reply.
func (p *process) ask(c call) reply {
	answered := make(chan reply, 1)
	p.mu.Lock()
	p.next++
	c.ID = p.next
	p.waiting[c.ID] = answered
	err := p.calls.Encode(c)
	p.mu.Unlock()
	if err != nil {
		return reply{Failure: err.Error()}
	}
	return <-answered
}
