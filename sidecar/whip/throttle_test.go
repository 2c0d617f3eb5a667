package whip

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottleForgetsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		th := &throttle{every: 300 * time.Millisecond, do: func() { calls = append(calls, time.Since(start)) }}
		defer th.stop()

		th.ask() // at once
		time.Sleep(100 * time.Millisecond)
		th.ask() // waits for the end of the pause
		th.ask() // is the same
		time.Sleep(time.Second)
		synctest.Wait()
		th.ask() // at once again
		synctest.Wait()

		want := []time.Duration{0, 300 * time.Millisecond, 1100 * time.Millisecond}
		if len(calls) != len(want) {
			t.Fatalf("called at %v, want %v", calls, want)
		}
		for i := range want {
			if calls[i] != want[i] {
				t.Errorf("called at %v, want %v", calls, want)
			}
		}
	})
}

func TestThrottleStopsWithItsPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		th := &throttle{every: 300 * time.Millisecond, do: func() { calls++ }}
		th.ask()
		th.ask()
		th.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		th.ask()
		if calls != 1 {
			t.Errorf("called %d times, want once", calls)
		}
	})
}

func TestRTPTimeDoesNotOverflowWithinDays(t *testing.T) {
	for _, row := range []struct {
		at   time.Duration
		rate uint32
		want uint64
	}{
		{0, 90_000, 0},
		{time.Second / 30, 90_000, 2999}, // 33.333333 ms
		{20 * time.Millisecond, 48_000, 960},
		{24*time.Hour + time.Millisecond, 90_000, 24*3600*90_000 + 90},
	} {
		if got := rtpTime(row.at, row.rate); got != uint32(row.want) {
			t.Errorf("rtpTime(%v, %d) = %d, want %d", row.at, row.rate, got, uint32(row.want))
		}
	}
}
