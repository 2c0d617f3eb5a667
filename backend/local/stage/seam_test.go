package stage

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// keptWriter keeps what an output writes.
type keptWriter struct {
	mu   sync.Mutex
	sent []rtp.Packet
}

func (w *keptWriter) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, rtp.Packet{Header: header.Clone(), Payload: slices.Clone(payload)})
	return max(1, len(payload)), nil
}
func (w *keptWriter) Write(b []byte) (int, error) { return len(b), nil }

// take returns what was written since it was called before.
func (w *keptWriter) take() []rtp.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sent
	w.sent = nil
	return out
}

// seamed is an output on the first of two layers, without goroutines: jobs are done as they are queued.
type seamed struct {
	*output
	now          time.Time
	w            *keptWriter
	small, large *feeder
	lane         *lane
}

// newSeamed begins both layers with a key frame: small with 1000, large with 65530.
func newSeamed(t *testing.T) *seamed {
	l := &lane{}
	l.wake = sync.NewCond(&l.mu)
	s := &seamed{w: &keptWriter{}, lane: l}
	s.small, s.large = newFeeder(newStream(webrtc.RTPCodecTypeVideo, lanes{l})), newFeeder(newStream(webrtc.RTPCodecTypeVideo, lanes{l}))
	for _, f := range []*feeder{s.small, s.large} {
		t.Cleanup(f.s.idle)
	}
	s.output = outputOn(l, s.small.s, s.w)
	s.output.start()
	s.feed(s.small, 1000, 90_000, true)
	s.feed(s.large, 65530, 700_000, true)
	if got := s.w.take(); len(got) != 1 || got[0].SequenceNumber != 1000 {
		t.Fatalf("sent %v", got)
	}
	return s
}

// run does what is queued, a turn after what was queued before.
func (s *seamed) run() {
	s.now = s.now.Add(turnTime)
	for len(s.lane.queue) > 0 {
		j := s.lane.queue[0]
		s.lane.queue = s.lane.queue[1:]
		j.do(s.now)
	}
	s.lane.frames = 0
}

// feed gives a layer a frame of one packet.
func (s *seamed) feed(f *feeder, sequence uint16, timestamp uint32, keyFrame bool) {
	in := &rtp.Packet{Header: rtp.Header{SequenceNumber: sequence, Timestamp: timestamp, Marker: true}, Payload: []byte{byte(sequence)}}
	f.s.accept(f.src, in, keyFrame, f.now)
	s.run()
}

func (s *seamed) moveTo(f *feeder) { f.s.try(s.output); s.run() }

// pass lets time pass for both.
func (s *seamed) pass(d time.Duration) {
	s.small.now, s.large.now = s.small.now.Add(d), s.large.now.Add(d)
}

func numbers(packets []rtp.Packet) (out []uint16) {
	for _, p := range packets {
		out = append(out, p.SequenceNumber)
	}
	return out
}

const frameTime = time.Second / 30

func TestAViewerThatIsMovedWhileAKeyFrameWaitsForItsTurnSeesOneStream(t *testing.T) {
	s := newSeamed(t)
	for n := range uint16(2*turnPackets + 6) { // one key frame of the small layer, of more than two turns
		in := &rtp.Packet{Header: rtp.Header{SequenceNumber: 1001 + n, Timestamp: 93_000, Marker: n == 2*turnPackets+5}, Payload: []byte{1}}
		s.small.s.accept(s.small.src, in, n == 0, s.small.now)
	}
	s.run()
	if got := numbers(s.w.take()); !slices.Equal(got, sequences(1001, turnPackets)) {
		t.Fatalf("the first turn: %v", got)
	}
	s.large.s.try(s.output)
	s.pass(frameTime)
	in := &rtp.Packet{Header: rtp.Header{SequenceNumber: 65531, Timestamp: 703_000, Marker: true}, Payload: []byte{2}}
	s.large.s.accept(s.large.src, in, true, s.large.now)
	s.run()
	if s.output.backlog.empty() || s.output.current() != s.large.s {
		t.Fatal("the viewer was not moved, or nothing waits")
	}
	for range 4 {
		s.now = s.now.Add(turnTime)
		s.output.resume(s.now)
	}
	got := s.w.take()
	if want := sequences(1001+turnPackets, turnPackets+7); !slices.Equal(numbers(got), want) {
		t.Fatalf("sequence numbers %v, want %v", numbers(got), want)
	}
	if last := got[len(got)-1]; last.Payload[0] != 2 || last.Timestamp-got[0].Timestamp > 2*3000 {
		t.Errorf("the stream does not end with the other layer's key frame: %v at %d after %d", last.Payload, last.Timestamp, got[0].Timestamp)
	}
}

