package capture_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

func TestMain(m *testing.M) {
	testscreen.GameMain()
	captureMain()
	goleak.VerifyTestMain(m)
}

// closeTime is more than Close waits for what hangs.
const closeTime = 5 * time.Second

// patience is how long a test waits for something that must come.
const patience = 10 * time.Second

func open(t testing.TB, cfg capture.Config) *capture.Pipeline {
	t.Helper()
	p, err := capture.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// next waits for a value and fails the test when the capture fails first.
func next[T any](t testing.TB, p *capture.Pipeline, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case err := <-p.Err():
		t.Fatalf("capture failed while the test waited for %s: %v", what, err)
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
	}
	panic("unreachable")
}

// logs collects warnings.
type logs struct{ ch chan string }

func newLogs() *logs                                         { return &logs{ch: make(chan string, 100)} }
func (l *logs) Enabled(_ context.Context, v slog.Level) bool { return v >= slog.LevelWarn }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler           { return l }
func (l *logs) WithGroup(string) slog.Handler                { return l }
func (l *logs) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	select {
	case l.ch <- text:
	default:
	}
	return nil
}

// nalTypes lists the types of the NAL units of an access unit in Annex B form.
func nalTypes(unit []byte) (types []byte) {
	for i := 0; i+3 < len(unit); i++ {
		if unit[i] == 0 && unit[i+1] == 0 && unit[i+2] == 1 {
			types = append(types, unit[i+3]&0x1f)
			i += 3
		}
	}
	return types
}

const (
	nalIDR, nalSPS, nalPPS = 5, 7, 8
)

func TestStreamBeginsWithSPSPPSAndIDRAndDecodes(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 640, Height: 360, BitrateKbps: 1500})

	var units [][]byte
	for range 45 {
		s := next(t, p, p.Video(), "access unit")
		types := nalTypes(s.Data)
		if idr := slices.Contains(types, nalIDR); idr != s.KeyFrame {
			t.Errorf("unit %d: KeyFrame is %v, NAL units are %v", len(units), s.KeyFrame, types)
		}
		units = append(units, s.Data)
	}
	first := nalTypes(units[0])
	sps, pps, idr := slices.Index(first, nalSPS), slices.Index(first, nalPPS), slices.Index(first, nalIDR)
	if sps < 0 || pps < sps || idr < pps {
		t.Fatalf("the first access unit holds %v, want SPS, PPS, IDR in this order", first)
	}
	// profile_idc 66 with constraint_set1: constrained baseline (H.264 A.2.1.1).
	at := bytes.Index(units[0], []byte{0, 0, 1, 0x67})
	if got := units[0][at+4 : at+6]; got[0] != 66 || got[1]&0x40 == 0 {
		t.Errorf("profile bytes %x, want constrained baseline 42, 4x", got)
	}
	pictures := decodeAll(t, units)
	if len(pictures) != len(units) {
		t.Fatalf("%d access units decode to %d pictures: B-frames, or broken", len(units), len(pictures))
	}
	last := pictures[len(pictures)-1]
	if last.Width != 640 || last.Height != 360 {
		t.Errorf("pictures are %dx%d", last.Width, last.Height)
	}
	// The painter draws its code in several strokes: a picture may be taken between two of them.
	readable := 0
	for _, p := range pictures {
		if at, ok := testscreen.ReadCode(p.Luma, p.Width); ok && time.Since(at) < patience {
			readable++
		}
	}
	if readable < len(pictures)/2 {
		t.Errorf("the time can be read back from %d of %d pictures", readable, len(pictures))
	}
}

func TestPictureIsScaledToTheWantedSize(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 800, 600)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 640, Height: 360, BitrateKbps: 1000})
	var units [][]byte
	for range 3 {
		units = append(units, next(t, p, p.Video(), "access unit").Data)
	}
	if pic := decodeAll(t, units)[0]; pic.Width != 640 || pic.Height != 360 {
		t.Errorf("an 800x600 display gave %dx%d, want 640x360", pic.Width, pic.Height)
	}
}

