package bridge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/sidecar/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func serve(t *testing.T) *bridge.Server {
	t.Helper()
	s, err := bridge.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return s
}

// game is a connected game that reads lines.
type game struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func connect(t *testing.T, s *bridge.Server) *game {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return &game{t, conn, bufio.NewScanner(conn)}
}

func (g *game) line() string {
	g.t.Helper()
	if !g.lines.Scan() {
		g.t.Fatalf("the bridge ended: %v", g.lines.Err())
	}
	return g.lines.Text()
}

func (g *game) want(line string) {
	g.t.Helper()
	if got := g.line(); got != line {
		g.t.Errorf("the game reads %s\nwant           %s", got, line)
	}
}

func offer(s *bridge.Server, event string) { s.Offer(json.RawMessage(event)) }

func TestGameFirstLearnsWhoIsInTheSeat(t *testing.T) {
	s := serve(t)
	connect(t, s).want(`{"action":"SEAT","holder":null,"epoch":0}`)

	offer(s, `{"action":"SEAT_TAKEN","epoch":3,"holder":{"id":"u1","name":"ann","role":"player"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1","name":"ann","role":"player"},"epoch":3}`)

	offer(s, `{"action":"SEAT_TAKEN","epoch":2,"holder":{"id":"u0"}}`) // late: says nothing new
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1","name":"ann","role":"player"},"epoch":3}`)

	offer(s, `{"action":"SEAT_RELEASED","epoch":4,"previous":{"id":"u1"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":null,"epoch":4}`)

	offer(s, `{"action":"HANDOVER_FAILED","epoch":5,"holder":{"id":"u1"},"requester":{"id":"u2"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1"},"epoch":5}`)
}

func TestGameHearsEventsInOrderOneALine(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	g.line()
	offer(s, "{\n  \"action\": \"STREAM_REACT\",\n  \"reaction\": \"fire\"\n}")
	offer(s, `{"action":"USER_CHAT_MESSAGE","message":"a\nb"}`)
	g.want(`{"action":"STREAM_REACT","reaction":"fire"}`)
	g.want(`{"action":"USER_CHAT_MESSAGE","message":"a\nb"}`)
}

func TestGameIsSparedWhatItHasNoUseFor(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	g.line()
	for _, e := range []string{
		`{"action":"THUMBNAIL","jpeg":""}`, `{"action":"SIDECAR_HEALTH"}`, `{"action":"PRESENCE"}`,
		`not JSON`, `["an","array"]`, `{"action":"BIG","x":"` + strings.Repeat("x", 70_000) + `"}`,
		`{"action":"STREAM_REACT"}`,
	} {
		offer(s, e)
	}
	g.want(`{"action":"STREAM_REACT"}`)
}

func TestGameThatDoesNotReadLosesTheOldestAndDelaysNobody(t *testing.T) {
	s := serve(t)
	slow, quick := connect(t, s), connect(t, s)
	slow.line()
	quick.line()
	pad := strings.Repeat("x", 30_000) // fills the socket's buffers soon
	const n = 600
	for i := range n {
		offer(s, fmt.Sprintf(`{"action":"A","n":%d,"pad":"%s"}`, i, pad))
		if !strings.Contains(quick.line(), fmt.Sprintf(`"n":%d,`, i)) {
			t.Fatalf("the quick game missed event %d", i)
		}
	}
	// The slow one reads now: it gets an early part, that was in the sockets, and the newest.
	got, gap, before := 0, false, -1
	for before != n-1 {
		var e struct{ N int }
		if err := json.Unmarshal([]byte(slow.line()), &e); err != nil {
			t.Fatal(err)
		}
		if e.N <= before {
			t.Fatalf("event %d came after %d", e.N, before)
		}
		gap = gap || e.N != before+1
		got, before = got+1, e.N
	}
	if !gap || got < 256 {
		t.Errorf("the slow game got %d of %d events, gap %v; want the newest 256 at least, and a gap", got, n, gap)
	}
}

func TestGameMayTalkButNotWithoutEnd(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	g.line()
	for range 100 {
		fmt.Fprintln(g.conn, `{"action":"SOMETHING"}`)
	}
	offer(s, `{"action":"A"}`)
	g.want(`{"action":"A"}`)

	_, _ = g.conn.Write([]byte(strings.Repeat("x", 10_000)))
	if g.lines.Scan() {
		t.Errorf("after a line of 10,000 bytes the bridge still talks: %s", g.lines.Text())
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := serve(t)
	for range 8 {
		connect(t, s).line()
	}
	if g := connect(t, s); g.lines.Scan() {
		t.Error("a ninth connection was served")
	}
}

func TestBusyPortIsAnError(t *testing.T) {
	s := serve(t)
	if _, err := bridge.Listen(s.Addr().String(), nil); err == nil || !strings.Contains(err.Error(), "bridge:") {
		t.Errorf("error %v", err)
	}
}