func TestAViewerThatIsMovedSeesOneStream(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.pass(frameTime)
	s.feed(s.large, 65531, 703_000, false)
	s.feed(s.small, 1001, 93_000, false)
	if got := numbers(s.w.take()); !slices.Equal(got, []uint16{1001}) {
		t.Fatalf("before the key frame: %v", got)
	}
	s.pass(frameTime)
	s.feed(s.small, 1002, 96_000, false)
	s.feed(s.large, 65532, 706_000, true)
	for n := range uint16(6) { // beyond the wrap
		s.pass(frameTime)
		s.feed(s.small, 1003+n, 99_000+3000*uint32(n), false)
		s.feed(s.large, 65533+n, 709_000+3000*uint32(n), false)
	}
	got := s.w.take()
	if want := []uint16{1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009}; !slices.Equal(numbers(got), want) {
		t.Fatalf("sequence numbers %v, want %v", numbers(got), want)
	}
	if got[1].Payload[0] != byte(65532&0xff) {
		t.Error("the seam is not at the key frame of the other layer")
	}
	for i := range got[1:] {
		if d := got[i+1].Timestamp - got[i].Timestamp; d < 1 || d > 2*3000 || i > 0 && d != 3000 {
			t.Errorf("timestamp %d follows %d", got[i+1].Timestamp, got[i].Timestamp)
		}
	}

	s.moveTo(s.small)
	s.pass(frameTime)
	s.feed(s.small, 1009, 117_000, true)
	back := s.w.take()
	if !slices.Equal(numbers(back), []uint16{1010}) || int32(back[0].Timestamp-got[7].Timestamp) <= 0 {
		t.Errorf("back: %v at %d after %d", numbers(back), back[0].Timestamp, got[7].Timestamp)
	}
}

func TestALateRepairBeforeTheSeamIsNotSentAsSomethingElse(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.feed(s.large, 65532, 706_000, true) // 65531 is missing still
	s.w.take()
	s.feed(s.large, 65531, 703_000, false)
	if got := numbers(s.w.take()); len(got) != 0 {
		t.Errorf("sent %v", got)
	}
	s.feed(s.large, 65533, 709_000, false)
	if got := numbers(s.w.take()); !slices.Equal(got, []uint16{1002}) {
		t.Errorf("sent %v", got)
	}
}

func TestWhatIsMissingIsSentAgainOverTheSeam(t *testing.T) {
	s := newSeamed(t)
	s.feed(s.small, 1001, 93_000, false)
	s.moveTo(s.large)
	s.feed(s.large, 65532, 706_000, true)
	s.feed(s.large, 65533, 709_000, false)
	sent := s.w.take()
	s.resend(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1000, 1001, 1002, 1003, 1004, 999})})
	again := s.w.take()
	if !slices.Equal(numbers(again), []uint16{1000, 1001, 1002, 1003}) {
		t.Fatalf("sent again: %v", numbers(again))
	}
	for i, p := range again[1:] {
		if p.Timestamp != sent[i].Timestamp || p.Payload[0] != sent[i].Payload[0] {
			t.Errorf("packet %d was sent at %d with %v, and again at %d with %v", p.SequenceNumber, sent[i].Timestamp, sent[i].Payload, p.Timestamp, p.Payload)
		}
	}
}

