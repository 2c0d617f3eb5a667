package capture_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

// small is what most of these tests capture.
func small(display string) capture.Config {
	return capture.Config{Display: display, Width: 320, Height: 240, BitrateKbps: 1000, Endure: true}
}

func TestAWindowIsCapturedAloneWhereverItGoes(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 800, 600)
	game := testscreen.OpenWindow(t, display, "My Game 1.0", 50, 40, 320, 240, 200)
	testscreen.OpenWindow(t, display, "in the way", 0, 0, 300, 300, 60)
	for name, want := range map[string]capture.Window{
		"title": {Title: "Game"}, "id": {ID: game.ID}, "process": {PID: os.Getpid(), Title: "Game"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := small(display)
			cfg.Window = want
			p := open(t, cfg)
			v := view(t, p)
			v.sees("the window below another one", 200)
			game.Place(600, 500, 320, 240) // most of it is off the screen
			v.more(10)
			v.sees("the window after a move", 200)
			game.Place(10, 10, 200, 50)
			until(t, "the smaller window between black borders", func() bool { return v.luma(500, 30) < 30 && v.luma(500, 500) > 180 })
			game.Place(50, 40, 320, 240)
			until(t, "the window in its old size", func() bool { return v.luma(500, 30) > 180 })
			if s := p.Stats(); s.Width != 320 || s.Height != 240 {
				t.Errorf("the stream's size changed: %+v", s)
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if len(v.saw) != 1 {
				t.Errorf("sizes of the pictures: %v, want one", v.saw)
			}
		})
	}
}

func TestAWindowThatIsHiddenOrClosedComesBackByItself(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 640, 480)
	cfg := small(display)
	cfg.Window = capture.Window{Title: "Game"}
	cfg.Endure = false // a window is waited for in any case
	p := open(t, cfg)
	v := view(t, p)
	v.sees("the placeholder before there is a window", 0x20)
	if s := p.Stats(); s.Source != capture.SourceWaiting || s.SourceGone {
		t.Errorf("source %q, gone %v, want %q on a display that is there", s.Source, s.SourceGone, capture.SourceWaiting)
	}
	v.forget()
	game := testscreen.OpenWindow(t, display, "Game", 50, 40, 320, 240, 200)
	t.Logf("window opened: on air after %v", v.sees("the window", 200))

	game.Hide()
	until(t, "the capture to notice that the window is hidden", func() bool { return p.Stats().Source == capture.SourceHeld })
	v.more(10)
	v.sees("the last picture", 200)
	game.Show()
	t.Logf("window shown again: on air after %v", until(t, "the window", func() bool { return p.Stats().Source == capture.SourceLive }))

	game.Close()
	until(t, "the capture to notice that the window is closed", func() bool { return p.Stats().Source == capture.SourceHeld })
	v.more(10)
	v.sees("the last picture", 200)
	testscreen.OpenWindow(t, display, "Game", 0, 0, 400, 300, 120)
	t.Logf("window opened again: on air after %v", v.sees("the other window", 120))
	v.unbroken("while the window came and went")
}

func TestADisplayThatIsKilledAndRestartedIsBackOnAir(t *testing.T) {
	t.Parallel()
	server := testscreen.Serve(t, 320, 240)
	testscreen.OpenWindow(t, server.Display, "Game", 0, 0, 320, 240, 200)
	p := open(t, small(server.Display))
	v := view(t, p)
	v.sees("the game", 200)
	v.forget()
	server.Kill()
	until(t, "the capture to notice", func() bool { return p.Stats().Source == capture.SourceHeld })
	v.more(20)
	v.sees("the last picture", 200)
	if !p.Stats().SourceGone {
		t.Error("a display that is killed is not said to be gone")
	}
	server.Restart()
	testscreen.OpenWindow(t, server.Display, "Game", 0, 0, 320, 240, 120)
	t.Logf("display killed and restarted: on air after %v", v.sees("the game on the other display", 120))
	v.unbroken("while there was no display")
	if s := p.Stats(); s.SourceLost != 1 || s.Held == 0 || s.SourceGone {
		t.Errorf("stats %+v, want one loss and held pictures, and the display there", s)
	}
}

