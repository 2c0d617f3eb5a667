package capture

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"hotseat/sidecar/testscreen"
)

// opened captures a moving picture with the given encoders.
func opened(t *testing.T, change func(*Config), encoders ...encoder) *Pipeline {
	t.Helper()
	display := testscreen.Start(t, 320, 240)
	testscreen.Paint(t, display, 30)
	cfg := Config{Display: display, Width: 320, Height: 240, BitrateKbps: 2000, QueueFrames: 100, encoders: encoders}
	if change != nil {
		change(&cfg)
	}
	p, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func unit(t *testing.T, p *Pipeline) Sample {
	t.Helper()
	select {
	case s := <-p.Video():
		return s
	case err := <-p.Err():
		t.Fatalf("the capture failed: %v", err)
	case <-time.After(10 * time.Second):
		t.Fatalf("no access unit: %+v", p.Stats())
	}
	panic("unreachable")
}

// breakIt makes the running encoder fail as drivers do: by an error on the bus, or by falling silent.
var breakIt = map[string]func(e *encoding){
	"error": func(e *encoding) {
		e.coder.ErrorMessage(gst.DomainStream, gst.StreamErrorEncode, "the driver was reset", "")
	},
	"refusal": func(e *encoding) { // it cannot encode what comes next
		e.src.setCaps("audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved")
	},
	"silence": func(e *encoding) { _ = e.coder.SetState(gst.StateNull) },
}

func TestAnEncoderThatFailsInFlightIsReplaced(t *testing.T) {
	for name, failure := range breakIt {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := opened(t, nil, x264, openh264)
			for range 10 {
				unit(t, p)
			}
			last := unit(t, p)
			failure(p.current.Load())
			failed := time.Now()
			var units [][]byte
			for older := 0; len(units) < 30; {
				s := unit(t, p)
				if p.Stats().EncoderErrs == 0 || len(units) == 0 && !s.KeyFrame {
					if older++; older > 600 {
						t.Fatalf("no key frame of another encoder: %+v", p.Stats())
					}
					last = s // still of the first one
					continue
				}
				if len(units) == 0 {
					if !startsWithKeyFrame(s.Data) {
						t.Error("the other encoder begins with something else than a whole key frame")
					}
					t.Logf("encoder failure (%s): on air after %v, %v of the picture were lost", name,
						time.Since(failed).Round(time.Millisecond), s.RunningTime-last.RunningTime)
				}
				units = append(units, s.Data)
			}
			if s := p.Stats(); s.Encoder != NameOpenH264 || !s.Fallback || s.EncoderErrs != 1 || s.EncoderErr == "" {
				t.Errorf("stats %+v, want one failure and %s", s, NameOpenH264)
			}
			if got := decoded(t, units); got != len(units) {
				t.Errorf("%d access units decode to %d pictures", len(units), got)
			}
		})
	}
}

func TestTheLastEncoderIsOpenedAgainAFewTimes(t *testing.T) {
	t.Parallel()
	p := opened(t, nil, x264)
	for i := range reopenings {
		unit(t, p)
		e := p.current.Load()
		breakIt["error"](e)
		eventually(t, fmt.Sprintf("the encoder to be opened again after failure %d", i+1), func() bool { return p.current.Load() != e })
	}
	for range 5 {
		unit(t, p)
	}
	breakIt["error"](p.current.Load())
	select {
	case err := <-p.Err():
		if !errors.Is(err, ErrNoEncoder) || !strings.Contains(err.Error(), "Could not encode") {
			t.Errorf("error %v, want %v and what the encoder said", err, ErrNoEncoder)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("an encoder that fails for ever is no error")
	}
}

func TestAnEncoderThatDoesNotWorkIsNotChosen(t *testing.T) {
	t.Parallel()
	broken := x264
	broken.name, broken.profiles = "broken", "high-4:4:4-intra" // which x264 makes of no I420
	p := opened(t, nil, broken, openh264)
	unit(t, p)
	if s := p.Stats(); s.Encoder != NameOpenH264 || !s.Fallback {
		t.Errorf("stats %+v, want the fallback to %s", s, NameOpenH264)
	}
}

func TestTheStreamAdapts(t *testing.T) {
	t.Parallel()
	p := opened(t, nil)
	unit(t, p)
	// rate is the mean bitrate over a second, and the time from one picture to the next that the
	// encoder was told; how many there are is a matter of what else the machine does.
	rate := func() (kbps float64, step time.Duration) {
		for range 5 { // what was made before the change
			unit(t, p)
		}
		first, bytes, last := unit(t, p), 0, Sample{}
		for last.RunningTime-first.RunningTime < time.Second {
			last = unit(t, p)
			bytes += len(last.Data)
		}
		return float64(bytes) * 8 / 1000 / (last.RunningTime - first.RunningTime).Seconds(), last.Duration.Round(time.Millisecond)
	}
	changed := func(from uint64) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); p.Stats().Adaptations == from; unit(t, p) {
			if time.Now().After(end) {
				t.Fatal("nothing was adapted")
			}
		}
	}
	p.Adapt(Target{BitrateKbps: 300})
	changed(0)
	for range 30 { // the rate control settles
		unit(t, p)
	}
	if kbps, step := rate(); kbps > 450 || step != 33*time.Millisecond {
		t.Errorf("%.0f kbit/s, pictures %v apart, after asking for 300", kbps, step)
	}
	p.Adapt(Target{Framerate: 15})
	changed(1)
	if _, step := rate(); step != 67*time.Millisecond {
		t.Errorf("pictures are %v apart after asking for 15 a second", step)
	}
	p.phase.mu.Lock()
	if want := p.current.Load().period(); p.phase.period != want {
		t.Errorf("the phase lock still counts with %v, want %v", p.phase.period, want)
	}
	p.phase.mu.Unlock()
	p.quality.Store(thumbnailLeast)
	p.Adapt(Target{Width: 160, Height: 160})
	changed(2)
	var key Sample
	for !key.KeyFrame || p.Stats().Width != 160 {
		key = unit(t, p)
	}
	if q := p.quality.Load(); q != thumbnailQuality {
		t.Errorf("thumbnails go on with quality %d, and their new encoder has %d", q, thumbnailQuality)
	}
	p.Adapt(Target{BitrateKbps: 90_000, Framerate: 1000, Width: 4000, Height: 4000})
	changed(3)
	if s := p.Stats(); s.BitrateKbps != 2000 || s.Framerate != 30 || s.Width != 320 || s.Height != 240 {
		t.Errorf("%+v: more than the configuration allows", s)
	}
	if _, step := rate(); step != 33*time.Millisecond {
		t.Errorf("pictures are %v apart after asking for all again", step)
	}
}