func TestLayersAreAlignedByTheirSenderReports(t *testing.T) {
	s := newSeamed(t)
	const second = uint64(1) << 32
	for f, stamp := range map[*feeder]uint32{s.small: 90_000, s.large: 705_000} { // the same moment
		f.s.report(f.src, &rtcp.SenderReport{NTPTime: 100 * second, RTPTime: stamp}, f.now)
	}
	s.lane.queue = nil // the viewer's connection does not matter here
	s.pass(300 * time.Millisecond)
	s.feed(s.small, 1001, 90_000+27_000, false)
	s.moveTo(s.large)
	s.pass(300 * time.Millisecond) // the large layer's packets arrive later
	s.feed(s.large, 65531, 705_000+27_000+3000, true)
	got := s.w.take()
	if d := got[1].Timestamp - got[0].Timestamp; d != 3000 {
		t.Errorf("the next picture is %d ticks later, want 3000", d)
	}
	// What the report says of the large layer holds for what the viewer gets.
	if r := s.senderReport(100*second, 705_000); r.RTPTime != 90_000 || r.NTPTime != 100*second {
		t.Errorf("a report says that %d was %d s, want 90000", r.RTPTime, r.NTPTime/second)
	}
}

func TestWithoutReportsLayersAreAlignedByTheirArrival(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.pass(2 * time.Second) // in which the small layer was silent
	s.feed(s.large, 65531, 5_000_000, true)
	if got := s.w.take(); got[0].Timestamp != 90_000+2*90_000 {
		t.Errorf("at %d, want %d", got[0].Timestamp, 3*90_000)
	}
}

func TestOneWhoLeavesWhileItIsMovedIsGone(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	if err := s.Unbind(nil); err != nil {
		t.Fatal(err)
	}
	s.run()
	s.feed(s.large, 65531, 703_000, true)
	s.feed(s.small, 1001, 93_000, true)
	if got := s.w.take(); len(got) != 0 {
		t.Errorf("sent %v", numbers(got))
	}
	for _, f := range []*feeder{s.small, s.large} {
		if b := f.s.branches[0]; b.size != 0 || len(b.outputs)+len(b.comers) != 0 {
			t.Errorf("a branch still counts %d, has %d and expects %d", b.size, len(b.outputs), len(b.comers))
		}
	}
}

func TestOneThatHasBeenSentOnlyWhatIsKeptIsMovedWithoutAGap(t *testing.T) {
	s := newSeamed(t)
	s.feed(s.small, 1001, 93_000, false)
	w := &keptWriter{}
	late := outputOn(s.lane, s.large.s, w) // is sent 65530, which is kept
	late.start()
	s.run()
	s.small.s.try(late)
	s.run()
	s.feed(s.small, 1002, 96_000, true)
	if got := numbers(w.take()); !slices.Equal(got, []uint16{65530, 65531}) {
		t.Errorf("sent %v", got)
	}
}

func TestAMoveThatIsTakenBackChangesNothing(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.moveTo(s.small)
	s.feed(s.large, 65531, 703_000, true)
	s.feed(s.small, 1001, 93_000, true)
	if got := numbers(s.w.take()); !slices.Equal(got, []uint16{1001}) || s.small.s.branches[0].size != 1 || s.large.s.branches[0].size != 0 {
		t.Errorf("sent %v, counts %d and %d", got, s.small.s.branches[0].size, s.large.s.branches[0].size)
	}
}

func TestNumbersGoOnAfterTheyHaveWrappedSinceTheSeam(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.feed(s.large, 65531, 703_000, true)
	s.w.take()
	want, stamp := uint16(1002), uint32(706_000)
	for n := range 200_000 {
		s.feed(s.large, uint16(65532+n), stamp, false) //nolint:gosec // wraps
		got := s.w.take()
		if len(got) != 1 || got[0].SequenceNumber != want {
			t.Fatalf("after %d packets: %v, want %d", n, numbers(got), want)
		}
		want++
		stamp += 3000
	}
	if n := len(s.route.Load().seams); n > maxSeams {
		t.Errorf("%d seams are remembered", n)
	}
	s.resend(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{want - 1, want - 900})})
	if got := numbers(s.w.take()); !slices.Equal(got, []uint16{want - 1, want - 900}) {
		t.Errorf("sent again %v", got)
	}
}

func TestPaddingBehindAPictureHasNumbersOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeamed(t)
		s.ladder = newLadder(nil)
		s.ladder.many.Store(true)
		s.probe.Store(30 * 8 * 3 * paddingSize) // three packets a frame
		want := uint16(1001)
		var stamps []uint32
		for n := range uint16(20) {
			time.Sleep(frameTime)
			s.feed(s.small, 1001+n, 93_000+3000*uint32(n), false)
			for i, p := range s.w.take() {
				if p.SequenceNumber != want || i == 0 == p.Padding || i > 0 && (len(p.Payload) != paddingSize || p.Payload[paddingSize-1] != paddingSize || p.Marker) {
					t.Fatalf("packet %d of frame %d: %v", i, n, p.Header)
				}
				want++
				stamps = append(stamps, p.Timestamp)
			}
		}
		if n := want - 1001; n < 70 || n > 80 {
			t.Errorf("%d packets for 20 frames", n)
		}
		first := want - uint16(len(stamps)) //nolint:gosec // small
		var asked []uint16
		for n := first; n != want; n++ {
			asked = append(asked, n)
		}
		s.resend(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers(asked)})
		again := s.w.take()
		if !slices.Equal(numbers(again), asked) {
			t.Fatalf("sent again %v, want %v", numbers(again), asked)
		}
		for i, p := range again {
			if p.Timestamp != stamps[i] {
				t.Errorf("packet %d was at %d, and is at %d", p.SequenceNumber, stamps[i], p.Timestamp)
			}
		}
		s.probe.Store(0)
		s.feed(s.small, 1030, 200_000, false)
		if got := s.w.take(); len(got) != 1 || got[0].SequenceNumber != want+9 { // 1021 to 1029 never came
			t.Errorf("after the probe: %v, want %d", numbers(got), want+9)
		}
		s.small.s.idle()
		s.large.s.idle()
	})
}

// What SRTP protects under one number must be the same each time: two versions would share a nonce.
func TestAPacketIsSentAgainExactlyAsItLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeamed(t)
		s.output.timed.id = 5
		s.output.timed.of(s.output.header)
		plain := s.w.take()
		s.feed(s.small, 1001, 93_000, false) // without a time: there is one layer
		plain = append(plain, s.w.take()...)
		ladder := newLadder(lanes{s.lane})
		ladder.many.Store(true)
		s.output.ladder = ladder
		s.output.probe.Store(1_000_000) // some padding, too
		for n := range uint16(5) {
			time.Sleep(frameTime) // so each has another time in it
			s.pass(frameTime)
			s.feed(s.small, 1002+n, 96_000+3000*uint32(n), false)
		}
		sent := append(plain, s.w.take()...)
		var all []uint16
		padded := 0
		for _, p := range sent {
			all = append(all, p.SequenceNumber)
			if p.Padding {
				padded++
			}
		}
		if padded == 0 {
			t.Fatal("no padding was sent")
		}
		s.resend(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers(all)})
		again := map[uint16]string{}
		for _, p := range s.w.take() {
			again[p.SequenceNumber] = p.String() + fmt.Sprint(p.Header.GetExtension(5), p.Payload)
		}
		for _, p := range sent {
			if now, first := again[p.SequenceNumber], p.String()+fmt.Sprint(p.Header.GetExtension(5), p.Payload); p.SequenceNumber > 1000 && now != first {
				t.Errorf("packet %d left as\n%s\nand again as\n%s", p.SequenceNumber, first, now)
			}
		}
		for n := range uint16(ringSize) { // so much later that its time is forgotten
			s.output.stamp(2000 + n)
		}
		s.resend(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{sent[len(sent)-1].SequenceNumber})})
		if got := s.w.take(); len(got) != 0 {
			t.Errorf("sent again with another time: %v", got)
		}
		s.small.s.idle()
		s.large.s.idle()
	})
}

func TestAKeyFrameWithoutItsHeadIsNotBegunWith(t *testing.T) {
	s := newSeamed(t)
	s.moveTo(s.large)
	s.feed(s.large, 65531, 703_000, false)
	s.feed(s.large, 65533, 706_000, true) // 65532, its parameter sets, is late
	if s.output.current() == s.large.s {
		t.Fatal("moved to a key frame whose first packet is missing")
	}
	s.feed(s.large, 65534, 709_000, true)
	if s.output.current() != s.large.s {
		t.Error("not moved to a whole one")
	}
	s = newSeamed(t)
	s.moveTo(s.large)
	s.feed(s.large, 65531, 703_000, false)
	for n := range uint16(mostHeadless + 1) {
		s.feed(s.large, 65533+2*n, 706_000+3000*uint32(n), true)
	}
	if s.output.current() != s.large.s {
		t.Error("waits for ever on a bad way from the publisher")
	}
}
