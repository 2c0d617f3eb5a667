package testscreen

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Game is a painter in a process of its own, so that its CPU is not counted as the test's, and that
// tells how long its frames took.
type Game struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Closer
	out io.Reader
}

// FrameTimes are how long a frame took from its first drawing until the X server had done it all.
type FrameTimes struct {
	Frames   int
	P50, P95 time.Duration
}

const gameVariable = "HOTSEAT_TESTSCREEN_GAME"

// GameMain must be called first in TestMain of a package that uses StartGame: the game is the test
// program itself, started again.
func GameMain() {
	var fps int
	var display string
	if _, err := fmt.Sscanf(os.Getenv(gameVariable), "%d %s", &fps, &display); err != nil {
		return
	}
	times, err := play(display, fps)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(times)
	os.Exit(0)
}

// play paints until standard input ends.
func play(display string, fps int) (FrameTimes, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return FrameTimes{}, err
	}
	p, err := newPainter(conn)
	if err != nil {
		return FrameTimes{}, err
	}
	quit := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(quit)
	}()
	tick := time.NewTicker(time.Second / time.Duration(fps))
	var took []time.Duration
	for {
		select {
		case <-quit:
			slices.Sort(took)
			if len(took) == 0 {
				return FrameTimes{}, nil
			}
			return FrameTimes{Frames: len(took), P50: took[len(took)/2], P95: took[len(took)*95/100]}, nil
		case <-tick.C:
			start := time.Now()
			p.frame()
			if _, err := xproto.GetInputFocus(conn).Reply(); err != nil { // a round trip: all is drawn
				return FrameTimes{}, err
			}
			took = append(took, time.Since(start))
		}
	}
}

// StartGame paints like Paint, in another process, until Stop or the end of the test.
func StartGame(t testing.TB, display string, fps int) *Game {
	t.Helper()
	g := &Game{t: t, cmd: exec.Command(os.Args[0])}
	g.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", gameVariable, fps, display))
	g.cmd.Stderr = os.Stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := g.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.in, g.out = in, out
	if err := g.cmd.Start(); err != nil {
		t.Fatalf("start the game: %v", err)
	}
	t.Cleanup(func() { g.Stop() })
	return g
}

// Stop ends the game and says how it fared; the second call says nothing.
func (g *Game) Stop() (times FrameTimes) {
	if g.cmd == nil {
		return FrameTimes{}
	}
	_ = g.in.Close()
	if err := json.NewDecoder(g.out).Decode(&times); err != nil {
		g.t.Errorf("the game said nothing: %v", err)
	}
	_ = g.cmd.Wait()
	g.cmd = nil
	return times
}
