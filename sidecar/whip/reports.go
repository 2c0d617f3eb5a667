package whip

import (
	"context"
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is how often the stage hears which instant a time stamp means. It is also what round trips
// are measured by.
const reportEvery = time.Second

// reportFirst: a viewer who comes with the broadcast puts sound and picture together by the first one.
const reportFirst = 200 * time.Millisecond

// Sender reports say which time stamps of sound and picture are of one instant (RFC 3550 section 6.4.1).
// pion's interceptor pairs a stamp with the time at which its packet was sent. That is later than
// the instant by what the encoder took, which differs between sound and picture, and on a machine
// that is short of processors by whatever this packet was held up: reports were seen to move the sound
// by 0.3 s. Here both streams' stamps are computed from the one running time that both are made of.

// tie remembers when running time zero was, by the first sample of either stream: an error of it is the
// same for both.
func (p *Publisher) tie(at time.Duration) {
	if p.zero.Load() == nil {
		zero := time.Now().Add(-at)
		p.zero.CompareAndSwap(nil, &zero)
	}
}

// report tells the stage about both clocks until ctx is done.
func (p *Publisher) report(ctx context.Context, s *session) {
	timer := time.NewTimer(reportFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(reportEvery)
		zero := p.zero.Load()
		if zero == nil {
			continue
		}
		for _, t := range []*track{s.video, s.audio} {
			if t != nil && t.packets.Load() > 0 {
				_ = s.pc.WriteRTCP([]rtcp.Packet{t.senderReport(time.Now(), *zero)}) // the next one tells, too
			}
		}
	}
}

// senderReport says what the track's clock shows now.
func (t *track) senderReport(now, zero time.Time) *rtcp.SenderReport {
	return &rtcp.SenderReport{
		SSRC: t.ssrc(), NTPTime: ntpTime(now), RTPTime: t.first + rtpTime(now.Sub(zero), t.clockRate),
		PacketCount: t.packets.Load(), OctetCount: t.octets.Load(),
	}
}

// ntpTime is seconds since 1900 and their fraction, 32 bits each (RFC 5905 section 6).
func ntpTime(t time.Time) uint64 {
	const toUnix = 2208988800 // 1900 to 1970
	return uint64(t.Unix()+toUnix)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}
