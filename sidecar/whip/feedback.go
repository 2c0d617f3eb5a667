package whip

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// keyFrameEvery: a key frame costs as much as ten other pictures, and a crowd that joins asks
// many times.
const keyFrameEvery = 300 * time.Millisecond

// listen reads what the stage reports about each track until the connection is closed.
func (p *Publisher) listen(s *session) {
	go p.readRTCP(s.video.sender)
	if s.audio != nil {
		go p.readRTCP(s.audio.sender)
	}
}

func (p *Publisher) readRTCP(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch r := packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.note(func(st *Stats) { st.KeyRequests++ })
				p.keyFrame.ask()
			case *rtcp.ReceiverReport:
				if sender.Track() != nil && sender.Track().Kind() == webrtc.RTPCodecTypeVideo {
					p.reported(r.Reports, time.Now())
				}
			}
		}
	}
}

// reported takes round trip and loss from a receiver report (RFC 3550 section 6.4.1).
func (p *Publisher) reported(reports []rtcp.ReceptionReport, now time.Time) {
	if len(reports) == 0 {
		return
	}
	r := reports[0]
	p.note(func(st *Stats) {
		st.LossPercent = float64(r.FractionLost) * 100 / 256
		if r.LastSenderReport != 0 {
			// All three are in units of 1/65536 s, modulo 2^32.
			if rtt := int32(ntpMiddle(now) - r.LastSenderReport - r.Delay); rtt >= 0 {
				st.RTT = float64(rtt) * 1000 / 65536
			}
		}
	})
}

// ntpMiddle is the middle 32 bits of an NTP time stamp.
func ntpMiddle(t time.Time) uint32 {
	const ntpToUnix = 2208988800 // seconds from 1900 to 1970
	seconds := uint64(t.Unix()) + ntpToUnix
	fraction := uint64(t.Nanosecond()) << 16 / 1_000_000_000
	return uint32(seconds<<16 | fraction)
}

// throttle calls do at most once in every: at once when it can, and once more at the end of
// the pause when it was asked meanwhile, so that no request goes unheard.
type throttle struct {
	every time.Duration
	do    func()

	mu      sync.Mutex  // protects the rest
	pause   *time.Timer // runs after a call; nil before the first
	waiting bool
	paused  bool
	stopped bool
}

func (t *throttle) ask() {
	t.mu.Lock()
	if t.stopped {
		t.mu.Unlock()
		return
	}
	if t.paused {
		t.waiting = true
		t.mu.Unlock()
		return
	}
	t.paused = true
	t.pause = time.AfterFunc(t.every, t.over)
	t.mu.Unlock()
	t.do()
}

// over ends a pause.
func (t *throttle) over() {
	t.mu.Lock()
	again := t.waiting && !t.stopped
	t.waiting, t.paused = false, false
	t.mu.Unlock()
	if again {
		t.ask()
	}
}

func (t *throttle) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.pause != nil {
		t.pause.Stop()
	}
}