func TestForcedKeyFrameComesQuickly(t *testing.T) {
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 640, Height: 360, KeyFrameInterval: time.Minute})
	next(t, p, p.Video(), "access unit")
	quickest, slowest := 1000, time.Duration(0)
	for range 5 {
		for range 7 { // some deltas between
			next(t, p, p.Video(), "access unit")
		}
		asked := time.Now()
		p.ForceKeyFrame()
		for n := 0; ; n++ {
			s := next(t, p, p.Video(), "access unit")
			if s.KeyFrame {
				if types := nalTypes(s.Data); !slices.Contains(types, nalSPS) || !slices.Contains(types, nalPPS) {
					t.Errorf("a forced key frame holds %v, want SPS and PPS too", types)
				}
				quickest, slowest = min(quickest, n), max(slowest, time.Since(asked))
				break
			}
			if n > 30 {
				t.Fatal("no key frame within 30 pictures")
			}
		}
	}
	t.Logf("quickest key frame after %d pictures, slowest after %v", quickest, slowest)
	if quickest > 5 { // what was already encoded, being encoded, and in the queue
		t.Errorf("every key frame came more than %d pictures after it was asked for", quickest-1)
	}
}

func TestKeyFramesComeInTheirInterval(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240, KeyFrameInterval: 500 * time.Millisecond})
	since := 0
	for range 60 {
		if s := next(t, p, p.Video(), "access unit"); s.KeyFrame {
			since = 0
		} else if since++; since >= 15 {
			t.Fatalf("%d pictures since the last key frame, want one each 15", since)
		}
	}
}

func TestSlowReaderLosesOldPicturesButNeverAReference(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240, QueueFrames: 4, KeyFrameInterval: time.Minute})
	next(t, p, p.Video(), "access unit")
	// Not reading: pictures are made all the same, and dropped.
	for end := time.Now().Add(patience); p.Stats().Dropped < 10; {
		if time.Now().After(end) {
			t.Fatalf("nothing was dropped: %+v", p.Stats())
		}
		time.Sleep(10 * time.Millisecond) // polls a counter, with a deadline
	}
	// What is left begins with a key frame, and then the stream goes on.
	if s := next(t, p, p.Video(), "access unit"); !s.KeyFrame {
		t.Error("after a gap the reader got an access unit that refers to what it did not get")
	}
	var units [][]byte
	p.ForceKeyFrame()
	for len(units) < 20 {
		s := next(t, p, p.Video(), "access unit")
		if len(units) > 0 || s.KeyFrame {
			units = append(units, s.Data)
		}
	}
	if got := len(decodeAll(t, units)); got != len(units) {
		t.Errorf("%d access units after the gap decode to %d pictures", len(units), got)
	}
}

func TestDisplayThatGoesAwayEndsTheCaptureNotTheProcess(t *testing.T) {
	t.Parallel()
	display, server := testscreen.StartProcess(t, 320, 240)
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240})
	next(t, p, p.Video(), "access unit")
	_ = server.Kill()
	select {
	case err := <-p.Err():
		if !errors.Is(err, capture.ErrDisplayGone) {
			t.Errorf("error %v, want %v", err, capture.ErrDisplayGone)
		}
	case <-time.After(patience):
		t.Fatal("the capture did not notice")
	}
	start := time.Now()
	p.Close()
	if took := time.Since(start); took > closeTime {
		t.Errorf("Close took %v", took)
	}
}

func TestCloseIsQuickAndRepeatable(t *testing.T) {
	display := testscreen.Start(t, 320, 240)
	p, err := capture.Open(capture.Config{Display: display, Width: 320, Height: 240})
	if err != nil {
		t.Fatal(err)
	}
	p.Close() // never started
	p.Close()

	p = open(t, capture.Config{Display: display, Width: 320, Height: 240, Audio: true, PulseServer: "unix:/nonexistent/native"})
	next(t, p, p.Video(), "access unit")
	start := time.Now()
	p.Close()
	p.Close()
	if took := time.Since(start); took > closeTime {
		t.Errorf("Close took %v", took)
	}
}

// TestCaptureStaysCloseBehindTheGame: whatever the chance of the start, the lock brings the
// grab to a few milliseconds behind the drawing.
func TestCaptureStaysCloseBehindTheGame(t *testing.T) {
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240})
	good := 0
	for end := time.Now().Add(time.Minute); good < 2; { // the grid is moved in moments of a steady rhythm
		for range 16 { // one window of the lock
			next(t, p, p.Video(), "access unit")
		}
		if age := p.Stats().PictureAge; age > 0 && age < 10*time.Millisecond {
			good++
		} else {
			good = 0
		}
		if time.Now().After(end) {
			t.Fatalf("pictures are %v old when they are grabbed: %+v", p.Stats().PictureAge, p.Stats())
		}
	}
}
