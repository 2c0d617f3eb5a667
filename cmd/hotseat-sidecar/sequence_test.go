package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
)

func event(seq int64) json.RawMessage {
	return json.RawMessage(`{"seq":` + strconv.FormatInt(seq, 10) + `}`)
}

func numbers(list []json.RawMessage) (seqs []int64) {
	for _, e := range list {
		seqs = append(seqs, numberOf(e))
	}
	return seqs
}

func TestAGapIsNotPassedOver(t *testing.T) {
	var q sequence
	if got := numbers(q.take(50, event(50))); !slices.Equal(got, []int64{50}) || q.behind() {
		t.Errorf("the first event: %v, behind %v", got, q.behind())
	}
	if got := q.take(53, event(53)); got != nil || !q.behind() {
		t.Errorf("passed %s over a gap, behind %v", got, q.behind())
	}
	q.take(54, event(54))
	if got := numbers(q.read(51, event(51))); !slices.Equal(got, []int64{51}) {
		t.Errorf("passed %v", got)
	}
	if got := numbers(q.take(52, event(52))); !slices.Equal(got, []int64{52, 53, 54}) || q.behind() {
		t.Errorf("passed %v, behind %v", got, q.behind())
	}
	for seq := range int64(55) {
		if got := append(q.take(seq, event(seq)), q.read(seq, event(seq))...); got != nil {
			t.Errorf("passed %s a second time", got)
		}
	}
}

func TestALogThatSkipsANumberHoldsNothingUp(t *testing.T) {
	var q sequence
	q.begin(10)
	q.take(13, event(13))
	if got := numbers(q.read(12, event(12))); !slices.Equal(got, []int64{12, 13}) || q.behind() {
		t.Errorf("passed %v, behind %v", got, q.behind())
	}
}

func TestWhatCannotBeHadIsGivenUpAndTheRestPassedOn(t *testing.T) {
	var q sequence
	q.begin(10)
	q.take(20, event(20))
	q.take(15, event(15))
	q.hear(1 << 60) // a live message that counts wrongly must not silence the game
	if got := numbers(q.giveIn()); !slices.Equal(got, []int64{15, 20}) || q.behind() {
		t.Errorf("passed %v, behind %v", got, q.behind())
	}
	if got := numbers(q.take(21, event(21))); !slices.Equal(got, []int64{21}) {
		t.Errorf("passed %v", got)
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	var q sequence
	q.begin(0)
	for seq := int64(2); seq < 3*maxEarly; seq++ {
		q.take(seq, event(seq))
	}
	if len(q.early) > maxEarly {
		t.Errorf("%d events wait", len(q.early))
	}
	if got := q.take(1, event(1)); len(got) != maxEarly+1 || !q.behind() {
		t.Errorf("passed %d, behind %v", len(got), q.behind())
	}
}

// Whatever comes, in whatever order: each at most once, in rising order, and all when the log is read.
func FuzzTheGameReadsTheLogInOrder(f *testing.F) {
	f.Add([]byte{1, 3, 2, 9, 4, 0, 200})
	f.Add([]byte{5, 5, 1, 255, 128})
	f.Fuzz(func(t *testing.T, heard []byte) {
		var q sequence
		q.begin(0)
		var passed []int64
		for _, b := range heard {
			passed = append(passed, numbers(q.take(int64(b%100), event(int64(b%100))))...)
		}
		for seq := int64(1); seq < 100; seq++ {
			passed = append(passed, numbers(q.read(seq, event(seq)))...)
		}
		for i, seq := range passed {
			if seq != int64(i+1) {
				t.Fatalf("the game reads %v", passed)
			}
		}
		if len(passed) != 99 || q.behind() || len(q.early) > 0 {
			t.Fatalf("%d passed, behind %v, %d wait", len(passed), q.behind(), len(q.early))
		}
	})
}
