package capture

import "time"

// keyWatch makes Config.KeyFrameInterval a time. Encoders count pictures, and those that are skipped while
// the encoder is at work are not counted.
type keyWatch struct {
	key   time.Duration // running time of the last key frame
	asked time.Duration // and of the access unit for which one was asked
}

// overdue takes each access unit and says whether a key frame is to be asked for. That is never so while
// every picture comes: a picture and a half more covers the moves of the capture grid.
func (w *keyWatch) overdue(s Sample, interval, period time.Duration) bool {
	if s.KeyFrame {
		w.key, w.asked = s.RunningTime, s.RunningTime
		return false
	}
	// Some are under way when one is asked for.
	if s.RunningTime-w.key <= interval+period*3/2 || s.RunningTime-w.asked < interval/4 {
		return false
	}
	w.asked = s.RunningTime
	return true
}
