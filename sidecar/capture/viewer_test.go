package capture_test

import (
	"sync"
	"testing"
	"time"

	"hotseat/sidecar/capture"
)

// viewer decodes a stream as it comes and remembers what it saw.
type viewer struct {
	t    testing.TB
	p    *capture.Pipeline
	quit chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex // protects all below
	last  capture.Picture
	count int
	first bool           // the first unit has come
	gap   time.Duration  // longest between two units, by running time
	at    time.Duration  // running time of the last unit
	busy  uint64         // skipped pictures when gaps began to be measured
	saw   map[[2]int]int // pictures by size
}

// view reads and decodes p's pictures until the test ends.
func view(t testing.TB, p *capture.Pipeline) *viewer {
	t.Helper()
	d, err := capture.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{t: t, p: p, quit: make(chan struct{}), saw: map[[2]int]int{}}
	v.wg.Go(func() {
		for {
			select {
			case s := <-p.Video():
				v.unit(s)
				if err := d.Feed(s.Data); err != nil {
					t.Error(err)
				}
			case <-v.quit:
				return
			}
		}
	})
	v.wg.Go(func() {
		for {
			pic, err := d.Next(50 * time.Millisecond)
			select {
			case <-v.quit:
				return
			default:
			}
			if err == nil {
				v.mu.Lock()
				v.last = pic
				v.count++
				v.saw[[2]int{pic.Width, pic.Height}]++
				v.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		close(v.quit)
		v.wg.Wait()
		d.Close()
	})
	return v
}

func (v *viewer) unit(s capture.Sample) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.first {
		v.first = true
		if !s.KeyFrame {
			v.t.Error("the stream begins with something else than a key frame")
		}
	} else {
		v.gap = max(v.gap, s.RunningTime-v.at)
	}
	v.at = s.RunningTime
}

// forget starts the measurement of gaps anew.
func (v *viewer) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gap, v.busy = 0, skipped(v.p.Stats())
}

// skipped is how many pictures a busy machine left out.
func skipped(s capture.Stats) uint64 { return s.SkippedBusy + s.SkippedLate }

// unbroken fails the test when access units were further apart than a few frames. Pictures that a
// busy machine skipped are no gap of the stream's making.
func (v *viewer) unbroken(when string) {
	v.t.Helper()
	missing := skipped(v.p.Stats()) - v.busy
	v.mu.Lock()
	defer v.mu.Unlock()
	if allowed := 200*time.Millisecond + time.Duration(missing)*time.Second/30; v.gap > allowed {
		v.t.Errorf("access units were %v apart %s (%d were skipped because the machine was busy)", v.gap, when, missing)
	}
}

// luma reads the brightness at a place in thousandths of width and height; -1 before the first
// picture.
func (v *viewer) luma(x, y int) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.count == 0 {
		return -1
	}
	return int(v.last.Luma[v.last.Height*y/1000*v.last.Width+v.last.Width*x/1000])
}

// until polls with a deadline.
func until(t testing.TB, what string, ok func() bool) (took time.Duration) {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // polls, with a deadline
	}
	return time.Since(start)
}

// sees waits until the middle of the picture has a grey, given as RGB 0 to 255, and says how long
// that took.
func (v *viewer) sees(what string, grey int) time.Duration {
	v.t.Helper()
	want := 16 + grey*219/255 // ITU-R BT.709, limited range
	var got int
	defer func() {
		if v.t.Failed() {
			v.t.Logf("brightness is %d, want %d; %+v", got, want, v.p.Stats())
		}
	}()
	return until(v.t, what, func() bool { got = v.luma(500, 500); return got > want-8 && got < want+8 })
}

// more waits for n further pictures.
func (v *viewer) more(n int) {
	v.t.Helper()
	v.mu.Lock()
	from := v.count
	v.mu.Unlock()
	until(v.t, "pictures", func() bool { v.mu.Lock(); defer v.mu.Unlock(); return v.count >= from+n })
}
