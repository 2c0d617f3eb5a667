package tui

import (
	"fmt"
	"time"
)

// Bounds of the sidecar's judgement.
const (
	// slowShare: below 80 % of the asked-for frame rate motion looks broken to viewers.
	slowShare = 0.8
	// lossyPercent: above it, x264's zero-latency stream shows damage between key frames.
	lossyPercent, veryLossyPercent = 1, 5
	// farMs: hand gestures in chat no longer match the picture.
	farMs = 250
	// oldKeyFrame: IVS Real-Time asks for a key frame every two seconds or less
	// (https://docs.aws.amazon.com/ivs/latest/RealTimeUserGuide/rt-stream-ingest.html); new
	// viewers wait for one.
	oldKeyFrame = 10 * time.Second
)

// judge says in a word how the broadcast is, and why.
func (b *board) judge(now time.Time) (tone, string) {
	h := b.health
	if h == nil {
		if b.ended() {
			return toneQuiet, "over"
		}
		return toneQuiet, "no heartbeat yet"
	}
	silent := now.Sub(h.At)
	frame := 1000 / max(h.Framerate, 1)
	switch {
	case b.ended():
		return toneQuiet, "over"
	case b.offline: // the silence is ours
		return toneQuiet, "not heard now"
	case silent >= silentAfter:
		return toneBad, fmt.Sprintf("silent %d s", int(silent/time.Second))
	case h.State == "failing":
		return toneBad, "failing"
	case h.State == "connecting":
		return toneWarn, "connecting"
	case h.Framerate > 0 && h.FPS < slowShare*h.Framerate:
		return toneBad, fmt.Sprintf("slow: %.0f of %.0f fps", h.FPS, h.Framerate)
	case h.LossPercent > veryLossyPercent:
		return toneBad, fmt.Sprintf("losing %.0f %%", h.LossPercent)
	case h.Framerate > 0 && h.EncodeMs > frame:
		return toneWarn, "encoder overloaded"
	case h.LossPercent > lossyPercent:
		return toneWarn, "lossy"
	case h.RTTMs > farMs:
		return toneWarn, "far away"
	case h.KeyFrameAgeMs > float64(oldKeyFrame/time.Millisecond):
		return toneWarn, "key frames rare"
	case h.Limit == "network":
		return toneWarn, "network is short"
	case h.Limit == "processor":
		return toneWarn, "machine is short"
	case h.Limit == "recovering":
		return toneWarn, "recovering"
	case h.Fallback:
		return toneWarn, "fell back to " + h.Encoder
	}
	return toneGood, "good"
}

// need is what the session asks of a person now, most pressing first; empty if nothing.
func (b *board) need(now time.Time) (weight int, text string) {
	if b.ended() {
		return 0, ""
	}
	if r, ok := b.first(now); ok && b.state.Handover == nil {
		waits := clock(now.Sub(time.UnixMilli(r.Since)))
		text := fmt.Sprintf("%s waits %s", r.Person.Name, waits)
		if n := len(b.state.Queue) - 1; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		return 4, text
	}
	if t, word := b.judge(now); t == toneBad {
		if h := b.health; h != nil && word == "failing" {
			word += because(h.Error)
		}
		return 3, "sidecar " + word
	}
	if left, ok := b.left(now); ok && left < 5*time.Minute {
		return 2, clock(left) + " left"
	}
	if b.status() == "ERROR" {
		return 3, "the stream session failed"
	}
	return 0, ""
}