func TestAGameThatChangesTheResolutionStaysOnAirInTheSameSize(t *testing.T) {
	t.Parallel()
	server := testscreen.Serve(t, 640, 480)
	testscreen.OpenWindow(t, server.Display, "Game", 0, 0, 640, 480, 200)
	p := open(t, small(server.Display))
	v := view(t, p)
	v.sees("the game", 200)
	v.forget()
	server.Resize(320, 240)
	testscreen.OpenWindow(t, server.Display, "Game, small", 0, 0, 320, 240, 120)
	t.Logf("another resolution: on air after %v", v.sees("the game in the other resolution", 120))
	for _, at := range []int{20, 980} { // of what was the larger display nothing is left
		if corner := v.luma(at, at); corner < 105 || corner > 135 {
			t.Errorf("the picture does not fill the frame: brightness %d in a corner", corner)
		}
	}
	server.Resize(640, 480)
	testscreen.OpenWindow(t, server.Display, "Game, large", 0, 0, 640, 480, 200)
	v.sees("the game in the first resolution", 200)
	if corner := v.luma(980, 980); corner < 150 {
		t.Errorf("the picture does not fill the frame: brightness %d in a corner", corner)
	}
	v.unbroken("while the resolution changed")
	if v.mu.Lock(); len(v.saw) != 1 {
		t.Errorf("pictures by size: %v, want one size", v.saw)
	}
	v.mu.Unlock()
}

func TestAFrozenDisplayLeavesTheLastPictureOnAir(t *testing.T) {
	t.Parallel()
	server := testscreen.Serve(t, 320, 240)
	game := testscreen.OpenWindow(t, server.Display, "Game", 0, 0, 320, 240, 200)
	p := open(t, small(server.Display))
	v := view(t, p)
	v.sees("the game", 200)
	v.forget()
	server.Freeze()
	until(t, "the capture to notice", func() bool { return p.Stats().Source == capture.SourceHeld })
	v.more(10)
	v.unbroken("while the display was frozen")
	server.Thaw()
	game.Close()
	t.Logf("display frozen and thawed: on air after %v", v.sees("the display without the game", 0))
	if s := p.Stats(); s.Source != capture.SourceLive {
		t.Errorf("source %q", s.Source)
	}
}

func TestAFrozenDisplayIsAnErrorWithoutEndure(t *testing.T) {
	t.Parallel()
	server := testscreen.Serve(t, 320, 240)
	cfg := small(server.Display)
	cfg.Endure = false
	p := open(t, cfg)
	next(t, p, p.Video(), "access unit")
	server.Freeze()
	defer server.Kill() // its clients' goroutines end with it
	select {
	case err := <-p.Err():
		if !errors.Is(err, capture.ErrStalled) {
			t.Errorf("error %v, want %v", err, capture.ErrStalled)
		}
	case <-time.After(patience):
		t.Fatal("nobody noticed")
	}
	start := time.Now()
	p.Close()
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("Close took %v", took)
	}
}

func TestASoundServerThatIsKilledOrFrozenIsReplacedBySilence(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	sound := testscreen.ServeSound(t)
	cfg := small(display)
	cfg.Audio, cfg.PulseServer = true, sound.Address
	p := open(t, cfg)
	view(t, p)
	var last capture.Sample
	var worst time.Duration
	hear := func(what string, ok func() bool) time.Duration {
		t.Helper()
		start := time.Now()
		for !ok() {
			s := next(t, p, p.Audio(), "Opus packet")
			if last.Duration != 0 {
				worst = max(worst, (s.RunningTime - last.RunningTime - 20*time.Millisecond).Abs())
			}
			last = s
			if time.Since(start) > patience {
				t.Fatalf("not within %v: %s", patience, what)
			}
		}
		return time.Since(start)
	}
	hear("sound", func() bool { return p.Stats().Audio })
	sound.Kill()
	hear("silence", func() bool { return !p.Stats().Audio })
	silent := p.Stats().SilentPackets
	hear("a second of silence", func() bool { return p.Stats().SilentPackets > silent+50 })
	sound.Restart()
	t.Logf("sound server killed and restarted: on air after %v", hear("sound", func() bool { return p.Stats().Audio }))
	sound.Freeze()
	hear("silence", func() bool { return !p.Stats().Audio })
	sound.Thaw()
	t.Logf("sound server frozen and thawed: on air after %v", hear("sound", func() bool { return p.Stats().Audio }))
	t.Logf("packets are up to %v from 20 ms apart", worst)
	if worst > 25*time.Millisecond {
		t.Errorf("packets are up to %v from 20 ms apart: sound and picture part", worst)
	}
	if s := p.Stats(); s.AudioLost != 2 {
		t.Errorf("sound was lost %d times, want 2", s.AudioLost)
	}
}

func TestThePointerIsInThePictureOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	game := testscreen.OpenWindow(t, display, "Game", 0, 0, 320, 240, 255)
	game.Point(160, 120)
	for _, shown := range []bool{false, true} {
		cfg := small(display)
		cfg.Cursor = shown
		cfg.Window = capture.Window{ID: game.ID}
		p := open(t, cfg)
		v := view(t, p)
		v.more(20)
		darkest := 255
		for x := 480; x < 530; x += 2 {
			for y := 480; y < 540; y += 2 {
				darkest = min(darkest, v.luma(x, y))
			}
		}
		if shown != (darkest < 120) {
			t.Errorf("pointer wanted: %v, but the darkest pixel where it stands is %d", shown, darkest)
		}
		p.Close()
	}
}
