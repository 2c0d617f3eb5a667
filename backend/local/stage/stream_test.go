package stage

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// feeder drives take as a publisher connection would.
type feeder struct {
	s   *stream
	src *source
	now time.Time
}

func newFeeder(s *stream) *feeder {
	f := &feeder{s: s, src: &source{ask: func() {}}, now: time.Unix(1_800_000_000, 0)}
	s.attach(f.src)
	return f
}

// give returns the sequence numbers that became ready, burst by burst.
func (f *feeder) give(sequence uint16, timestamp uint32, marker, keyFrame bool) [][]uint16 {
	in := &rtp.Packet{Header: rtp.Header{SequenceNumber: sequence, Timestamp: timestamp, Marker: marker}, Payload: []byte{1}}
	before, after := f.s.take(f.src, in, keyFrame, f.now)
	var out [][]uint16
	for _, b := range []burst{before, after} {
		var numbers []uint16
		for _, p := range b.packets {
			numbers = append(numbers, p.sequence)
		}
		if numbers != nil {
			out = append(out, numbers)
		}
	}
	return out
}

func equal(t *testing.T, what string, got [][]uint16, want ...[]uint16) {
	t.Helper()
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestAFrameIsSentWhenItIsComplete(t *testing.T) {
	f := newFeeder(newStream(webrtc.RTPCodecTypeVideo, nil))
	equal(t, "before a key frame", f.give(9, 50, true, false))
	equal(t, "half a frame", f.give(10, 100, false, true))
	equal(t, "a whole frame", f.give(11, 100, true, false), []uint16{10, 11})
	equal(t, "a packet seen before", f.give(11, 100, true, false))
	equal(t, "a frame whose end is lost", f.give(12, 200, false, false))
	equal(t, "is sent when the next begins", f.give(14, 300, false, false), []uint16{12})
	equal(t, "and its end goes out at once when repaired", f.give(13, 200, true, false), []uint16{13})
	equal(t, "while the next goes on", f.give(15, 300, true, false), []uint16{14, 15})
	equal(t, "a packet older than the stream", f.give(8, 40, true, false))
}

func TestSequenceNumbersMayWrap(t *testing.T) {
	f := newFeeder(newStream(webrtc.RTPCodecTypeVideo, nil))
	equal(t, "first", f.give(65534, 0xffffff00, true, true), []uint16{65534})
	equal(t, "wrapped", f.give(0, 0x100, true, false), []uint16{0})
	equal(t, "late across the wrap", f.give(65535, 0xffffffff, true, false), []uint16{65535})
}

func TestANewSourceContinuesTheStream(t *testing.T) {
	s := newStream(webrtc.RTPCodecTypeVideo, nil)
	one := newFeeder(s)
	equal(t, "one", one.give(1000, 90_000, true, true), []uint16{1000})

	two := newFeeder(s)
	two.now = one.now.Add(2 * time.Second)
	equal(t, "the old source is not heard", one.give(1001, 93_000, true, false))
	equal(t, "two waits for a key frame", two.give(7, 5, true, false))
	equal(t, "two", two.give(8, 10, true, true), []uint16{1001})
	equal(t, "two goes on", two.give(9, 3010, true, false), []uint16{1002})
	equal(t, "nothing from before the key frame", two.give(6, 1, true, false))
	if got, want := s.last.timestamp, uint32(90_000+2*90_000+3000); got != want {
		t.Errorf("timestamp %d, want %d: as much later as time has passed", got, want)
	}
}

func TestAudioIsNeverHeldBack(t *testing.T) {
	f := newFeeder(newStream(webrtc.RTPCodecTypeAudio, nil))
	for i := range uint16(5) {
		equal(t, "audio", f.give(i, uint32(i)*960, false, false), []uint16{i})
	}
}

func TestOnlyTheNewestPacketsCanBeSentAgain(t *testing.T) {
	var r ring
	for i := range 3 * ringSize {
		r.put(&packet{sequence: uint16(i)}) //nolint:gosec // small
	}
	if r.get(3*ringSize-1) == nil || r.get(2*ringSize) == nil {
		t.Error("a packet of the newest is missing")
	}
	if r.get(2*ringSize-1) != nil || r.get(3*ringSize) != nil {
		t.Error("found a packet that is gone or never came")
	}
}

func TestKeyFrameWishesAreServedOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Duration
		start := time.Now()
		g := &keyFrameGate{send: func() { sent = append(sent, time.Since(start)) }}
		for range 1000 { // a thousand viewers within a second
			g.ask()
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, 500 * time.Millisecond, time.Second}; !slices.Equal(sent, want) {
			t.Errorf("requests at %v, want %v", sent, want)
		}

		g.ask()
		synctest.Wait()
		g.ask() // within the interval: would be served at its end,
		g.served()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(sent) != 4 {
			t.Errorf("%d requests: a wish that a key frame has already served was served again", len(sent))
		}
	})
}
