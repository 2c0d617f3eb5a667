package capture

import (
	"testing"
	"time"
)

func TestNoKeyFrameIsAskedForWhileEveryPictureComes(t *testing.T) {
	const period = time.Second / 30
	w := keyWatch{}
	for n := range 1000 {
		at := time.Duration(n)*period + time.Duration(n%50)*period/50 // the grid moves
		if w.overdue(Sample{RunningTime: at, KeyFrame: n%60 == 0}, 2*time.Second, period) {
			t.Fatalf("a key frame was asked for at picture %d", n)
		}
	}
}

func TestSkippedPicturesPutNoKeyFrameOff(t *testing.T) {
	const period = time.Second / 30
	w, asked := keyWatch{}, []time.Duration(nil)
	for n := range 60 { // every third is skipped, and the encoder counts to 60
		if at := time.Duration(n) * period * 3 / 2; w.overdue(Sample{RunningTime: at, KeyFrame: n == 0}, 2*time.Second, period) {
			asked = append(asked, at)
		}
	}
	if len(asked) != 2 || asked[0] > 2100*time.Millisecond || asked[1]-asked[0] < 500*time.Millisecond {
		t.Errorf("key frames were asked for at %v, want one at 2.1 s and, as none came, one half a second later", asked)
	}
}

func TestKeyFramesComeInTimeThoughTheEncoderCountsTooFewPictures(t *testing.T) {
	t.Parallel()
	const interval = 500 * time.Millisecond
	counts := x264
	counts.properties = func(c Config) []property {
		c.KeyFrameInterval = time.Minute
		return x264.properties(c)
	}
	p := opened(t, func(c *Config) { c.KeyFrameInterval = interval }, counts)
	var last time.Duration
	for keys := 0; keys < 5; {
		s := unit(t, p)
		if s.RunningTime-last > 2*interval { // half of it is for a busy machine
			t.Fatalf("no key frame for %v, want one in %v", s.RunningTime-last, interval)
		}
		if s.KeyFrame {
			last = s.RunningTime
			keys++
		}
	}
}
