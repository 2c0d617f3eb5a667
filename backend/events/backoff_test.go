package events

import (
	"testing"
	"time"
)

func TestTheFirstTryIsAtOnceAndWaitsAreBounded(t *testing.T) {
	b := Backoff{}
	if wait := b.wait(0); wait != 0 {
		t.Errorf("first try after %v", wait)
	}
	for attempt := 1; attempt < 100; attempt++ {
		limit := min(defaultBackoffMax, defaultBackoffBase<<min(attempt-1, 10))
		for range 100 {
			if wait := b.wait(attempt); wait < 0 || wait > limit {
				t.Fatalf("attempt %d waits %v, want at most %v", attempt, wait, limit)
			}
		}
	}
	// Jitter is full: small waits occur late, too.
	early := false
	for range 1000 {
		early = early || b.wait(50) < defaultBackoffMax/10
	}
	if !early {
		t.Error("no early try in a thousand")
	}
	huge := Backoff{Base: time.Hour, Max: time.Duration(1<<63 - 2)}
	if wait := huge.wait(60); wait < 0 {
		t.Errorf("overflow: %v", wait)
	}
}
