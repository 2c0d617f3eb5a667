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
	for end := time.After(5 * time.Second); ; {
		select {
		case <-stage.Frames:
			stage.Vanish()
			continue
		case <-end:
		}
		break
	}
	// Pauses double from 0.2 s, give or take a quarter.
	if posts, _ := stage.Counts(); posts < 3 || posts > 7 {
		t.Errorf("%d connections in 5 s, want about five", posts)
	}
	if s := p.Stats(); s.Restarts == 0 {
		t.Errorf("stats %+v, want it to have been on the air again", s)
	}
}
