package main

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

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
	// patience is shorter than the supervisor's with a worker that hangs: none is mended unseen.
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
