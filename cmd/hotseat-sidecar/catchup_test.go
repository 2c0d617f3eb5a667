package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"hotseat/sidecar/config"
)

// sessionOf is a session's tie without a broadcast and without channels: the test is the channels.
func sessionOf(t *testing.T, b *backendOf) (s *session, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "b.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s = newSession(config.Hotseat{Session: sessionID, EventsToken: eventsToken, APIURL: b.URL}, map[string]net.Listener{socketBridgeUnix: l}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { s.run(ctx) }) // the bridge: there are no channels
	parts.Go(func() { s.keepUp(ctx) })
	t.Cleanup(func() { cancel(); parts.Wait() })
	return s, path
}

// logOf is a log of n events.
func logOf(n int) (events []string) {
	for seq := 1; seq <= n; seq++ {
		events = append(events, string(event(int64(seq))))
	}
	return events
}

func TestAnEventThatComesBeforeTheReconnectIsHeardOfPassesNothingOver(t *testing.T) {
	t.Parallel()
	b := startBackend(t)
	b.set(func() { b.events = logOf(50) })
	s, path := sessionOf(t, b)
	lines := listener(t, path)
	s.connected()
	expect(t, lines, `{"action":"SEAT","holder":{"id":""},"epoch":0}`)

	b.set(func() { b.events = logOf(100) })
	s.logged(event(100))
	s.connected()
	for seq := 51; seq <= 100; seq++ {
		expect(t, lines, fmt.Sprintf(`{"seq":%d}`, seq))
	}
}

func TestAGapWithoutAReconnectIsFilledFromTheLog(t *testing.T) {
	t.Parallel()
	b := startBackend(t)
	s, path := sessionOf(t, b)
	lines := listener(t, path)
	s.logged(event(1))
	expect(t, lines, `{"seq":1}`)
	b.set(func() { b.events = logOf(3) })
	s.logged(event(3))
	expect(t, lines, `{"seq":2}`)
	expect(t, lines, `{"seq":3}`)
}

func TestALiveMessageThatCountsMoreEventsThanCameHasTheLogRead(t *testing.T) {
	t.Parallel()
	b := startBackend(t)
	s, path := sessionOf(t, b)
	lines := listener(t, path)
	s.logged(event(1))
	expect(t, lines, `{"seq":1}`)
	b.set(func() { b.events = logOf(2) })
	s.live(json.RawMessage(`{"action":"PRESENCE","logSeq":2}`))
	expect(t, lines, `{"seq":2}`)
}

func TestALogThatCannotBeReadKeepsNothingFromTheGame(t *testing.T) {
	t.Parallel()
	b := startBackend(t)
	s, path := sessionOf(t, b)
	lines := listener(t, path)
	s.logged(event(1))
	b.Close()
	s.logged(event(3))
	s.live(json.RawMessage(`{"action":"STREAM_REACT","logSeq":9}`))
	expect(t, lines, `{"seq":1}`)
	for lines.Scan() && lines.Text() != `{"seq":3}` { // the reaction comes at once
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	s.logged(event(4))
	expect(t, lines, `{"seq":4}`)
}
