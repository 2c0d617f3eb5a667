package supervise

import (
	"os"
	"syscall"
	"time"
)

const (
	// gameGrace is for a game to save and leave. The broadcast shows it to the end.
	gameGrace = 8 * time.Second
	// restGrace is for what a game leaves running when it ends by itself.
	restGrace = 3 * time.Second
	// interruptGrace: Ctrl-C in a terminal reaches the game without us. One that was meant for us
	// alone is passed on after this time.
	interruptGrace = time.Second
	// killPatience: only a process in uninterruptible sleep outlives SIGKILL by more than an instant.
	killPatience = 2 * time.Second
	// lookEvery is how often the process table is read while the game is being ended: some
	// milliseconds' work with some hundred processes.
	lookEvery = 20 * time.Millisecond
)

// startGame starts the game, and says when its first process has ended.
func (s *Supervisor) startGame() (<-chan error, error) {
	if err := adopt(); err != nil {
		s.log.Warn("what the game leaves running will not be ended with it", "reason", err)
	}
	if err := s.cfg.Game.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- s.cfg.Game.Wait() }()
	return done, nil
}

// own are the processes whose exit status is waited for by os/exec.
func (s *Supervisor) own() []int {
	own := []int{s.cfg.Game.Process.Pid}
	return append(own, s.workerPid()...)
}

func (s *Supervisor) workerPid() []int {
	if s.worker == nil {
		return nil
	}
	return []int{s.worker.cmd.Process.Pid}
}

// gameProcesses are all that the game started and that still run, however they were forked. When it says
// that there is none, it has also taken the exit status of all.
func (s *Supervisor) gameProcesses() (left []int) {
	// What is forked while the process table is read may be in none of its lines: that nobody is left
	// is believed at the second look.
	for range 2 {
		if left = descendants(s.workerPid()...); len(left) > 0 {
			break
		}
	}
	reapOrphans(s.own()...) // after the look: what ends in between is counted as running
	return left
}

// endGame asks all processes of the game to end, as a service manager does by default
// (systemd.kill(5), KillMode=control-group), and kills what does not. It returns the exit code of
// the first one when none is left.
func (s *Supervisor) endGame(sig os.Signal, signals <-chan os.Signal, gameDone <-chan error) int {
	wait := time.Duration(0)
	if sig == os.Interrupt {
		wait = interruptGrace
	}
	code, done := 128+int(syscall.SIGKILL), false
	s.endProcesses(wait, gameGrace, signals, func() bool {
		select {
		case err := <-gameDone:
			code, done = exitCode(err), true
		default:
		}
		return done
	})
	return code
}

// endRest ends what a game left running.
func (s *Supervisor) endRest(signals <-chan os.Signal) {
	if left := s.gameProcesses(); len(left) > 0 {
		s.log.Info("ending what the game left running", "processes", len(left))
		s.endProcesses(0, restGrace, signals, func() bool { return true })
	}
}

// endProcesses sends SIGTERM to all processes of the game after a time, and SIGKILL after grace or
// at another signal to us. It returns when none is left and firstDone says so, or when the kernel
// does not let one go.
func (s *Supervisor) endProcesses(wait, grace time.Duration, signals <-chan os.Signal, firstDone func() bool) {
	ask, kill := time.NewTimer(wait), time.NewTimer(grace)
	defer ask.Stop()
	defer kill.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var killing time.Time // zero: not yet
	hurry := signals
	for {
		left := s.gameProcesses()
		switch done := firstDone(); {
		case done && len(left) == 0:
			return
		case !killing.IsZero() && time.Since(killing) > killPatience:
			s.log.Error("processes of the game cannot be ended", "processes", len(left))
			return
		case !killing.IsZero():
			s.signalGame(left, done, syscall.SIGKILL)
		}
		select {
		case <-look.C:
		case <-ask.C:
			s.signalGame(left, false, syscall.SIGTERM)
		case <-kill.C:
			s.log.Warn("the game does not end, killing it", "after", grace, "processes", len(left))
			killing, hurry = time.Now(), nil
		case <-hurry: // somebody is in a hurry
			killing, hurry = time.Now(), nil
		}
	}
}

// signalGame signals processes, and the first one also where the others are not known.
func (s *Supervisor) signalGame(pids []int, firstDone bool, sig syscall.Signal) {
	for _, pid := range pids {
		signalProcess(pid, sig)
	}
	if len(pids) == 0 && !firstDone {
		_ = s.cfg.Game.Process.Signal(sig)
	}
}
