package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// backendOf is the part of Hotseat's backend that a sidecar asks.
type backendOf struct {
	*httptest.Server
	mu     sync.Mutex
	epoch  int
	holder string
	events []string // of the log, from seq 1
	token  string   // fresh, for the broadcast; "": none is handed out
	asked  int
}

func startBackend(t *testing.T) *backendOf {
	t.Helper()
	b := &backendOf{}
	mux := http.NewServeMux()
	guarded := func(h func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+eventsToken {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			h(w, r)
		}
	}
	mux.HandleFunc("GET /api/sessions/"+sessionID, guarded(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"id":%q,"lastSeq":%d,"seat":{"epoch":%d,"holder":{"id":%q}}}`, sessionID, len(b.events), b.epoch, b.holder)
	}))
	mux.HandleFunc("GET /api/sessions/"+sessionID+"/log", guarded(func(w http.ResponseWriter, r *http.Request) {
		var after int
		_, _ = fmt.Sscan(r.URL.Query().Get("after"), &after)
		fmt.Fprintf(w, `{"events":[%s],"next":%d,"more":false}`, strings.Join(b.events[min(after, len(b.events)):], ","), len(b.events))
	}))
	mux.HandleFunc("POST /api/sessions/"+sessionID+"/broadcast-token", guarded(func(w http.ResponseWriter, _ *http.Request) {
		b.asked++
		if b.token == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"token":%q}`, b.token)
	}))
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func (b *backendOf) set(f func()) { b.mu.Lock(); defer b.mu.Unlock(); f() }

// listener is a game on the bridge's Unix socket.
func listener(t *testing.T, path string) *bufio.Scanner {
	t.Helper()
	var conn net.Conn
	until(t, "the bridge is there", func() (ok bool) {
		var err error
		conn, err = net.Dial("unix", path)
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(4 * patience)) // of all that the test reads
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"HELLO"`) {
		t.Fatalf("first line %q, %v", lines.Text(), lines.Err())
	}
	return lines
}

func expect(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || lines.Text() != want {
		t.Fatalf("the game reads %q, %v; want %s", lines.Text(), lines.Err(), want)
	}
}

func TestAfterARestartTheGameStillLearnsWhoIsInTheSeat(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c, b := startChannels(t), startBackend(t)
	b.set(func() { b.epoch, b.holder, b.events = 3, "ann", []string{`{"seq":1,"action":"OLD"}`} })
	path := filepath.Join(t.TempDir(), "b.sock")
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	env["HOTSEAT_API_URL"], env["HOTSEAT_BRIDGE_SOCKET"] = b.URL, path
	p := start(t, env)
	next(t, stage.Frames, "picture")
	expect(t, listener(t, path), `{"action":"SEAT","holder":{"id":"ann"},"epoch":3}`)

	worker := p.worker()
	_ = syscall.Kill(worker, syscall.SIGKILL)
	until(t, "the worker is gone", func() bool { return gone(worker) })
	b.set(func() { b.epoch, b.holder = 4, "bob" })
	lines := listener(t, path) // connects while there is no worker, and waits
	expect(t, lines, `{"action":"SEAT","holder":{"id":"bob"},"epoch":4}`)

	// What happened while the channels were away is made up for, once and in order.
	if err := c.server.Broadcast("/playtest/"+sessionID, json.RawMessage(`{"seq":2,"action":"USER_CHAT_MESSAGE","message":"a"}`)); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, `{"seq":2,"action":"USER_CHAT_MESSAGE","message":"a"}`)
	b.set(func() {
		b.epoch, b.holder = 5, "eve"
		b.events = append(b.events, `{"seq":2,"action":"USER_CHAT_MESSAGE","message":"a"}`, `{"seq":3,"action":"USER_CHAT_MESSAGE","message":"missed"}`,
			`{"seq":4,"action":"SEAT_TAKEN","epoch":5,"holder":{"id":"eve"}}`)
	})
	c.drop()
	expect(t, lines, `{"seq":3,"action":"USER_CHAT_MESSAGE","message":"missed"}`)
	expect(t, lines, `{"seq":4,"action":"SEAT_TAKEN","epoch":5,"holder":{"id":"eve"}}`)
	expect(t, lines, `{"action":"SEAT","holder":{"id":"eve"},"epoch":5}`)
}

func TestTheBackendsFreshTokenPutsTheBroadcastBackOnTheAir(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c, b := startChannels(t), startBackend(t)
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	env["HOTSEAT_API_URL"] = b.URL
	p := start(t, env)
	next(t, stage.Frames, "picture")
	b.set(func() { b.token = "token-of-the-second-day" })
	stage.Accept("token-of-the-second-day")
	stage.Vanish()
	t.Logf("on the air %v after the old token was refused", backAfter(t, stage, time.Now()))
	if strings.Contains(p.output(), "token-of-the-second-day") {
		t.Error("the log holds the token")
	}
	b.set(func() {
		if b.asked != 1 {
			t.Errorf("the backend was asked %d times", b.asked)
		}
	})
}

func TestWhatTheGameSaysReachesTheChannels(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	path := filepath.Join(t.TempDir(), "b.sock")
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	env["HOTSEAT_BRIDGE_SOCKET"] = path
	start(t, env)
	next(t, stage.Frames, "picture")
	c.until(t, "SIDECAR_HEALTH", func(map[string]any) bool { return true }) // the channels are there
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"action":"CAPTION","message":"Round 2","id":1}`)
	fmt.Fprintln(conn, `{"action":"STATE","state":{"hp":3}}`)
	c.until(t, "GAME_CAPTION", func(m map[string]any) bool { return m["message"] == "Round 2" })
	c.until(t, "GAME_STATE", func(m map[string]any) bool { return fmt.Sprint(m["game"]) == "map[hp:3]" })
}

func TestASessionThatRefusesTheSidecarIsSaidOnceAndTheBroadcastGoesOn(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, "another token"
	p := start(t, env, "--health", "127.0.0.1:0")
	next(t, stage.Frames, "picture")
	var url []string
	until(t, "the address is printed", func() bool {
		url = regexp.MustCompile(`healthz=(\S+)`).FindStringSubmatch(p.output())
		return url != nil
	})
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	until(t, "health tells it, beside a broadcast that is live", func() bool {
		resp, err := client.Get(url[1])
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var h struct{ State, Error string }
		return json.NewDecoder(resp.Body).Decode(&h) == nil && h.State == "live" && strings.Contains(h.Error, "the session refuses the sidecar")
	})
	said := time.Now()
	for f := next(t, stage.Frames, "picture"); f.At.Before(said); f = next(t, stage.Frames, "picture") {
	}
	if n := strings.Count(p.output(), "the session refuses the sidecar"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if strings.Contains(p.output(), "another token") {
		t.Error("the log holds the events token")
	}
}
