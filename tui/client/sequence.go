package client

import "hotseat/backend/playtest"

// maxEarly bounds how many events that came before their turn wait; beyond, the log has them.
const maxEarly = 512

// logged is an event with the JSON that it came as.
type logged struct {
	event playtest.Event
	raw   []byte
}

// sequence puts the events of one session into order. The zero value expects event 1.
type sequence struct {
	last  int64            // seq of the newest event that was let through
	early map[int64]logged // events after a gap
}

// offer takes an event and returns what is in order now, in order. gap says that events are
// missing before something that was seen: read the log after s.last.
func (s *sequence) offer(e logged) (ready []logged, gap bool) {
	switch {
	case e.event.Seq <= s.last:
		return nil, len(s.early) > 0 // a double
	case e.event.Seq > s.last+1:
		if s.early == nil {
			s.early = map[int64]logged{}
		}
		if len(s.early) < maxEarly {
			s.early[e.event.Seq] = e
		}
		return nil, true
	}
	for ok := true; ok; e, ok = s.early[s.last+1] {
		delete(s.early, e.event.Seq)
		s.last = e.event.Seq
		ready = append(ready, e)
	}
	return ready, len(s.early) > 0
}
