package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests' worker is this test binary; its settings say what it does.
func TestMain(m *testing.M) {
	if os.Getenv(Variable) != "" {
		os.Exit(work())
	}
	os.Exit(m.Run())
}

func work() int {
	in, err := Receive()
	if err != nil {
		return 9
	}
	var task string
	_ = json.Unmarshal(in.Settings, &task)
	ctx, cancel := in.Stopped(context.Background(), time.Second, 8)
	defer cancel()
	l := in.Sockets["place"]
	conn, err := l.Accept() // the test, which counts workers so
	if err != nil {
		return 9
	}
	fmt.Fprintf(conn, "worker %d\n", in.Restarts)
	in.Alive()
	switch task {
	case "fail":
		return 5
	case "give up":
		return 3
	case "hang":
		select {}
	case "refuse to end":
		<-ctx.Done()
		select {}
	}
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-time.After(50 * time.Millisecond):
			in.Alive()
		}
	}
}

const (
	// patience of a supervisor in a test that is about something else: a busy machine may take seconds to start a worker.
	patience = 15 * time.Second
	// patienceWithSilence is for tests that wait for it to pass.
	patienceWithSilence = 3 * time.Second
)

// rig is a supervisor in this process.
type rig struct {
	t       *testing.T
	address string
	signals chan os.Signal
	code    chan int
}

func supervised(t *testing.T, task string, game ...string) *rig {
	t.Helper()
	return supervisedFor(t, patience, task, game...)
}

// supervisedFor has a patience of its own.
func supervisedFor(t *testing.T, patience time.Duration, task string, game ...string) *rig {
	t.Helper()
	var cmd *exec.Cmd
	if game != nil {
		cmd = exec.Command(game[0], game[1:]...)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &rig{t, l.Addr().String(), make(chan os.Signal, 2), make(chan int, 1)}
	s := New(Config{
		Command: []string{os.Args[0]}, Environment: []string{"PATH=" + os.Getenv("PATH")}, Settings: task,
		Sockets: []Socket{{"place", l}}, Final: func(code int) bool { return code == 3 }, Patience: patience,
		Game: cmd, Log: slog.New(slog.DiscardHandler),
	})
	go func() { r.code <- s.Run(r.signals) }()
	return r
}

// meet connects to the next worker.
func (r *rig) meet(want string) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	line, _ := io.ReadAll(io.LimitReader(conn, int64(len(want)+1)))
	if strings.TrimSpace(string(line)) != want {
		r.t.Fatalf("met %q, want %q", line, want)
	}
}

func (r *rig) end(want int) {
	r.t.Helper()
	select {
	case code := <-r.code:
		if code != want {
			r.t.Errorf("exit code %d, want %d", code, want)
		}
	case <-time.After(20 * time.Second):
		r.t.Fatal("it does not end")
	}
}

func TestAWorkerThatDiesIsStartedAgainAndCountsItsForerunners(t *testing.T) {
	r := supervised(t, "fail")
	for i := range 3 {
		r.meet(fmt.Sprintf("worker %d", i))
	}
	r.signals <- syscall.SIGTERM
	r.end(0)
}

func TestAWorkerThatGivesUpIsNotStartedAgain(t *testing.T) {
	r := supervised(t, "give up")
	r.meet("worker 0")
	r.end(3)
}

func TestAWorkerThatHangsIsStartedAgain(t *testing.T) {
	r := supervisedFor(t, patienceWithSilence, "hang")
	r.meet("worker 0")
	r.meet("worker 1")
	r.signals <- syscall.SIGTERM
	r.end(0)
}

func TestAfterAPauseOfTheMachineAWorkerHasTimeToShowItself(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	w := hangWatch{patience: 20 * time.Second, last: now}
	step := func(passed, silence time.Duration) bool {
		now = now.Add(passed)
		w.look(now)
		return w.hangs(now, silence)
	}
	if step(2*time.Second, time.Second) || !step(2*time.Second, 21*time.Second) {
		t.Error("a worker that hangs is not told from one that works")
	}
	if step(time.Minute, time.Minute) || step(2*time.Second, 62*time.Second) {
		t.Error("a machine that stood still is taken for a worker that hangs")
	}
	for range 4 {
		step(2*time.Second, 70*time.Second)
	}
	if !step(2*time.Second, 72*time.Second) {
		t.Error("a worker that stays silent after a pause is let be")
	}
}

func TestAWorkerThatWorksIsLetWork(t *testing.T) {
	r := supervisedFor(t, patienceWithSilence, "work")
	r.meet("worker 0")
	conn, err := net.Dial("tcp", r.address) // to a second worker, if there is one
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patienceWithSilence + 2*time.Second))
	if line, err := io.ReadAll(conn); len(line) > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it was started again: met %q, %v", line, err)
	}
	r.signals <- syscall.SIGTERM
	r.end(0)
}

func TestAWorkerThatRefusesToEndIsEnded(t *testing.T) {
	r := supervised(t, "refuse to end")
	r.meet("worker 0")
	began := time.Now()
	r.signals <- syscall.SIGTERM
	r.end(0)
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
}
