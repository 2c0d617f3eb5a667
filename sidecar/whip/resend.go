package whip

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// A stage asks for every missing packet ten times a second until it comes. On a way that has become
// too narrow that is more than the way carries, so that what was lost keeps out what is new, and nothing
// mends itself before the bitrate is down to nothing.
const (
	// resendShare is how much is sent again, as a part of what is sent: enough for 30 % loss, where
	// each packet takes 1.4 tries.
	resendShare = 0.5
	// resendBurst bytes may be sent again at once: a key frame of 720p.
	resendBurst = 64 << 10
	// resendPause must pass between two answers for a packet: the one before may be under way. That is right
	// for round trips below about 100 ms, where a stage that asks again has not got it; on a longer way a
	// packet may be sent once more in vain, at resendShare's cost. The first request is always answered.
	resendPause = 80 * time.Millisecond
	// resendLate: nobody who watches live waits longer for a packet.
	resendLate = time.Second
	// resendMemory is the number of packets that pion's responder keeps.
	resendMemory = 1024
)

// resendLimit keeps repair from taking more of the network than it should. It is nearest to the wire,
// and passes on everything that is not sent again.
type resendLimit struct{ interceptor.NoOp }

// NewInterceptor makes it an interceptor.Factory.
func (*resendLimit) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &resendLimit{}, nil
}

// BindLocalStream limits one stream.
func (*resendLimit) BindLocalStream(_ *interceptor.StreamInfo, out interceptor.RTPWriter) interceptor.RTPWriter {
	limit := &resends{tokens: resendBurst}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if !limit.allow(h.SequenceNumber, h.MarshalSize()+len(payload), time.Now()) {
			return len(payload), nil
		}
		return out.Write(h, payload, a)
	})
}

// resends knows the newest packets of a stream.
type resends struct {
	mu      sync.Mutex // answers to NACKs come from goroutines of their own
	begun   bool
	highest uint16
	tokens  float64 // bytes
	first   [resendMemory]time.Time
	last    [resendMemory]time.Time // sent again; zero: never
}

// allow says whether a packet of so many bytes may go out. Fresh ones always may.
func (r *resends) allow(seq uint16, size int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := seq % resendMemory
	if ahead := int16(seq - r.highest); !r.begun || ahead > 0 {
		r.begun, r.highest = true, seq
		r.tokens = min(resendBurst, r.tokens+resendShare*float64(size))
		r.first[slot], r.last[slot] = now, time.Time{}
		return true
	}
	if r.highest-seq >= resendMemory || now.Sub(r.first[slot]) > resendLate || now.Sub(r.last[slot]) < resendPause || r.tokens < float64(size) {
		return false
	}
	r.tokens -= float64(size)
	r.last[slot] = now
	return true
}
