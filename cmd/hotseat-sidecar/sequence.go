package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// maxEarly bounds the events that wait for others: the log has all that are let go.
const maxEarly = 1024

// sequence brings the events of a session's log, whose numbers have no gaps (docs/protocol.md), into
// order: from the channel, where some may be missing, and from the log itself. It does no I/O.
type sequence struct {
	begun bool  // last is known
	last  int64 // number of the last event that was passed on
	heard int64 // the highest number that is known to be in the log
	early map[int64]json.RawMessage
}

// begin sets where the game comes in; what was before is not its business.
func (q *sequence) begin(last int64) {
	if !q.begun {
		q.begun, q.last = true, last
		q.drop()
	}
}

// take takes an event of the channel, and returns what may be passed on: it, and those that waited
// for it; or nothing, when it is known already or others are missing before it.
func (q *sequence) take(seq int64, event json.RawMessage) []json.RawMessage {
	q.begin(seq - 1)
	q.hear(seq)
	switch {
	case seq <= q.last:
		return nil
	case seq == q.last+1:
		return q.pass(seq, event)
	}
	if q.early == nil {
		q.early = map[int64]json.RawMessage{}
	}
	if len(q.early) < maxEarly {
		q.early[seq] = event
	}
	return nil
}

// read takes an event of the log, which has them in order: what it skips is nowhere.
func (q *sequence) read(seq int64, event json.RawMessage) []json.RawMessage {
	q.begin(seq - 1)
	q.hear(seq)
	if seq <= q.last {
		return nil
	}
	return q.pass(seq, event)
}

// pass moves on to seq, and to those behind it that wait.
func (q *sequence) pass(seq int64, event json.RawMessage) []json.RawMessage {
	out := []json.RawMessage{event}
	q.last = seq
	for next, ok := q.early[q.last+1]; ok; next, ok = q.early[q.last+1] {
		out = append(out, next)
		q.last++
	}
	q.drop()
	return out
}

// hear notes that the log has an event of this number.
func (q *sequence) hear(seq int64) { q.heard = max(q.heard, seq) }

// behind says whether something is in the log that was not passed on.
func (q *sequence) behind() bool { return q.begun && q.heard > q.last }

// giveIn passes on what waits although something before it is missing, for there is no way to it.
func (q *sequence) giveIn() (out []json.RawMessage) {
	for _, seq := range slices.Sorted(maps.Keys(q.early)) {
		out = append(out, q.early[seq])
		q.last = seq
	}
	q.heard = q.last // what a live message counted does not count any more
	q.drop()
	return out
}

// drop forgets what need not wait any more.
func (q *sequence) drop() {
	maps.DeleteFunc(q.early, func(seq int64, _ json.RawMessage) bool { return seq <= q.last })
}
