package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/local/appsync"
	"hotseat/sidecar/testscreen"
	"hotseat/sidecar/teststage"
)

// The tests run the program itself: this test binary, told by a variable to be the sidecar.
const beTheSidecar = "HOTSEAT_TEST_BE_THE_SIDECAR"

func TestMain(m *testing.M) {
	if os.Getenv(beTheSidecar) != "" {
		main()
	}
	os.Exit(m.Run())
}

const (
	patience  = 15 * time.Second
	sessionID = "s-test"
)

// process is a running sidecar.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start runs the sidecar with these variables and no others of its own.
func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	return startIn(t, nil, env, args...)
}

// startIn does so by another command, which must become the sidecar.
func startIn(t *testing.T, by []string, env map[string]string, args ...string) *process {
	t.Helper()
	line := append(append(append([]string{}, by...), os.Args[0]), args...)
	p := &process{t: t, cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
	p.cmd.Env = []string{beTheSidecar + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for k, v := range env {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	p.cmd.Stderr = p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("log of the sidecar:\n%s", p.output())
		}
	})
	return p
}

// exit waits for the end and returns the exit code.
func (p *process) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("the sidecar still runs after %v", within)
		panic("unreachable")
	}
}

func next[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// environment is a display with a game on it and a stage to broadcast to.
func environment(t *testing.T) (*teststage.Stage, map[string]string) {
	t.Helper()
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	stage := teststage.New(t)
	return stage, map[string]string{
		"DISPLAY": display, "IVS_STAGE_TOKEN": teststage.Token, "IVS_WHIP_ENDPOINT": stage.URL,
		"VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "ENABLE_AUDIO": "false",
	}
}

func TestSidecarBroadcastsWithNothingButTheVariablesOfTheSample(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	env["ENABLE_AUDIO"], env["PULSE_SERVER"] = "true", testscreen.Sound(t)
	p := start(t, env)

	if !next(t, stage.Frames, "picture").Key() {
		t.Error("the first picture is no key frame")
	}
	next(t, stage.Audio, "sound")
	for range 60 {
		next(t, stage.Frames, "picture")
	}
	asked := time.Now()
	stage.AskForKeyFrame(1)
	for {
		f := next(t, stage.Frames, "picture")
		if f.Key() && f.At.After(asked) {
			t.Logf("key frame %v after PLI", f.At.Sub(asked))
			break
		}
	}

	stopped := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("SIGTERM ended it with exit code %d", code)
	}
	t.Logf("ended %v after SIGTERM", time.Since(stopped))
	if _, deletes := stage.Counts(); deletes != 1 {
		t.Errorf("%d DELETE, want 1", deletes)
	}
	if strings.Contains(p.output(), teststage.Token) {
		t.Error("the log holds the stage token")
	}
}

// Not beside other tests: one of theirs would get the display's number, and the picture be back.
func TestSidecarWhoseDisplayGoesAwaySaysSoAndGoesOn(t *testing.T) {
	display, server := testscreen.StartProcess(t, 640, 360)
	stage := teststage.New(t)
	c := startChannels(t)
	p := start(t, map[string]string{
		"DISPLAY": display, "IVS_STAGE_TOKEN": teststage.Token, "IVS_WHIP_ENDPOINT": stage.URL,
		"VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "ENABLE_AUDIO": "false",
		"HOTSEAT_SESSION": sessionID, "HOTSEAT_EVENTS_URL": c.url, "HOTSEAT_EVENTS_TOKEN": eventsToken,
	})
	next(t, stage.Frames, "picture")
	worker := p.worker()
	_ = server.Kill()
	c.until(t, "SIDECAR_HEALTH", func(m map[string]any) bool { return strings.Contains(m["error"].(string), "display") })
	gone := time.Now()
	for {
		if f := next(t, stage.Frames, "picture"); f.At.After(gone) {
			break
		}
	}
	if p.worker() != worker {
		t.Error("the broadcast was started anew for a display that went away")
	}
}

func TestSidecarComesBackWhenTheStageDoes(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	start(t, env)
	next(t, stage.Frames, "picture")
	gone := time.Now()
	stage.Vanish()
	for {
		if f := next(t, stage.Frames, "picture"); f.At.After(gone) && f.Key() {
			if took := f.At.Sub(gone); took > 3*time.Second {
				t.Errorf("back after %v", took)
			}
			return
		}
	}
}

func TestFailuresEndWithAnExitCodeAndAReason(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	with := func(k, v string) map[string]string {
		m := map[string]string{}
		for a, b := range env {
			m[a] = b
		}
		m[k] = v
		return m
	}
	for name, row := range map[string]struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		"refused token":    {with("IVS_STAGE_TOKEN", "expired"), nil, exitRefused, "create a new one"},
		"no token":         {with("IVS_STAGE_TOKEN", ""), nil, exitConfig, "IVS_STAGE_TOKEN"},
		"too large":        {with("VIDEO_WIDTH", "1920"), []string{"--height", "1080"}, exitConfig, "more than an IVS stage takes"},
		"unknown argument": {env, []string{"--fly"}, exitConfig, "usage: hotseat-sidecar"},
		"no game":          {env, []string{"run", "--", "/nowhere/game"}, 127, "cannot be started"},
		"no such display":  {with("DISPLAY", "nonsense"), []string{"--no-supervise"}, exitFailed, "display"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, row.env, row.args...)
			if code := p.exit(patience); code != row.code {
				t.Errorf("exit code %d, want %d", code, row.code)
			}
			if !strings.Contains(p.output(), row.want) {
				t.Errorf("it says:\n%s\nwant %q in it", p.output(), row.want)
			}
		})
	}
	if p := start(t, env, "--help"); p.exit(patience) != 0 || !strings.Contains(p.output(), "--help") && !strings.Contains(p.output(), "-whip-endpoint") {
		t.Errorf("--help says:\n%s", p.output())
	}
	_ = stage
}

