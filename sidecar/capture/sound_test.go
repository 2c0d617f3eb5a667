package capture_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

func TestSoundIsCapturedOnTheSameClock(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240, Audio: true, PulseServer: testscreen.Sound(t)})
	var last capture.Sample
	for !p.Stats().Audio { // the sound server takes a moment; until then there is silence
		last = next(t, p, p.Audio(), "Opus packet")
	}
	for i := range 25 {
		s := next(t, p, p.Audio(), "Opus packet")
		if step := s.RunningTime - last.RunningTime; last.RunningTime > 0 && (step < 10*time.Millisecond || step > 40*time.Millisecond) {
			t.Errorf("packet %d at %v after one at %v", i, s.RunningTime, last.RunningTime)
		}
		last = s
	}
	var video capture.Sample
	for i := 0; i < 100 && video.RunningTime < last.RunningTime; i++ {
		video = next(t, p, p.Video(), "access unit")
	}
	if d := video.RunningTime - last.RunningTime; d.Abs() > 500*time.Millisecond {
		t.Errorf("sound is at %v when the picture is at %v", last.RunningTime, video.RunningTime)
	}
	if !p.Stats().Audio {
		t.Error("stats do not say that sound flows")
	}
}

// What the sidecar hears of each kind of sound server is a tone, by the size of its packets: silence has 3 bytes, and a
// constant one is heard only if something is connected to the sink's monitor.
func TestATonePlayedToTheDefaultSinkIsHeard(t *testing.T) {
	for name, serve := range map[string]func(testing.TB) string{"PulseAudio": testscreen.Sound, "PipeWire": testscreen.PipeWire} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t)
			display := testscreen.Start(t, 320, 240)
			p := open(t, capture.Config{Display: display, Width: 320, Height: 240, Audio: true, PulseServer: server})
			testscreen.Tone(t, server)
			heard := 0
			until(t, "a tone", func() bool {
				if s := next(t, p, p.Audio(), "Opus packet"); len(s.Data) > 60 {
					heard++
				} else {
					heard = 0
				}
				return heard > 50 // a second of it
			})
		})
	}
}

func TestWithoutASoundServerThePictureIsCapturedWithOneWarning(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	l := newLogs()
	p := open(t, capture.Config{Display: display, Width: 320, Height: 240, Audio: true,
		PulseServer: "unix:/nonexistent/native", Log: slog.New(l)})
	for range 10 {
		next(t, p, p.Video(), "access unit")
	}
	got := next(t, p, l.ch, "warning")
	if !strings.Contains(got, "no sound") || !strings.Contains(got, "/nonexistent/native") {
		t.Errorf("warning %q, want it to name the missing sound server", got)
	}
	if st := p.Stats(); st.Audio || st.AudioPackets != 0 {
		t.Errorf("stats %+v, want no sound", st)
	}
}
