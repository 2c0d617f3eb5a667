package whip_test

import (
	"testing"
	"time"

	"hotseat/sidecar/teststage"
)

// A stage may take every connection and end it at the first picture, because of what the stream holds.
func TestAStageThatEndsEveryConnectionIsNotHammered(t *testing.T) {
	t.Parallel()
	stage := teststage.New(t)
	p, _, _ := run(t, stage, nil)
	began, look := time.Now(), time.NewTicker(50*time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-stage.Frames:
			stage.Vanish()
		case <-look.C:
		}
		posts, _ := stage.Counts()
		took := time.Since(began)
		// Pauses double from 0.2 s to 2 s, give or take a quarter.
		if most := 7 + int(max(0, took-5*time.Second)/(1500*time.Millisecond)); posts > most {
			t.Fatalf("%d connections in %v, want at most %d", posts, took, most)
		}
		if took > 5*time.Second && posts >= 3 && p.Stats().Restarts > 0 {
			t.Logf("%d connections in %v", posts, took.Round(time.Millisecond))
			return
		}
		if took > patience {
			t.Fatalf("%d connections in %v, stats %+v; want it to be on the air again and again", posts, took, p.Stats())
		}
	}
}
