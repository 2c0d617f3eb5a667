package bridge

import (
	"encoding/json"
	"time"
)

const (
	// reactEvery: a crowd's reactions reach the game as at most this many lines of a kind in a
	// second, whatever the size of the crowd.
	reactEvery = 100 * time.Millisecond
	// maxKinds bounds what strangers may make of a map; the session has six.
	maxKinds = 32
)

// reactions gathers reactions of a kind: the first is passed on at once, those of the next 100 ms
// as one. It has no lock of its own.
type reactions struct {
	kinds []*kind // in order of arrival, so that lines come in a fair one
	open  bool    // a window runs
}

type kind struct {
	name  string
	last  []byte // the newest event of it
	count int
}

// add takes one in. now: it is to be passed on at once, and a window begins.
func (r *reactions) add(name string, raw []byte) (now bool) {
	if !r.open {
		r.open = true
		return true
	}
	for _, k := range r.kinds {
		if k.name == name {
			k.last, k.count = raw, k.count+1
			return false
		}
	}
	if len(r.kinds) < maxKinds {
		r.kinds = append(r.kinds, &kind{name, raw, 1})
	}
	return false
}

// flush ends a window and returns its lines; with none the next reaction is passed on at once.
func (r *reactions) flush() (lines [][]byte) {
	for _, k := range r.kinds {
		lines = append(lines, counted(k.last, k.count))
	}
	r.open, r.kinds = len(lines) > 0, nil
	return lines
}

// counted is an event with the number of its kind. raw has been parsed before.
func counted(raw []byte, n int) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return append(raw, '\n')
	}
	fields["count"], _ = json.Marshal(n)
	return encode(fields)
}
