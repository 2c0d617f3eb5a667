package machine

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestWaitIsReadFromSchedstat(t *testing.T) {
	for text, want := range map[string]time.Duration{"123 456 7\n": 456, "1 0 0": 0} {
		if got, ok := parseWait(text); !ok || got != want {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "12", "a b c", "1 -5 2"} {
		if _, ok := parseWait(text); ok {
			t.Errorf("%q was read", text)
		}
	}
}

func TestWaitingIsAPartOfTheTime(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); runtime.GOOS != "linux" || err != nil {
		t.Skip("this machine does not tell how long threads wait")
	}
	var w Waiting
	if got := w.Since(time.Now()); got != 0 {
		t.Errorf("the first call says %v", got)
	}
	spin := time.Now()
	for time.Since(spin) < 50*time.Millisecond {
	}
	if got := w.Since(time.Now()); got < 0 || got > 1 {
		t.Errorf("waited for %v of the time", got)
	}
}

func FuzzSchedstat(f *testing.F) {
	f.Add("1 2 3")
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := parseWait(text); ok && d < 0 {
			t.Errorf("%q: %v", text, d)
		}
	})
}
