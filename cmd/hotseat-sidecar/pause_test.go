package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestAPauseOfTheMachineCostsNoWorker(t *testing.T) {
	if os.Getenv("HOTSEAT_LONG") == "" {
		t.Skip("set HOTSEAT_LONG=1 to run this: it takes half a minute")
	}
	t.Parallel()
	stage, env := environment(t)
	p := start(t, env)
	next(t, stage.Frames, "picture")
	worker := p.worker()
	for _, pid := range []int{p.cmd.Process.Pid, worker} {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	<-time.After(25 * time.Second) // longer than a worker is waited for
	for len(stage.Frames) > 0 {
		<-stage.Frames
	}
	for _, pid := range []int{p.cmd.Process.Pid, worker} {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	t.Logf("machine paused for 25 s: on the air %v after it went on", backAfter(t, stage, time.Now()))
	if p.worker() != worker {
		t.Error("the broadcast was started anew for it")
	}
}
