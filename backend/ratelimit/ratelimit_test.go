package ratelimit

import (
	"testing"
	"time"
)

func TestOneKeysFloodLeavesAnotherAlone(t *testing.T) {
	now := time.UnixMilli(0)
	k := New[string](func() time.Time { return now })
	allowed := 0
	for range 10 {
		if k.Allow("a", 1, 3) {
			allowed++
		}
	}
	if allowed != 3 || !k.Allow("b", 1, 3) {
		t.Fatalf("a got %d of 10 through, want 3", allowed)
	}
	now = now.Add(time.Second)
	if !k.Allow("a", 1, 3) || k.Allow("a", 1, 3) {
		t.Fatal("a second did not bring one token")
	}
}

func TestQuietKeysAreForgotten(t *testing.T) {
	now := time.UnixMilli(0)
	k := New[int](func() time.Time { return now })
	for key := range 100 {
		k.Allow(key, 1, 1)
	}
	now = now.Add(2 * forgetAfter)
	k.Allow(1, 1, 1)
	if n := len(k.buckets); n != 1 {
		t.Fatalf("%d buckets are kept", n)
	}
}
