package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hotseat/cmd/hotseat-sidecar/internal/backend"
	"hotseat/sidecar/bridge"
)

const (
	// catchUpTries and catchUpWait: a backend that restarts is back within seconds; the next
	// reconnect tries again anyway.
	catchUpTries = 5
	catchUpWait  = 500 * time.Millisecond
	// maxPages bounds what is caught up: who missed more than 20,000 events is not helped by them.
	maxPages = 20
	// gapWait is for events that overtook each other on their way.
	gapWait = 250 * time.Millisecond
	// doubtWait is how long an event that a live message counts may take (docs/protocol.md, "The
	// channel /live").
	doubtWait = time.Second
	// catchUpRest is between two vain readings: a log that cannot be read is not read each second.
	catchUpRest = 15 * time.Second
)

// keepUp reads the log after each connection, and whenever something of it is missing, until ctx is
// done. It alone reads, so that the handlers of the channels never wait for the backend.
func (s *session) keepUp(ctx context.Context) {
	if s.api == nil {
		return
	}
	var due, rested time.Time // due is zero when nothing is
	for {
		var wake <-chan time.Time
		if !due.IsZero() {
			wake = time.After(time.Until(due))
		}
		ok := true
		select {
		case <-ctx.Done():
			return
		case wait := <-s.doubts:
			at := time.Now().Add(wait)
			if at.Before(rested) {
				at = rested
			}
			if due.IsZero() || at.Before(due) {
				due = at
			}
		case <-s.reread:
			due = time.Time{}
			ok = s.catchUp(ctx)
		case <-wake:
			due = time.Time{}
			ok = !s.behind() || s.catchUp(ctx)
		}
		if !ok {
			rested = time.Now().Add(catchUpRest)
		}
	}
}

// connected has the log read after a connection was made.
func (s *session) connected() {
	select {
	case s.reread <- struct{}{}:
	default: // it is going to be
	}
}

// doubt has the log read after a while if something is still missing then. It is called with s.mu held.
func (s *session) doubt(wait time.Duration) {
	select {
	case s.doubts <- wait:
	default: // one is on its way already
	}
}

// live passes a live message on, and heeds how long the log is by it.
func (s *session) live(raw json.RawMessage) {
	var head struct {
		LogSeq int64 `json:"logSeq"`
	}
	if json.Unmarshal(raw, &head) == nil && head.LogSeq > 0 {
		s.mu.Lock()
		if !s.blind {
			s.order.hear(head.LogSeq)
			if s.order.behind() {
				s.doubt(doubtWait)
			}
		}
		s.mu.Unlock()
	}
	s.bridge.Offer(raw)
}

// logged passes an event of the log's channel on: once, and in its turn.
func (s *session) logged(raw json.RawMessage) {
	seq := numberOf(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq <= 0 {
		s.bridge.Offer(raw)
		return
	}
	s.offer(s.order.take(seq, raw))
	switch {
	case s.blind:
		s.offer(s.order.giveIn())
	case s.order.behind():
		s.doubt(gapWait)
	}
}

// offer is called with s.mu held, which keeps the order.
func (s *session) offer(list []json.RawMessage) {
	for _, event := range list {
		s.bridge.Offer(event)
	}
}

func numberOf(raw json.RawMessage) int64 {
	var head struct {
		Seq int64 `json:"seq"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return 0
	}
	return head.Seq
}

func (s *session) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.behind()
}

// giveIn passes on what waits for events that cannot be had. blind: none ever can.
func (s *session) giveIn(blind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = blind
	s.offer(s.order.giveIn())
}

// errLags: the channel was faster than the log.
var errLags = errors.New("the log does not hold yet what the channels tell of")

// catchUp passes on what was missed, and says who is in the seat. Where that cannot be, it gives in:
// the game then misses events rather than all that come after them.
func (s *session) catchUp(ctx context.Context) (ok bool) {
	for try := range catchUpTries {
		err := s.readLog(ctx)
		if err == nil && s.behind() {
			err = errLags
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return true
		case errors.Is(err, backend.ErrNotAllowed):
			s.complained.Do(func() {
				s.log.Warn("the game learns who is in the seat with the next change only", "reason", err)
			})
			s.giveIn(true)
			return true
		case try == catchUpTries-1:
			s.log.Warn("the session's log was not read: the game may have missed events", "reason", err)
			s.giveIn(false)
			return false
		}
		select {
		case <-ctx.Done():
		case <-time.After(catchUpWait << try):
		}
	}
	return false
}

func (s *session) readLog(ctx context.Context) error {
	state, err := s.api.State(ctx)
	if err != nil {
		return err
	}
	for range maxPages {
		missed, more, err := s.api.Log(ctx, s.from(state.LastSeq))
		if err != nil {
			return err
		}
		s.caughtUp(missed)
		if !more || len(missed) == 0 {
			break
		}
	}
	s.bridge.SetSeat(bridge.Seat{Holder: state.Seat.Holder, Epoch: state.Seat.Epoch})
	return nil
}

// caughtUp passes a page of the log on.
func (s *session) caughtUp(page []json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = false
	for _, event := range page {
		if seq := numberOf(event); seq > 0 {
			s.offer(s.order.read(seq, event))
		}
	}
}

// from is the last event that was passed on. The game is not told what was before it.
func (s *session) from(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order.begin(now)
	return s.order.last
}
