package stage

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// large is a burst of many packets.
func large(from uint16, packets int, keyFrame bool) burst {
	b := burst{keyFrame: keyFrame}
	for n := range packets {
		b.packets = append(b.packets, &packet{sequence: from + uint16(n), payload: []byte{1}}) //nolint:gosec // small
	}
	return b
}

func sequences(from uint16, count int) []uint16 {
	var all []uint16
	for n := range count {
		all = append(all, from+uint16(n)) //nolint:gosec // small
	}
	return all
}

// record is what several outputs wrote, in order.
type record struct {
	mu      sync.Mutex
	who     []string
	numbers []uint16
	room    int // packets until the way is full; -1: no end
	all     chan struct{}
	want    int
}

type recorder struct {
	*record
	name string
}

func (r recorder) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == 0 {
		return 0, nil
	}
	r.room--
	r.who, r.numbers = append(r.who, r.name), append(r.numbers, header.SequenceNumber)
	if len(r.numbers) == r.want {
		close(r.all)
	}
	return len(payload), nil
}
func (r recorder) Write(b []byte) (int, error) { return len(b), nil }

func newRecord(want int) *record { return &record{room: -1, all: make(chan struct{}), want: want} }

func TestALargeKeyFrameLeavesInTurnsAndWhatFollowsWaits(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	sent := newRecord(0)
	o := outputOn(l, s, recorder{sent, "viewer"})
	now := time.Unix(1_800_000_000, 0)
	if !o.send(large(0, 70, true), now) || !o.send(large(70, 2, false), now) {
		t.Fatal("a viewer that takes everything was dropped")
	}
	for turn, want := range []int{turnPackets, 2 * turnPackets, 72, 72} {
		if got := sent.numbers; !slices.Equal(got, sequences(0, want)) {
			t.Fatalf("after %d turns %v was sent", turn+1, got)
		}
		o.resume(now.Add(turnTime / 2))
		if len(sent.numbers) != want {
			t.Fatal("a turn came too soon")
		}
		now = now.Add(turnTime)
		o.resume(now)
	}
	if o.send(large(72, turnPackets, false), now.Add(turnTime)); len(sent.numbers) != 72+turnPackets {
		t.Error("a frame that fits a turn was delayed")
	}
	if got := o.stats(now); got.Frames != 3 || got.Waiting {
		t.Errorf("counted %+v", got)
	}
}

func TestEverybodyHasATurnBeforeAnybodysSecond(t *testing.T) {
	const packets = 3 * turnPackets
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	sent := newRecord(2 * packets)
	for _, name := range []string{"a", "b"} {
		outputOn(l, s, recorder{sent, name}).start()
	}
	s.deliver(large(0, packets, true))
	<-sent.all
	for n, who := range sent.who {
		if want := []string{"a", "b"}[n/turnPackets%2]; who != want {
			t.Fatalf("packet %d went to %s, want turns of %d", n, who, turnPackets)
		}
	}
}

func TestWhoComesGetsWhatIsKeptInTurnsToo(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	s.deliver(large(0, 50, true))
	s.deliver(large(50, 50, false))
	sent := newRecord(102)
	outputOn(l, s, recorder{sent, "viewer"}).start()
	s.deliver(large(100, 2, false))
	<-sent.all
	if !slices.Equal(sent.numbers, sequences(0, 102)) {
		t.Errorf("sent %v", sent.numbers)
	}
}

func TestAWayThatIsFullInALaterTurnIsShownAgainFromAKeyFrame(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	sent := newRecord(0)
	sent.room = turnPackets + 5
	o := outputOn(l, s, recorder{sent, "viewer"})
	now := time.Unix(1_800_000_000, 0)
	o.send(large(0, 100, true), now)
	if o.resume(now.Add(turnTime)) || !o.waiting.Load() {
		t.Fatal("half a frame was taken for a whole one")
	}
	sent.room = -1
	if o.resume(now.Add(2 * turnTime)); len(sent.numbers) != turnPackets+5 {
		t.Error("the rest of a frame was sent that no decoder can use")
	}
	if !o.send(large(200, 2, true), now.Add(3*turnTime)) || o.waiting.Load() {
		t.Error("the next key frame was not sent")
	}
}

func TestWhoLeavesIsSentNothingMore(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	sent := newRecord(0)
	o := outputOn(l, s, recorder{sent, "viewer"})
	now := time.Unix(1_800_000_000, 0)
	o.send(large(0, 100, true), now)
	o.cut.Store(true)
	o.resume(now.Add(turnTime))
	if len(sent.numbers) != turnPackets || !o.backlog.empty() {
		t.Errorf("%d packets were sent, %d wait", len(sent.numbers), o.backlog.packets)
	}
}

func TestWhatWaitsForItsTurnIsBounded(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	sent := newRecord(0)
	o := outputOn(l, s, recorder{sent, "viewer"})
	now := time.Unix(1_800_000_000, 0)
	for n := range maxBacklog/100 + 2 {
		o.send(large(uint16(100*n), 100, n == 0), now) //nolint:gosec // wraps, as sequence numbers do
	}
	if o.backlog.packets != 0 || !o.waiting.Load() {
		t.Errorf("%d packets wait", o.backlog.packets)
	}
}
