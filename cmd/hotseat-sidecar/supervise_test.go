package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
	"hotseat/sidecar/teststage"
)

// worker is the pid of the process that broadcasts, waited for.
func (p *process) worker() int {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		for _, pid := range children(p.cmd.Process.Pid) {
			if strings.HasSuffix(strings.TrimRight(read("cmdline", pid), "\x00"), "\x00broadcast") {
				return pid
			}
		}
	}
	p.t.Fatal("there is no worker")
	return 0
}

// children of all threads of a process.
func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		raw, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(raw)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

func read(what string, pid int) string {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
	return string(raw)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func gone(pid int) bool {
	return syscall.Kill(pid, 0) == syscall.ESRCH || strings.Contains(read("status", pid), "(zombie)")
}

// backAfter is when the first key frame of a new connection came.
func backAfter(t *testing.T, stage *teststage.Stage, since time.Time) time.Duration {
	t.Helper()
	for {
		if f := next(t, stage.Frames, "picture"); f.At.After(since) && f.Key() {
			return f.At.Sub(since).Round(time.Millisecond)
		}
	}
}

func TestAKilledBroadcastIsBackOnTheAirAndTellsItsRestarts(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	c := startChannels(t)
	env["HOTSEAT_SESSION"], env["HOTSEAT_EVENTS_URL"], env["HOTSEAT_EVENTS_TOKEN"] = sessionID, c.url, eventsToken
	p := start(t, env)
	next(t, stage.Frames, "picture")
	for restarts := 1; restarts <= 2; restarts++ {
		worker := p.worker()
		killed := time.Now()
		_ = syscall.Kill(worker, syscall.SIGKILL)
		until(t, "the worker is gone", func() bool { return gone(worker) })
		for len(stage.Frames) > 0 {
			<-stage.Frames
		}
		t.Logf("kill -9 of the broadcast: on the air again after %v", backAfter(t, stage, killed.Add(50*time.Millisecond))+50*time.Millisecond)
		c.until(t, "SIDECAR_HEALTH", func(m map[string]any) bool {
			return m["state"] == "live" && m["restarts"].(float64) >= float64(restarts)
		})
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestNoBroadcastOutlivesItsSupervisor(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	p := start(t, env)
	next(t, stage.Frames, "picture")
	worker := p.worker()
	_ = p.cmd.Process.Kill()
	killed := time.Now()
	next(t, stage.Deleted, "DELETE") // it even said goodbye
	until(t, "the worker is gone", func() bool { return gone(worker) })
	t.Logf("gone %v after kill -9 of the supervisor", time.Since(killed).Round(time.Millisecond))
}

func TestSIGTERMEndsItInEveryState(t *testing.T) {
	t.Parallel()
	var hung *testscreen.SoundServer
	var stuck *testscreen.Server
	for name, prepare := range map[string]func(t *testing.T, stage *teststage.Stage, p *process){
		"at once": func(*testing.T, *teststage.Stage, *process) {},
		"on the air": func(t *testing.T, s *teststage.Stage, _ *process) {
			next(t, s.Frames, "picture")
		},
		"while the display hangs": func(t *testing.T, s *teststage.Stage, p *process) {
			next(t, s.Frames, "picture")
			stuck.Freeze()
			until(t, "noticed", func() bool { return strings.Contains(p.output(), "no picture: the last one is repeated") })
		},
		"while the stage has trouble": func(t *testing.T, s *teststage.Stage, _ *process) {
			until(t, "an offer", func() bool { n, _ := s.Counts(); return n > 1 })
		},
		"while the sound server hangs": func(t *testing.T, s *teststage.Stage, _ *process) {
			next(t, s.Audio, "sound")
			hung.Freeze()
		},
		"while it waits for a token": func(t *testing.T, _ *teststage.Stage, p *process) {
			until(t, "refused", func() bool { return strings.Contains(p.output(), "waiting for a fresh stage token") })
		},
		"between two workers": func(t *testing.T, s *teststage.Stage, p *process) {
			for range 4 { // until the pause is long
				pid := p.worker()
				_ = syscall.Kill(pid, syscall.SIGKILL)
				until(t, "gone", func() bool { return gone(pid) })
			}
			until(t, "a long pause", func() bool { return strings.Count(p.output(), "starting it again") >= 4 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			stage, env := environment(t)
			switch name {
			case "while the stage has trouble":
				stage.Refuse(http.StatusServiceUnavailable)
			case "while the sound server hangs":
				hung = testscreen.ServeSound(t)
				env["ENABLE_AUDIO"], env["PULSE_SERVER"] = "true", hung.Address
			case "while the display hangs":
				stuck = testscreen.Serve(t, 640, 360)
				defer stuck.Thaw()
				env["DISPLAY"] = stuck.Display
			case "while it waits for a token":
				env["IVS_STAGE_TOKEN_FILE"] = filepath.Join(t.TempDir(), "token")
				write(t, env["IVS_STAGE_TOKEN_FILE"], "expired")
			}
			p := start(t, env)
			if name == "at once" {
				until(t, "handlers are there", func() bool {
					return strings.Contains(read("status", p.cmd.Process.Pid), "SigCgt") && len(children(p.cmd.Process.Pid)) > 0
				})
			}
			prepare(t, stage, p)
			stopped := time.Now()
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			if code := p.exit(patience); code != 0 {
				t.Errorf("exit code %d", code)
			}
			t.Logf("ended %v after SIGTERM", time.Since(stopped).Round(time.Millisecond))
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFreshTokenInItsFilePutsTheBroadcastBackOnTheAir(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, teststage.Token)
	delete(env, "IVS_STAGE_TOKEN")
	env["IVS_STAGE_TOKEN_FILE"] = path
	p := start(t, env)
	next(t, stage.Frames, "picture")
	stage.Accept("token-of-the-second-day")
	stage.Vanish()
	until(t, "refused", func() bool { return strings.Contains(p.output(), "waiting for a fresh stage token") })
	write(t, path, "token-of-the-second-day\n")
	t.Logf("on the air %v after the file was written", backAfter(t, stage, time.Now()))
}

func TestSecretsAreNotSeenFromOutside(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	env["IVS_STAGE_TOKEN"] = "another, which the flag beats"
	p := start(t, env, "--auth-token", teststage.Token, "--stream-key=key-of-the-test")
	next(t, stage.Frames, "picture")
	worker := p.worker()
	for what, text := range map[string]string{
		"the supervisor's command line": read("cmdline", p.cmd.Process.Pid),
		"the worker's command line":     read("cmdline", worker),
		"the worker's environment":      read("environ", worker),
		"the log":                       p.output(),
	} {
		if text == "" || strings.Contains(text, teststage.Token) || strings.Contains(text, "key-of-the-test") {
			t.Errorf("%s: %q", what, text)
		}
	}
	if !strings.Contains(p.output(), "a secret was on the command line") || !strings.Contains(p.output(), "IVS_STAGE_TOKEN") {
		t.Error("nobody is warned")
	}
}

func TestALogThatCannotBeWrittenEndsNothing(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) *os.File{
		"disk full": func(t *testing.T) *os.File {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip(err)
			}
			return f
		},
		"reader gone": func(t *testing.T) *os.File {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			stage, env := environment(t)
			env["DEBUG_PIPELINE"] = "1"
			f := open(t)
			defer f.Close()
			cmd := exec.Command(os.Args[0])
			cmd.Env = []string{beTheSidecar + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
			for k, v := range env {
				cmd.Env = append(cmd.Env, k+"="+v)
			}
			cmd.Stderr = f
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			for range 30 {
				next(t, stage.Frames, "picture")
			}
			stage.Vanish()
			backAfter(t, stage, time.Now())
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestThisMachineCanAskForHealthAcrossRestarts(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	env["HOTSEAT_LOG_FORMAT"] = "json"
	p := start(t, env, "--health", "127.0.0.1:0")
	next(t, stage.Frames, "picture")
	address := regexp.MustCompile(`"healthz":"([^"]+)"`)
	until(t, "the address is printed", func() bool { return address.MatchString(p.output()) })
	url := address.FindStringSubmatch(p.output())[1]
	healthy := func() bool {
		client := http.Client{Timeout: 5 * time.Second}
		resp, err := client.Get(url)
		if err != nil {
			t.Logf("asked in vain: %v", err)
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode == 200 && bytes.Contains(body, []byte(`"state":"live"`))
	}
	until(t, "healthy", healthy)
	_ = syscall.Kill(p.worker(), syscall.SIGKILL)
	until(t, "healthy again at the same address", healthy)
	http.DefaultClient.CloseIdleConnections()
}

func TestASidecarWhoseStarterAndDisplayAreGoneEnds(t *testing.T) {
	display, server := testscreen.StartProcess(t, 640, 360)
	stage := teststage.New(t)
	env := map[string]string{
		"DISPLAY": display, "IVS_STAGE_TOKEN": teststage.Token, "IVS_WHIP_ENDPOINT": stage.URL,
		"VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "ENABLE_AUDIO": "false",
	}
	p := startIn(t, []string{"/bin/sh", "-c", `"$@" & wait`, "launch-script"}, env)
	next(t, stage.Frames, "picture")
	var supervisor int
	until(t, "the supervisor", func() bool {
		pids := children(p.cmd.Process.Pid)
		if len(pids) == 1 {
			supervisor = pids[0]
		}
		return supervisor != 0
	})
	_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL)
	_ = server.Kill()
	began := time.Now()
	next(t, stage.Deleted, "DELETE")
	until(t, "it is gone", func() bool { return gone(supervisor) })
	t.Logf("gone %v after starter and display", time.Since(began).Round(time.Millisecond))
}

func TestASidecarWhoseStarterIsGoneWaitsForAWindowThatIsLate(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	env["HOTSEAT_WINDOW_TITLE"] = "a game that starts late"
	p := startIn(t, []string{"/bin/sh", "-c", `"$@" & wait`, "launch-script"}, env)
	next(t, stage.Frames, "picture")
	supervisor := children(p.cmd.Process.Pid)[0]
	t.Cleanup(func() { _ = syscall.Kill(supervisor, syscall.SIGTERM) })
	_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL)
	// The pictures are dark, and go on for longer than both may be gone.
	first := next(t, stage.Frames, "picture").At
	for f := next(t, stage.Frames, "picture"); f.At.Sub(first) < nobodyPatience+3*time.Second; f = next(t, stage.Frames, "picture") {
	}
	if gone(supervisor) {
		t.Errorf("it ended:\n%s", p.output())
	}
	_ = syscall.Kill(supervisor, syscall.SIGTERM)
	until(t, "it is gone", func() bool { return gone(supervisor) })
}
