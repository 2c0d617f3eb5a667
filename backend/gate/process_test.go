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
		if err := serve(path, clockAt(path), os.Stdin, os.Stdout); err != nil {
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
	// Die is no ask: the process kills itself at this point of its next append.
	Die crashPoint `json:"die,omitempty"`

	At int64 `json:"-"` // of the clock when the call was made, Unix milliseconds
}

// reply is what became of a call. Exactly one of View, Event, Code, Failure and Lost is set, none when
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

	Lost bool  `json:"-"` // the process died first: it may have taken effect, or never will
	At   int64 `json:"-"` // of the clock when the reply was there, Unix milliseconds
}

// view is the part of a state that is about the seat, and the whole of it as it is encoded.
type view struct {
	Seq     int64    `json:"seq"`
	Epoch   int64    `json:"epoch"`
	Holder  string   `json:"holder"`  // person, "" for an empty seat
	Running string   `json:"running"` // request of the hand-over
	Queue   []string `json:"queue"`   // requests

	Due   *playtest.Event `json:"due,omitempty"` // what a steward would publish next, of itself
	Whole json.RawMessage `json:"whole"`         // every exported field of the state
}

func viewOf(s playtest.State, now time.Time) *view {
	v := &view{Seq: s.Seq, Epoch: s.Seat.Epoch}
	v.Whole, _ = json.Marshal(s) // plain data
	if due, ok := s.Due(now); ok {
		v.Due = &due
	}
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
func serve(path string, clock sharedClock, in io.Reader, out io.Writer) error {
	log, err := store.Open(path)
	if err != nil {
		return err
	}
	defer log.Close()
	mortal := &mortalLog{Log: log}
	gate := New(mortal, clock.now)
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
		if c.Die != "" {
			mortal.point.Store(&c.Die)
			continue
		}
		running.Go(func() {
			r := answer(gate, clock, c)
			writing.Lock()
			defer writing.Unlock()
			replies.Encode(r)
		})
	}
}

func answer(gate *Gate, clock sharedClock, c call) reply {
	ctx := context.Background()
	if c.Ask == nil {
		state, err := gate.State(ctx, c.Session)
		if err != nil {
			return reply{ID: c.ID, Failure: err.Error()}
		}
		return reply{ID: c.ID, View: viewOf(state, clock.now())}
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
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{} // closed when the process is gone and nothing of it runs any more
	err  error         // of its end, once done is closed

	mu      sync.Mutex // protects calls, waiting, next and gone
	calls   *json.Encoder
	waiting map[int]chan reply
	next    int
	gone    bool
	doomed  bool // it is meant to be killed
}

// startProcess starts a gate on the database. The test's end ends it, if nobody has killed it.
func startProcess(t *testing.T, path string) *process {
	t.Helper()
	p, err := launch(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(t) })
	return p
}

func launch(path string) (*process, error) {
	cmd := exec.Command(os.Args[0])
	// With -race a program waits a second before it ends, for reports of goroutines that are left.
	cmd.Env = append(os.Environ(), processDatabase+"="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, in: in, calls: json.NewEncoder(in), waiting: map[int]chan reply{}, done: make(chan struct{})}
	go p.receive(out)
	return p, nil
}

// end lets the process end at the end of its input, and waits for it.
func (p *process) end(t *testing.T) {
	p.in.Close()
	<-p.done
	if p.err != nil && !p.doomed {
		t.Errorf("a gate's process: %v", p.err)
	}
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	p.mu.Lock()
	p.doomed = true
	p.mu.Unlock()
	p.cmd.Process.Kill()
	<-p.done
}

// receive hands every reply to who waits for it. Those whose reply never comes hear so only when the
// process has been waited for: from then on nothing that it was asked can take effect.
func (p *process) receive(out io.Reader) {
	defer close(p.done)
	replies := json.NewDecoder(out)
	for {
		var r reply
		if err := replies.Decode(&r); err != nil { // also in the middle of a reply
			break
		}
		p.mu.Lock()
		p.waiting[r.ID] <- r
		delete(p.waiting, r.ID)
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for id, waiting := range p.waiting {
		waiting <- reply{ID: id, Lost: true}
	}
}

// ask sends a call and waits for its reply.
func (p *process) ask(c call) reply {
	answered := make(chan reply, 1)
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return reply{Lost: true}
	}
	p.next++
	c.ID = p.next
	p.waiting[c.ID] = answered
	p.calls.Encode(c) // an error is the process's end, of which receive hears
	p.mu.Unlock()
	return <-answered
}

// dieAt makes the process kill itself at a point of its next append.
func (p *process) dieAt(point crashPoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	p.calls.Encode(call{Die: point})
}
