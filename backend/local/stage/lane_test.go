package stage

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// slowWriter keeps the sequence numbers that an output writes, and can hold its lane up.
type slowWriter struct {
	mu      sync.Mutex
	numbers []uint16
	entered chan struct{} // one for every write
	goOn    chan struct{} // closed: writes do not wait
}

func (w *slowWriter) WriteRTP(header *rtp.Header, payload []byte) (int, error) {
	w.entered <- struct{}{}
	<-w.goOn
	w.mu.Lock()
	defer w.mu.Unlock()
	w.numbers = append(w.numbers, header.SequenceNumber)
	return len(payload), nil
}
func (w *slowWriter) Write(b []byte) (int, error) { return len(b), nil }

func (w *slowWriter) written() []uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.numbers)
}

func newSlowWriter() *slowWriter {
	return &slowWriter{entered: make(chan struct{}, 1000), goOn: make(chan struct{})}
}

func testLane(t *testing.T) *lane {
	t.Helper()
	l, err := newLane("", slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// frame is a burst of one packet.
func frame(sequence uint16, keyFrame bool) burst {
	return burst{packets: []*packet{{sequence: sequence, marker: true, payload: []byte{1}}}, keyFrame: keyFrame}
}

func outputOn(l *lane, s *stream, w webrtc.TrackLocalWriter) *output {
	o := newOutput(s, l, "game", "viewer", nil)
	o.writer = w
	return o
}

func TestALaneThatCannotKeepUpDropsToTheNextKeyFrame(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	w := newSlowWriter()
	outputOn(l, s, w).start()
	s.deliver(frame(1, true))
	<-w.entered // the lane is held up from here
	for n := uint16(2); n < 2+2*maxQueued; n++ {
		s.deliver(frame(n, false))
	}
	kept := maxQueued - 1 // the one that is being sent counts
	close(w.goOn)
	for range kept {
		<-w.entered
	}
	s.deliver(frame(200, false)) // room again, but no key frame yet
	s.deliver(frame(201, true))
	s.deliver(frame(202, false))
	<-w.entered
	<-w.entered
	var want []uint16
	for n := range uint16(kept + 1) {
		want = append(want, n+1)
	}
	want = append(want, 201)
	if got := w.written(); !slices.Equal(got[:len(want)], want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped != uint64(2*maxQueued-kept+1) {
		t.Errorf("%d frames counted as dropped", l.dropped)
	}
}

func TestOneLaneDoesNotWaitForAnother(t *testing.T) {
	slow, quick := testLane(t), testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{slow, quick})
	held, free := newSlowWriter(), newSlowWriter()
	close(free.goOn)
	outputOn(slow, s, held).start()
	outputOn(quick, s, free).start()
	for n := range uint16(20) {
		s.deliver(frame(n, n == 0))
	}
	for range 20 {
		<-free.entered
	}
	close(held.goOn)
	for range 20 {
		<-held.entered
	}
}

func TestWhoComesIsSentTheNewestKeyFrameAndWhatFollowsIt(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	s.deliver(frame(1, true))
	s.deliver(frame(2, false))
	s.deliver(frame(3, true))
	s.deliver(frame(4, false))
	w := newSlowWriter()
	close(w.goOn)
	o := outputOn(l, s, w)
	o.start()
	o.start() // a connection may say twice that it is connected
	s.deliver(frame(5, false))
	for range 3 {
		<-w.entered
	}
	if err := o.Unbind(nil); err != nil {
		t.Fatal(err)
	}
	s.deliver(frame(6, false))
	after := newSlowWriter()
	close(after.goOn)
	outputOn(l, s, after).start() // the proof that the lane has come past frame 6
	for range 4 {
		<-after.entered
	}
	if got := w.written(); !slices.Equal(got, []uint16{3, 4, 5}) {
		t.Errorf("sent %v, want what follows the newest key frame, once, until it left", got)
	}
}

func TestWhatIsKeptForNewcomersIsBounded(t *testing.T) {
	var g group
	g.add(frame(0, false))
	if len(g.bursts) != 0 {
		t.Error("kept what no decoder can begin with")
	}
	g.add(frame(1, true))
	for n := range maxKept - 1 {
		g.add(frame(uint16(n), false)) //nolint:gosec // small
	}
	if g.packets != maxKept || len(g.bursts) != maxKept {
		t.Errorf("kept %d packets in %d bursts", g.packets, len(g.bursts))
	}
	g.add(frame(9, false))
	if len(g.bursts) != 0 {
		t.Errorf("kept %d bursts of a group too long to send", len(g.bursts))
	}
	g.add(frame(10, false))
	g.add(frame(11, true))
	if len(g.bursts) != 1 {
		t.Error("the next key frame is not kept")
	}
}

func TestNewSubscribersFillOneLaneBeforeTheNext(t *testing.T) {
	l := lanes{{}, {}}
	for range 2*laneFill + 10 {
		l.pick().members.Add(1)
	}
	if a, b := l[0].members.Load(), l[1].members.Load(); a != laneFill+5 || b != laneFill+5 {
		t.Errorf("lanes have %d and %d", a, b)
	}
	l[0].members.Store(3)
	if l.pick() != l[0] {
		t.Error("a lane that emptied is not used again")
	}
}
