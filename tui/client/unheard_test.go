package client_test

import (
	"testing"
	"time"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// A backend that dies between append and broadcast leaves an event that nobody hears. The next heartbeat
// says how long the log is.
func TestWhatIsInTheLogAndWasNeverBroadcastIsRead(t *testing.T) {
	b := newBackend(t)
	b.start("s-1")
	c, updates := b.watch(lead, nil)
	c.Open("s-1")
	h := &heard{t: t}
	until(t, updates, "the start", func(u client.Update) bool { h.take(u); return h.last >= 2 })

	lost, err := b.accept("s-1", viewer, playtest.Event{Action: playtest.ActionChat, Message: "did you hear that?"})
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	b.live("s-1", map[string]any{"action": playtest.ActionSidecarHealth, "state": "live", "logSeq": lost.Seq})
	until(t, updates, "the line", func(u client.Update) bool { h.take(u); return h.last == lost.Seq })
	if took := time.Since(since); took > 12*time.Second { // the list of sessions would tell it after 15 s
		t.Errorf("it was read after %s", took)
	}
}
