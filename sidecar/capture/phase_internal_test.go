package capture

import (
	"testing"
	"time"
)

const period = time.Second / 30

// play grabs n pictures of a game that draws each gamePeriod, jitter apart, and moves the grid
// as the lock says. It returns the ages of the last window.
func play(l *phaseLock, n int, gamePeriod, start time.Duration, jitter func(i int) time.Duration) []time.Duration {
	ages := make([]time.Duration, 0, n)
	drawn := time.Second // of the clock
	grid := drawn + start
	i := 0
	for k := range n {
		grabbed := grid + time.Duration(k)*period + l.offset()
		last := time.Duration(0)
		for at := drawn + time.Duration(i)*gamePeriod + jitter(i); at <= grabbed; at = drawn + time.Duration(i)*gamePeriod + jitter(i) {
			l.noteDrawing(at)
			last = at
			i++
		}
		if last != 0 {
			ages = append(ages, grabbed-last)
		}
		if shift := l.picture(grabbed); shift != 0 {
			l.move(shift)
		}
	}
	return ages[len(ages)-ageWindow:]
}

func steady(int) time.Duration { return 0 }

func TestLockFindsASteadyGameFromAnyStart(t *testing.T) {
	for start := time.Duration(0); start < period; start += 3 * time.Millisecond {
		for _, game := range []time.Duration{period, period / 2} { // 30 and 60 frames a second
			l := newPhaseLock(period)
			for _, age := range play(l, 120, game, start, steady) {
				if age < ageMin || age > ageMax {
					t.Errorf("start %v, game %v: a picture is %v old", start, game, age)
					break
				}
			}
			if off := l.offset(); off < -period/2 || off > period/2 {
				t.Errorf("the grid moved by %v, more than half a period", off)
			}
			if _, moves := l.stats(); moves > 3 {
				t.Errorf("start %v, game %v: the grid moved %d times", start, game, moves)
			}
		}
	}
}

func TestLockFollowsAGameWhoseClockDrifts(t *testing.T) {
	l := newPhaseLock(period)
	// 30.1 frames a second: the phase moves by a whole period in 10 s.
	ages := play(l, 900, time.Second*10/301, 10*time.Millisecond, steady)
	late := 0
	for _, age := range ages {
		if age > ageMax+3*time.Millisecond {
			late++
		}
	}
	if late > 2 {
		t.Errorf("%d of %d pictures are late: %v", late, len(ages), ages)
	}
}

func TestLockLeavesAGameWithoutRhythmAlone(t *testing.T) {
	l := newPhaseLock(period)
	play(l, 600, period, 5*time.Millisecond, func(i int) time.Duration { return time.Duration(i*7919%20) * time.Millisecond })
	if _, moves := l.stats(); moves > 2 {
		t.Errorf("the grid moved %d times", moves)
	}
}

func TestLockLeavesAStillPictureAlone(t *testing.T) {
	l := newPhaseLock(period)
	l.noteDrawing(time.Second)
	for k := range 100 {
		if shift := l.picture(2*time.Second + time.Duration(k)*period); shift != 0 {
			t.Fatalf("the grid would move by %v though nothing is drawn", shift)
		}
	}
}
