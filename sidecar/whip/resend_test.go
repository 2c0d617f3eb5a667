package whip

import (
	"testing"
	"time"
)

func TestRepairTakesNoMoreThanItsShare(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	r := &resends{}
	again := 0
	for seq := uint16(65000); seq != 2000; seq++ { // around the end of the numbers
		now = now.Add(5 * time.Millisecond)
		if !r.allow(seq, 1000, now) {
			t.Fatalf("packet %d was not sent at all", seq)
		}
		for lost := seq - 100; lost != seq; lost++ { // a stage that lacks everything asks for everything
			if r.allow(lost, 1000, now) {
				again++
			}
		}
	}
	if sent := 2536; again < sent*4/10 || again > sent/2 {
		t.Errorf("%d packets were sent and %d again, want half of them", sent, again)
	}
}

func TestAPacketIsSentAgainNeitherTwiceAtOnceNorTooLate(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	r := &resends{tokens: resendBurst}
	r.allow(7, 1000, now)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{
		{10 * time.Millisecond, true}, {80 * time.Millisecond, false}, {100 * time.Millisecond, true},
		{120 * time.Millisecond, false}, {300 * time.Millisecond, true}, {1100 * time.Millisecond, false},
	} {
		if got := r.allow(7, 1000, now.Add(step.after)); got != step.want {
			t.Errorf("asked for after %v: sent again is %v", step.after, got)
		}
	}
	if r.allow(64500, 1000, now.Add(100*time.Millisecond)) {
		t.Error("a packet was sent again that nothing is known of")
	}
}
