package bridge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/sidecar/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// running is a bridge that serves until the test ends.
type running struct {
	*bridge.Server
	addr net.Addr
}

func serve(t *testing.T, change ...func(*bridge.Config)) *running {
	t.Helper()
	l := listen(t)
	cfg := bridge.Config{Listeners: []net.Listener{l}, Session: "s-1"}
	for _, f := range change {
		f(&cfg)
	}
	s := bridge.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return &running{s, l.Addr()}
}

// game is a connected game that reads lines.
type game struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func connect(t *testing.T, s *running) *game {
	t.Helper()
	g := dial(t, s.addr)
	g.want(`{"action":"HELLO","version":1,"session":"s-1"}`)
	return g
}

func dial(t *testing.T, addr net.Addr) *game {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
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

func offer(s *running, event string) { s.Offer(json.RawMessage(event)) }

func TestGameFirstLearnsWhoIsInTheSeat(t *testing.T) {
	s := serve(t)
	offer(s, `{"action":"SEAT_TAKEN","epoch":3,"holder":{"id":"u1","name":"ann","role":"player"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1","name":"ann","role":"player"},"epoch":3}`)

	offer(s, `{"action":"SEAT_TAKEN","epoch":2,"holder":{"id":"u0"}}`) // late: says nothing new
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1","name":"ann","role":"player"},"epoch":3}`)

	offer(s, `{"action":"SEAT_RELEASED","epoch":4,"previous":{"id":"u1"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":null,"epoch":4}`)

	offer(s, `{"action":"HANDOVER_FAILED","epoch":5,"holder":{"id":"u1"},"requester":{"id":"u2"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1"},"epoch":5}`)
}

func TestABridgeThatDoesNotKnowTheSeatSaysNothingOfIt(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	offer(s, `{"action":"USER_CHAT_MESSAGE","message":"hello"}`)
	g.want(`{"action":"USER_CHAT_MESSAGE","message":"hello"}`) // and no seat before it

	s.SetSeat(bridge.Seat{Epoch: 7, Holder: json.RawMessage(`{"id":"u1"}`)}) // as the log says
	g.want(`{"action":"SEAT","holder":{"id":"u1"},"epoch":7}`)
	s.SetSeat(bridge.Seat{Epoch: 7, Holder: json.RawMessage(`{"id":"u1"}`)}) // no news
	s.SetSeat(bridge.Seat{Epoch: 6})                                         // old
	offer(s, `{"action":"SEAT_RELEASED","epoch":8}`)
	g.want(`{"action":"SEAT_RELEASED","epoch":8}`)
	g.want(`{"action":"SEAT","holder":null,"epoch":8}`)
}

func TestGameHearsEventsInOrderOneALine(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	offer(s, "{\n  \"action\": \"MOVE_PLAYER\",\n  \"message\": \"{}\"\n}")
	offer(s, `{"action":"USER_CHAT_MESSAGE","message":"a\nb"}`)
	g.want(`{"action":"MOVE_PLAYER","message":"{}"}`)
	g.want(`{"action":"USER_CHAT_MESSAGE","message":"a\nb"}`)
}

func TestACrowdsReactionsAreGathered(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	offer(s, `{"action":"STREAM_REACT","reaction":"like","user":"ann"}`)
	g.want(`{"action":"STREAM_REACT","count":1,"reaction":"like","user":"ann"}`) // at once
	const n = 5000
	for i := range n {
		offer(s, fmt.Sprintf(`{"action":"STREAM_REACT","reaction":"%s"}`, []string{"fire", "clap"}[i%2]))
	}
	offer(s, `{"action":"A"}`) // not held up by them
	lines, sum, sawA := 0, 0, false
	for sum < n {
		var e struct {
			Action string
			Count  int
		}
		if err := json.Unmarshal([]byte(g.line()), &e); err != nil {
			t.Fatal(err)
		}
		if e.Action == "A" {
			sawA = true
			continue
		}
		lines, sum = lines+1, sum+e.Count
	}
	if sum != n || lines > 40 {
		t.Errorf("%d reactions came as %d in %d lines", n, sum, lines)
	}
	if !sawA {
		g.want(`{"action":"A"}`)
	}
}

func TestGameIsSparedWhatItHasNoUseFor(t *testing.T) {
	s := serve(t)
	g := connect(t, s)
	for _, e := range []string{
		`{"action":"THUMBNAIL","jpeg":""}`, `{"action":"SIDECAR_HEALTH"}`, `{"action":"PRESENCE"}`,
		`not JSON`, `["an","array"]`, `{"action":"BIG","x":"` + strings.Repeat("x", 70_000) + `"}`,
		`{"action":"A"}`,
	} {
		offer(s, e)
	}
	g.want(`{"action":"A"}`)
}

func TestGameThatDoesNotReadLosesTheOldestAndDelaysNobody(t *testing.T) {
	s := serve(t)
	slow, quick := connect(t, s), connect(t, s)
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

func TestConnectionsAreBounded(t *testing.T) {
	s := serve(t)
	for range 8 {
		connect(t, s)
	}
	if g := dial(t, s.addr); g.lines.Scan() {
		t.Error("a ninth connection was served")
	}
}

func TestTheBridgeSurvivesAProcessOutOfFiles(t *testing.T) {
	flaky := &outOfFiles{Listener: listen(t)}
	flaky.left.Store(5)
	s := serve(t, func(c *bridge.Config) { c.Listeners = []net.Listener{flaky} })
	s.addr = flaky.Addr()
	offer(s, `{"action":"SEAT_TAKEN","epoch":1,"holder":{"id":"u1"}}`)
	connect(t, s).want(`{"action":"SEAT","holder":{"id":"u1"},"epoch":1}`)
	if n := flaky.left.Load(); n > 0 {
		t.Errorf("%d failures are left", n)
	}
}

// outOfFiles fails to accept as a process does that has no file descriptor left.
type outOfFiles struct {
	net.Listener
	left atomic.Int32
}

func (l *outOfFiles) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestBothSocketsServeTheSameBridge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bridge.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *bridge.Config) { c.Listeners = append(c.Listeners, unix) })
	a, b := connect(t, s), dial(t, unix.Addr())
	b.line()
	offer(s, `{"action":"A"}`)
	a.want(`{"action":"A"}`)
	b.want(`{"action":"A"}`)
}