func TestAChangeOfSizeCostsAtMostOnePicture(t *testing.T) {
	t.Parallel()
	p := opened(t, nil)
	var last Sample
	worst, before := time.Duration(0), uint64(0)
	for i := range 90 {
		if i == 30 {
			p.Adapt(Target{Width: 240, Height: 180})
		}
		s := unit(t, p)
		if i > 15 {
			worst = max(worst, s.RunningTime-last.RunningTime)
		}
		last = s
		before = p.Stats().Adaptations
	}
	if before != 1 {
		t.Fatalf("adapted %d times", before)
	}
	t.Logf("access units are at most %v apart", worst)
	if s := p.Stats(); worst > 150*time.Millisecond+time.Duration(s.SkippedBusy+s.SkippedLate)*time.Second/30 {
		t.Errorf("access units are %v apart when the size changes (%d were skipped because the machine was busy)", worst, s.SkippedBusy+s.SkippedLate)
	}
}

// TestPicturesAreDroppedBeforeAnEncoderThatIsTooSlow: they are not even taken.
func TestPicturesAreDroppedBeforeAnEncoderThatIsTooSlow(t *testing.T) {
	t.Parallel()
	p := opened(t, func(c *Config) { c.Width, c.Height, c.Framerate, c.Preset = 1280, 960, 120, "medium" })
	for end := time.Now().Add(10 * time.Second); p.Stats().SkippedBusy < 20; {
		if time.Now().After(end) {
			t.Skipf("this machine encodes 120 pictures a second without effort: %+v", p.Stats())
		}
		unit(t, p)
	}
	if s := p.Stats(); s.EncodeTime > 500*time.Millisecond {
		t.Errorf("pictures are %v old when they are encoded: they queue up", s.EncodeTime)
	}
}

// decoded counts the pictures of some access units.
func decoded(t *testing.T, units [][]byte) (n int) {
	t.Helper()
	d, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, u := range units {
		if err := d.Feed(u); err != nil {
			t.Fatal(err)
		}
	}
	d.End()
	for {
		if _, err := d.Next(5 * time.Second); err != nil {
			return n
		}
		n++
	}
}

func TestCandidatesAreOrderedByWhatIsWanted(t *testing.T) {
	names := func(of []encoder) (out []string) {
		for _, e := range of {
			out = append(out, e.element)
		}
		return out
	}
	for _, row := range []struct {
		got  []encoder
		want []string
	}{
		{candidates(EncoderGPU), []string{"nvcudah264enc", "nvh264enc", "vah264enc", "x264enc", "openh264enc"}},
		{candidates(EncoderCPU), []string{"x264enc", "openh264enc"}},
		{windowsCandidates(EncoderGPU), []string{"nvd3d11h264enc", "mfh264enc", "x264enc", "openh264enc"}},
	} {
		if got := names(row.got); !slices.Equal(got, row.want) {
			t.Errorf("candidates %v, want %v", got, row.want)
		}
	}
}
