package instance

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLinesRoundTripInOrder(t *testing.T) {
	var pipe bytes.Buffer
	w := NewWriter(&pipe)
	sent := []Command{
		{Command: CommandStart, Start: &Start{Session: "s", Environment: map[string]string{"A": "line\nbreak"}}},
		{Command: CommandConnect, ConnectionID: 1, SignalRequest: `{"type":"offer"}`},
		{Command: CommandStop, Reason: "terminated"},
	}
	for _, c := range sent {
		if err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(&pipe)
	for i, want := range sent {
		var got Command
		if err := r.Read(&got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if got.Command != want.Command || got.ConnectionID != want.ConnectionID || got.Reason != want.Reason {
			t.Errorf("line %d: got %+v, want %+v", i, got, want)
		}
	}
	if err := r.Read(&Command{}); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: got %v, want EOF", err)
	}
}

func TestLineAboveTheLimitIsRefusedOnBothSides(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	if err := NewWriter(io.Discard).Write(Event{Message: long}); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("write: got %v, want ErrLineTooLong", err)
	}
	if err := NewReader(strings.NewReader(long + "\n")).Read(&Event{}); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("read: got %v, want ErrLineTooLong", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"event":"ready"}` + "\n"))
	f.Add([]byte(`{"event":"answer","connectionId":3,"signalResponse":"{}"}` + "\n" + `{"event":`))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		for range bytes.Count(data, []byte("\n")) + 2 {
			var e Event
			if err := r.Read(&e); errors.Is(err, io.EOF) {
				return
			}
		}
		t.Fatal("more lines read than were written")
	})
}