// channels is the event service of a session, with the sidecar's rights checked as the gate does.
type channels struct {
	server *appsync.Server
	url    string
	live   chan map[string]any
	wires  *wires
}

// drop cuts every connection, as a proxy that is started again does.
func (c *channels) drop() { c.wires.cut() }

// wires is a listener that remembers its connections: those of a WebSocket are no longer the HTTP
// server's to close.
type wires struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil {
		w.mu.Lock()
		w.open = append(w.open, c)
		w.mu.Unlock()
	}
	return c, err
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

func (c *channels) OnPublish(_ context.Context, p appsync.Publish) ([]appsync.Outcome, error) {
	out := make([]appsync.Outcome, len(p.Events))
	for i, e := range p.Events {
		out[i].Payload = e.Payload
		var m map[string]any
		if json.Unmarshal(e.Payload, &m) == nil && p.Channel == "/live/"+sessionID {
			select {
			case c.live <- m:
			default:
			}
		}
	}
	return out, nil
}

func (c *channels) OnSubscribe(context.Context, appsync.Subscribe) error { return nil }

const eventsToken = "machine-token-of-the-test"

func startChannels(t *testing.T) *channels {
	t.Helper()
	c := &channels{live: make(chan map[string]any, 1000)}
	web := httptest.NewUnstartedServer(nil)
	c.wires = &wires{Listener: web.Listener}
	web.Listener = c.wires
	s, err := appsync.New(appsync.Config{
		Host: web.Listener.Addr().String(),
		Verify: func(_ context.Context, token string) (auth.Identity, error) {
			if token != eventsToken {
				return auth.Identity{}, errors.New("not this token")
			}
			return auth.Identity{Person: auth.Person{ID: "sidecar-" + sessionID, Role: "sidecar"}, Session: sessionID}, nil
		},
		Namespaces: []appsync.Namespace{{Name: "live", Hooks: c}, {Name: "playtest", Hooks: c}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.server = s
	web.Config.Handler = http.Handler(s.Handler())
	web.Start()
	c.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/event/realtime"
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return c
}

// until reads live events until one has the action and passes the check.
func (c *channels) until(t *testing.T, action string, ok func(map[string]any) bool) map[string]any {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if m := next(t, c.live, action); m["action"] == action && ok(m) {
			return m
		}
	}
	t.Fatalf("no such %s within %v", action, patience)
	return nil
}

func TestSidecarReportsItsHealthAndBridgesTheSessionToTheGame(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"], env["HOTSEAT_BRIDGE_ADDR"] = sessionID, c.url, eventsToken, addr
	p := start(t, env)
	next(t, stage.Frames, "picture")

	h := c.until(t, "SIDECAR_HEALTH", func(m map[string]any) bool { return m["state"] == "live" && m["fps"].(float64) > 20 })
	if h["width"] != 640.0 || h["framerate"] != 30.0 || h["encoder"] != "x264" || h["fallback"] != true || h["bitrateKbps"].(float64) <= 0 {
		t.Errorf("heartbeat %v", h)
	}
	th := c.until(t, "THUMBNAIL", func(map[string]any) bool { return true })
	if th["width"] != 320.0 || th["height"] != 180.0 || len(th["jpeg"].(string)) < 100 {
		t.Errorf("thumbnail %vx%v", th["width"], th["height"])
	}

	game, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer game.Close()
	_ = game.SetReadDeadline(time.Now().Add(patience))
	lines := bufio.NewScanner(game)
	if !lines.Scan() || lines.Text() != `{"action":"HELLO","version":1,"session":"s-test"}` {
		t.Fatalf("the game first reads %q", lines.Text())
	}
	if err := c.server.Broadcast("/playtest/"+sessionID, json.RawMessage(`{"action":"USER_CHAT_MESSAGE","message":"hello, game"}`)); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), "hello, game") {
		t.Fatalf("the game then reads %q", lines.Text())
	}

	// A refused token is heard in the session before the sidecar is gone.
	stage.Refuse(http.StatusUnauthorized)
	stage.Vanish()
	last := c.until(t, "SIDECAR_HEALTH", func(m map[string]any) bool {
		return m["state"] == "failing" && strings.Contains(m["error"].(string), "create a new one")
	})
	if p.exit(patience) != exitRefused {
		t.Errorf("exit code %d after %v", p.exit(0), last)
	}
	if strings.Contains(p.output(), eventsToken) {
		t.Error("the log holds the events token")
	}
}
