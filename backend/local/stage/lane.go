package stage

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"hotseat/backend/local/udpbatch"
)

const (
	// laneFill is how many subscribers the first lanes take before the next is used: a frame is with all of them in
	// half the time to the next. A second lane wakes a second goroutine for every frame, and 300 subscribers on two
	// lanes cost a tenth more than on one and get their frames no sooner.
	laneFill = 400
	// maxQueued bounds the frames that wait for a lane: a quarter of a second of one video and its sound.
	// A machine that is so far behind does not catch up by sending what is late.
	maxQueued = 24
	// warnInterval keeps the log readable on a machine that is too slow.
	warnInterval = 10 * time.Second
	// A lane that has dropped frames for behindTime, with no breathGap between, takes nobody else.
	behindTime = 3 * time.Second
	breathGap  = time.Second
)

// lane is a socket, and the goroutine that sends on it the streams of the subscribers that came by it. One
// lane keeps one processor busy; several have nothing in common but the packets, which nobody changes.
type lane struct {
	conn        *udpbatch.Conn
	mux         ice.UDPMux
	subscribers *webrtc.API
	members     atomic.Int64 // subscriber connections
	log         *slog.Logger
	stopped     chan struct{}

	mu      sync.Mutex // guards what follows
	queue   []job
	frames  int // bursts in queue
	dropped uint64
	warned  time.Time
	since   time.Time // of this row of drops
	newest  time.Time // drop
	wake    *sync.Cond
	turn    bool // what waits for its turn may go on
	closed  bool

	waiting []*output   // for their turn; of the lane's goroutine alone, as is next
	next    *time.Timer // calls it
}

// job is work for a lane: a burst or a report for a stream's subscribers, or one that comes or goes.
type job struct {
	to     *branch
	burst  burst
	report *clockPair
	join   *output
	start  []burst // what join is sent at once
	leave  *output
	try    *output // comes from another layer with the next key frame
}

// clockPair says which moment of the publisher's clock an RTP time stands for.
type clockPair struct {
	ntp uint64
	rtp uint32
}

// branch is a stream on a lane.
type branch struct {
	stream   *stream
	lane     *lane
	outputs  []*output // this and the next three are of the lane's goroutine alone
	comers   []*output // that are to come with the next key frame
	passed   int       // key frames that they were not let come with
	newest   *packet   // that was given to the outputs
	size     int       // outputs and comers, or a few more; guarded by stream.order
	skipping bool      // until the next key frame; guarded by lane.mu
}

func newLane(address string, log *slog.Logger) (*lane, error) {
	conn, err := listen(address, log)
	if err != nil {
		return nil, err
	}
	l := &lane{conn: conn, log: log, stopped: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	l.next = time.AfterFunc(time.Hour, l.call)
	l.next.Stop()
	l.mux = webrtc.NewICEUDPMux(pionLogs{log}.NewLogger("ice"), conn)
	go l.run()
	return l, nil
}

// put queues a job. A burst that finds maxQueued before it is dropped, and so is everything of its stream
// until a key frame: put then reports false.
func (l *lane) put(j job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	if len(j.burst.packets) > 0 {
		switch {
		case l.frames >= maxQueued:
			if now := time.Now(); now.Sub(l.warned) > warnInterval {
				l.warned = now
				l.log.Warn("the machine is too slow for its subscribers: frames are dropped until the next key frame",
					"kind", j.to.stream.kind.String(), "subscribers", j.to.size)
			}
			j.to.skipping = j.to.stream.kind == webrtc.RTPCodecTypeVideo
			l.dropped++
			l.drop(time.Now())
			return false
		case j.to.skipping && !j.burst.keyFrame:
			l.dropped++
			return false
		}
		j.to.skipping = false
		l.frames++
	}
	l.queue = append(l.queue, j)
	l.wake.Signal()
	return true
}

// drop notes that the queue was full. mu is held.
func (l *lane) drop(now time.Time) {
	if now.Sub(l.newest) > breathGap {
		l.since = now
	}
	l.newest = now
}

// behind reports whether the lane has not kept up for so long that another subscriber would be one too many.
func (l *lane) behind(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Sub(l.newest) <= breathGap && l.newest.Sub(l.since) >= behindTime
}

// call begins the next turn.
func (l *lane) call() {
	l.mu.Lock()
	l.turn = true
	l.wake.Signal()
	l.mu.Unlock()
}

// await has an output go on at the next turn. It is called by the lane's goroutine.
func (l *lane) await(o *output) {
	if !o.queued {
		o.queued = true
		l.waiting = append(l.waiting, o)
	}
}

// run does what is queued, all of it in one batch.
func (l *lane) run() {
	defer close(l.stopped)
	defer l.next.Stop()
	var jobs []job
	called := false // next is running
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.turn && !l.closed {
			l.wake.Wait()
		}
		if l.closed {
			l.mu.Unlock()
			return
		}
		jobs, l.queue = l.queue, jobs[:0]
		called = called && !l.turn
		l.turn = false
		l.mu.Unlock()
		done := 0
		l.conn.Batch(func() {
			now := time.Now()
			l.resume(now)
			for _, j := range jobs {
				j.do(now)
				if len(j.burst.packets) > 0 {
					done++
				}
			}
		})
		clear(jobs) // holds no packets back
		if len(l.waiting) > 0 && !called {
			called = true
			l.next.Reset(turnTime)
		}
		l.mu.Lock()
		l.frames -= done // on their way, not before: what waits is late by what is being sent
		l.mu.Unlock()
	}
}

// resume lets those go on that wait for their turn.
func (l *lane) resume(now time.Time) {
	still := l.waiting[:0]
	for _, o := range l.waiting {
		if !o.resume(now) {
			o.wish()
		}
		if o.queued = !o.backlog.empty(); o.queued {
			still = append(still, o)
		}
	}
	clear(l.waiting[len(still):])
	l.waiting = still
}

func (j *job) do(now time.Time) {
	b := j.to
	switch {
	case j.join != nil:
		b.take(j.join)
		for _, early := range j.start {
			j.join.send(early, now)
			b.note(early)
		}
	case j.report != nil:
		for _, o := range b.outputs {
			o.report(j.report.ntp, j.report.rtp)
		}
	case j.leave != nil:
		j.leave.backlog.clear()
		j.leave.unplace()
	case j.try != nil:
		b.try(j.try)
	default:
		if j.burst.keyFrame && len(b.comers) > 0 && !b.headless(j.burst) {
			b.admit(j.burst)
		}
		// All packets of a turn to one, then the next: a receiver is woken once, and the packets leave as one datagram.
		for _, o := range b.outputs {
			if !o.send(j.burst, now) {
				o.wish()
			}
		}
		b.note(j.burst)
	}
}

// close frees the socket and waits for the goroutine.
func (l *lane) close() error {
	l.mu.Lock()
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	<-l.stopped
	if err := l.mux.Close(); err != nil {
		return fmt.Errorf("closing a media socket: %w", err)
	}
	return nil
}

// lanes are all lanes of a server. The slice never changes.
type lanes []*lane

// pick chooses the lane of a new subscriber: the first that is not full, else the emptiest.
func (l lanes) pick() *lane {
	least := l[0]
	for _, candidate := range l {
		n := candidate.members.Load()
		if n < laneFill {
			return candidate
		}
		if n < least.members.Load() {
			least = candidate
		}
	}
	return least
}

func (l lanes) close() error {
	var errs []error
	for _, lane := range l {
		errs = append(errs, lane.close())
	}
	return errors.Join(errs...)
}
