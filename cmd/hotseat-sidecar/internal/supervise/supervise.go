package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const (
	// backFirst is the pause before the first restart: long enough for the rest of a signal to the
	// whole group to arrive, short enough for the promise to be on the air within 3 s.
	backFirst = 100 * time.Millisecond
	// backMost: a broadcast that cannot run is tried twice a minute.
	backMost = 30 * time.Second
	// stable: a worker that lived so long was well, and its death is a first one.
	stable = 20 * time.Second
	// workerGrace is for DELETE and for the encoder; a worker ends itself within 2 s. Together
	// with gameGrace it fits the 10 s that service and container managers wait before SIGKILL.
	workerGrace = 2500 * time.Millisecond
)

// hangPatience is for a worker that does nothing: longer than the longest that a display or a sound
// server was seen to hold one up, and than a machine under heavy load starves one.
const hangPatience = 20 * time.Second

// cannotStart is the shell's exit code for a command that cannot be run.
const cannotStart = 127

// Config of a Supervisor.
type Config struct {
	Command     []string // that becomes the worker, without its last argument, "broadcast"
	Environment []string // of the worker
	Settings    any      // of the worker, as JSON
	Sockets     []Socket
	// Final says which exit codes of a worker mean that starting it again is of no use.
	Final    func(code int) bool
	Patience time.Duration // with a worker that gives no sign of life; 0: 20 s
	Game     *exec.Cmd     // not started; nil: none
	Log      *slog.Logger
}

// Supervisor runs a worker and perhaps a game. Make it with New and call Run once.
type Supervisor struct {
	cfg      Config
	log      *slog.Logger
	starter  int // our parent when we began
	restarts int
	worker   *process // nil: none runs
	began    time.Time
	pause    time.Duration
}

// New makes a supervisor.
func New(cfg Config) *Supervisor {
	if cfg.Patience <= 0 {
		cfg.Patience = hangPatience
	}
	return &Supervisor{cfg: cfg, log: cfg.Log, pause: backFirst, starter: os.Getppid()}
}

// Run runs until a signal says stop, the game ends, or (without a game) a worker ends for
// good; and returns the exit code for the program. Workers are tied to the life of the thread that it
// keeps for itself. With a game it takes the exit status of every child of this process that it did
// not start itself.
func (s *Supervisor) Run(signals <-chan os.Signal) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var gameDone <-chan error    // nil: there is no game
	var orphans <-chan os.Signal // nil likewise
	if s.cfg.Game != nil {
		ended, err := s.startGame()
		if err != nil {
			s.log.Error("the game cannot be started", "reason", err)
			return cannotStart
		}
		gameDone = ended
		orphan := make(chan os.Signal, 1) // one that waits is enough: reapOrphans takes all
		signal.Notify(orphan, childEnded)
		defer signal.Stop(orphan)
		orphans = orphan
	}
	restart := time.NewTimer(0)
	defer restart.Stop()
	look := time.NewTicker(s.cfg.Patience / 10)
	defer look.Stop()
	watch := hangWatch{patience: s.cfg.Patience, last: time.Now()}
	for {
		var died chan error
		if s.worker != nil {
			died = s.worker.done
		}
		select {
		case sig := <-signals:
			return s.end(sig, signals, gameDone)
		case err := <-gameDone:
			code := exitCode(err)
			s.log.Info("the game ended", "code", code)
			s.endRest(signals)
			s.endWorker(signals)
			return code
		case <-orphans:
			reapOrphans(s.own()...)
		case err := <-died:
			if code, final := s.died(err, restart); final && s.cfg.Game == nil {
				return code
			}
		case <-restart.C:
			s.start(restart)
		case <-look.C:
			now := time.Now()
			if watch.look(now); s.worker != nil && watch.hangs(now, s.worker.silence()) {
				s.log.Warn("the broadcast hangs, ending it", "silent", s.worker.silence().Round(time.Millisecond))
				s.worker.kill()
			}
		}
	}
}

// hangWatch tells a worker that hangs from a machine that stood still, by whether the supervisor itself
// could look.
type hangWatch struct {
	patience time.Duration
	last     time.Time // when it looked last, ten times in its patience
	excused  time.Time // no worker hangs before
}

func (w *hangWatch) look(now time.Time) {
	if now.Sub(w.last) > w.patience/2 {
		w.excused = now.Add(w.patience / 2)
	}
	w.last = now
}

func (w *hangWatch) hangs(now time.Time, silence time.Duration) bool {
	return silence > w.patience && !now.Before(w.excused)
}

func (s *Supervisor) start(restart *time.Timer) {
	worker, err := s.startWorker()
	if err != nil {
		s.again(restart, err.Error())
		return
	}
	s.worker, s.began = worker, time.Now()
}

// died takes the end of a worker in, and plans the next. final: there is none.
func (s *Supervisor) died(err error, restart *time.Timer) (code int, final bool) {
	s.worker.stop() // its end of the pipe
	s.worker = nil
	code = exitCode(err)
	if s.cfg.Final(code) {
		s.log.Error("the broadcast ended for good", "code", code)
		return code, true
	}
	if time.Since(s.began) >= stable {
		s.pause = backFirst
	}
	s.restarts++
	how := "it ended by itself"
	if err != nil {
		how = err.Error()
	}
	s.again(restart, how)
	return code, false
}

func (s *Supervisor) again(restart *time.Timer, reason string) {
	pause := s.pause/2 + rand.N(s.pause)
	s.log.Warn("the broadcast died, starting it again", "in", pause.Round(time.Millisecond), "restarts", s.restarts, "reason", reason)
	restart.Reset(pause)
	s.pause = min(4*s.pause, backMost)
}

// end stops everything: the game first, so that the audience sees it to its end.
func (s *Supervisor) end(sig os.Signal, signals <-chan os.Signal, gameDone <-chan error) (code int) {
	s.log.Info("stopping", "signal", sig)
	if gameDone != nil {
		code = s.endGame(sig, signals, gameDone)
	}
	s.endWorker(signals)
	return code
}

func (s *Supervisor) endWorker(signals <-chan os.Signal) {
	if s.worker == nil {
		return
	}
	s.worker.stop()
	limit := time.NewTimer(workerGrace)
	defer limit.Stop()
	for {
		select {
		case <-s.worker.done:
			s.worker = nil
			return
		case <-limit.C:
			s.worker.kill()
		case <-signals:
			s.worker.kill()
		}
	}
}

// exitCode is that of a process, or 128 and its signal, as a shell has it.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return cannotStart
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// Plain serves the same life to a program that is its own worker: the context ends with the
// first signal, the second one ends the process.
func Plain(signals <-chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		for first := true; ; first = false {
			sig := <-signals
			if !first {
				os.Exit(128 + int(sig.(syscall.Signal)))
			}
			cancel(fmt.Errorf("stopped by %s", sig))
		}
	}()
	return ctx, func() { cancel(nil) }
}
