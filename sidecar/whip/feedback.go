package whip

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// keyFrameEvery: a key frame costs as much as ten other pictures, and a crowd that joins asks
// many times.
const keyFrameEvery = 300 * time.Millisecond

// listen reads what the stage reports about each track until the connection is closed.
func (p *Publisher) listen(s *session) {
	go p.readRTCP(s, s.video)
	if s.audio != nil {
		go p.readRTCP(s, s.audio)
	}
}

func (p *Publisher) readRTCP(s *session, t *track) {
	ssrc := t.ssrc()
	for {
		packets, _, err := t.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if t == s.video {
				p.aboutVideo(packet, ssrc, time.Now())
			}
			if _, ok := packet.(*rtcp.TransportLayerCC); ok {
				s.estimates.Store(true)
			}
		}
	}
}

// aboutVideo takes what a stage says about the stream ssrc. A compound packet may speak of others:
// of audio, or with a middle box in between of streams that are not ours.
func (p *Publisher) aboutVideo(packet rtcp.Packet, ssrc uint32, now time.Time) {
	switch r := packet.(type) {
	case *rtcp.PictureLossIndication:
		// Some servers leave the media source out; then it can only be the one picture.
		if r.MediaSSRC == ssrc || r.MediaSSRC == 0 {
			p.keyFrameWanted()
		}
	case *rtcp.FullIntraRequest:
		// The media source of the header is unused; entries name the streams (RFC 5104 section 4.3.1.2).
		for _, e := range r.FIR {
			if e.SSRC == ssrc {
				p.keyFrameWanted()
			}
		}
	case *rtcp.ReceiverReport:
		p.reported(r.Reports, ssrc, now)
	case *rtcp.SenderReport: // a stage that sends as well puts its reports here
		p.reported(r.Reports, ssrc, now)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		// Written so that NaN, and what no network carries, is none.
		if kbps := float64(r.Bitrate) / 1000; kbps >= 1 && kbps < 1e7 {
			p.mu.Lock()
			p.remb = int(kbps)
			p.mu.Unlock()
		}
	}
}

func (p *Publisher) keyFrameWanted() {
	p.note(func(st *Stats) { st.KeyRequests++ })
	p.keyFrame.ask()
}

// reported takes round trip and loss from the report about our stream (RFC 3550 section 6.4.1).
func (p *Publisher) reported(reports []rtcp.ReceptionReport, ssrc uint32, now time.Time) {
	for _, r := range reports {
		if r.SSRC != ssrc {
			continue
		}
		var octets uint32
		if s := p.cur.Load(); s != nil {
			octets = s.video.octets.Load()
		}
		p.note(func(st *Stats) {
			st.LossPercent = float64(r.FractionLost) * 100 / 256
			st.DeliveredKbps = p.delivery.until(now, octets, r.FractionLost)
			if r.LastSenderReport != 0 {
				// All three are in units of 1/65536 s, modulo 2^32.
				if rtt := int32(ntpMiddle(now) - r.LastSenderReport - r.Delay); rtt >= 0 {
					st.RTT = float64(rtt) * 1000 / 65536
				}
			}
		})
	}
}

// delivery measures what arrives between two reports.
type delivery struct {
	at     time.Time // of the last report; zero: none
	octets uint32    // sent until then
	kbps   float64   // the last measurement
}

// until takes a report that says which part, in 1/256, of what was sent since the one before is lost;
// octets counts what was sent in all. It returns kbit/s, 0 while that is not known.
func (d *delivery) until(now time.Time, octets uint32, lost uint8) int {
	passed, sent := now.Sub(d.at), octets-d.octets
	known := !d.at.IsZero() && octets >= d.octets
	if known && passed < deliveryLeast {
		return int(d.kbps)
	}
	d.at, d.octets, d.kbps = now, octets, 0
	if known && passed < deliveryMost {
		d.kbps = float64(sent) * 8 / 1000 / passed.Seconds() * float64(256-int(lost)) / 256
	}
	return int(d.kbps)
}

// Reports come about once a second, from some servers at RFC 3550's own interval, which is 5 s times 0.5 to
// 1.5 (sections 6.2 and 6.3.1). Those that are close together measure little, and those that are farther
// apart speak of the past.
const deliveryLeast, deliveryMost = 200 * time.Millisecond, 10 * time.Second

// ntpMiddle is the middle 32 bits of an NTP time stamp.
func ntpMiddle(t time.Time) uint32 {
	return uint32(ntpTime(t) >> 16)
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
