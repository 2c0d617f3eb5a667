package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
	"hotseat/sidecar/teststage"
)

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
	stopped := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("SIGTERM without a display: exit code %d", code)
	}
	t.Logf("ended %v after SIGTERM without a display", time.Since(stopped).Round(time.Millisecond))
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
			took := f.At.Sub(gone)
			t.Logf("back after %v", took.Round(time.Millisecond))
			if took > 10*time.Second { // a busy machine may take seconds
				t.Error("that is too late")
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

func TestSidecarReportsItsHealthAndBridgesTheSessionToTheGame(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	// A port that is free, and stays so: nobody else uses this address of loopback.
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"], env["HOTSEAT_BRIDGE_ADDR"] = sessionID, c.url, eventsToken, addr
	p := start(t, env)
	next(t, stage.Frames, "picture")

	h := c.within(t, time.Minute, "SIDECAR_HEALTH", func(m map[string]any) bool { return m["state"] == "live" && m["fps"].(float64) > 20 })
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
