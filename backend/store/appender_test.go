package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"hotseat/backend/playtest"
)

// crashSession is the log that appenders append to.
const crashSession = "s-crash"

// appendForever numbers events from 0, appends each to the log of crashSession, and prints "number
// seq" once Append has returned. Where another process was faster it reads again and tries again.
// It returns only when it cannot go on: it is there to be killed.
func appendForever(path, name string, acknowledge io.Writer) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	for number := 0; ; {
		seq, _, err := s.Head(ctx, crashSession)
		if err != nil {
			return err
		}
		err = s.Append(ctx, playtest.Event{
			Session: crashSession, Seq: seq + 1, Action: playtest.ActionChat, User: name, Message: fmt.Sprint(number),
		})
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(acknowledge, "%d %d\n", number, seq+1); err != nil {
			return err
		}
		number++
	}
}

// appender is a process that runs appendForever, and what it acknowledged.
type appender struct {
	name   string
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr strings.Builder
	acked  []int64 // acked[n] is the sequence number of event n
}

// startAppender returns once the process has acknowledged its first event.
func startAppender(t *testing.T, path, name string) *appender {
	t.Helper()
	a := &appender{name: name, cmd: exec.CommandContext(t.Context(), os.Args[0], name)}
	a.cmd.Env = append(os.Environ(), appenderDatabase+"="+path)
	a.cmd.Stderr = &a.stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !a.readAck(t) {
		a.cmd.Wait()
		t.Fatalf("%s came to nothing: %s", name, a.stderr.String())
	}
	return a
}

// readAck reads one acknowledgement; false: the process is gone.
func (a *appender) readAck(t *testing.T) bool {
	t.Helper()
	line, err := a.out.ReadString('\n')
	if err != nil {
		return false // a line cut short was not acknowledged
	}
	var number int
	var seq int64
	if _, err := fmt.Sscanf(line, "%d %d", &number, &seq); err != nil || number != len(a.acked) {
		t.Errorf("%s acknowledged %q after %d events", a.name, line, len(a.acked))
	}
	a.acked = append(a.acked, seq)
	return true
}

// drain reads what the process acknowledged until it was killed.
func (a *appender) drain(t *testing.T) {
	t.Helper()
	for a.readAck(t) {
	}
	a.cmd.Wait() // its exit code is that of the kill
	if text := a.stderr.String(); text != "" {
		t.Errorf("%s failed before it was killed: %s", a.name, text)
	}
}

// kept checks the promise to this process: in a log that it has events in, every acknowledged one
// is where the acknowledgement said, and at most one more follows: the one it was killed over.
func (a *appender) kept(t *testing.T, log []playtest.Event) (unacknowledged int) {
	t.Helper()
	var found []int64
	for _, e := range log {
		if e.User != a.name {
			continue
		}
		if e.Message != fmt.Sprint(len(found)) {
			t.Fatalf("%s: event %s comes after %d events", a.name, e.Message, len(found))
		}
		found = append(found, e.Seq)
	}
	for number, seq := range a.acked {
		if number >= len(found) || found[number] != seq {
			t.Fatalf("%s: event %d was acknowledged as %d and is not there", a.name, number, seq)
		}
	}
	if len(found) > len(a.acked)+1 {
		t.Fatalf("%s: %d events are there, %d were acknowledged", a.name, len(found), len(a.acked))
	}
	return len(found) - len(a.acked)
}
