package client

import (
	"math/rand/v2"
	"testing"

	"hotseat/backend/playtest"
)

func TestEventsComeOutInOrderAndOnceWhateverTheOrderTheyComeIn(t *testing.T) {
	const count = 200
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var s sequence
		var out []int64
		offer := func(seq int64) bool {
			ready, gap := s.offer(logged{event: playtest.Event{Seq: seq}})
			for _, e := range ready {
				out = append(out, e.event.Seq)
			}
			return gap
		}
		for _, i := range r.Perm(count) {
			offer(int64(i + 1))
			offer(int64(r.IntN(i+1) + 1)) // and a double
		}
		if len(out) != count || len(s.early) != 0 {
			t.Fatalf("%d came out, %d wait", len(out), len(s.early))
		}
		for i, seq := range out {
			if seq != int64(i+1) {
				t.Fatalf("event %d came out at place %d", seq, i+1)
			}
		}
	}
}

func TestAGapIsNoticedAndBounded(t *testing.T) {
	var s sequence
	if _, gap := s.offer(logged{event: playtest.Event{Seq: 1}}); gap {
		t.Error("a gap before anything is missing")
	}
	for seq := int64(3); seq < 3+2*maxEarly; seq++ {
		if _, gap := s.offer(logged{event: playtest.Event{Seq: seq}}); !gap {
			t.Fatalf("no gap at %d although 2 is missing", seq)
		}
	}
	if len(s.early) != maxEarly {
		t.Errorf("%d events wait", len(s.early))
	}
	ready, gap := s.offer(logged{event: playtest.Event{Seq: 2}})
	if len(ready) != maxEarly+1 || gap {
		t.Errorf("%d came out, gap %v", len(ready), gap)
	}
}
