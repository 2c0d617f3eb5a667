package client

import (
	"encoding/json"
	"time"

	"hotseat/backend/playtest"
)

// follow returns the session's place in the loop, made on first sight; nil if there are too many.
func (l *loop) follow(id string) *follow {
	if f := l.follows[id]; f != nil {
		return f
	}
	if len(l.follows) >= maxSessions || l.c.cfg.Only != "" && l.c.cfg.Only != id {
		return nil
	}
	f := &follow{}
	f.last = l.c.cfg.After
	l.follows[id] = f
	if only := l.c.cfg.Only != ""; l.me != nil && (only || l.me.Role != playtest.RoleLead) {
		f.subs = append(f.subs, l.subscribe("/playtest/"+id))
		if !only {
			f.subs = append(f.subs, l.subscribe("/live/"+id))
		}
		l.background.Go(func() {
			for _, sub := range f.subs {
				if sub == nil {
					continue
				}
				// Among many, a refusal shows as a session without news.
				if err := sub.Wait(l.ctx); err != nil && l.c.cfg.Only != "" {
					l.c.post(l.ctx, func(l *loop) { l.problem = sentence(err); l.setConnection(Live, l.problem) })
				}
			}
			l.c.post(l.ctx, func(l *loop) { l.catchUp(id) })
		})
	}
	return f
}

// catchUpAll reads the list and whatever is missing of every log.
func (l *loop) catchUpAll() {
	l.refresh()
	for id := range l.follows {
		l.catchUp(id)
	}
}

// catchUp reads the session's log after the newest event that was let through.
func (l *loop) catchUp(id string) {
	f := l.follows[id]
	if f == nil || l.me == nil {
		return
	}
	if f.fetching {
		f.again = true
		return
	}
	f.fetching = true
	api, after := l.c.api, f.last // api is set before begin, and never again
	l.background.Go(func() {
		page, err := api.log(l.ctx, id, after)
		l.c.post(l.ctx, func(l *loop) { l.gotPage(id, page, err) })
	})
}

func (l *loop) gotPage(id string, p page, err error) {
	f := l.follows[id]
	before := f.last
	for _, raw := range p.Events {
		e, err := decodeEvent(raw)
		if err != nil { // as unknown events do, it only moves the sequence
			l.c.cfg.Log.Warn("an event of the log cannot be read", "session", id, "after", f.last, "error", err)
			e = playtest.Event{Seq: f.last + 1, Session: id}
		}
		l.take(id, f, logged{event: e, raw: raw})
	}
	f.fetching = false
	switch {
	case f.behind: // the reader is slow; send asks again
	case err != nil:
		l.c.cfg.Log.Debug("cannot read the log", "session", id, "error", err)
		l.later(logRetry, func(l *loop) { l.catchUp(id) })
	case f.last > before && (p.More || f.again || len(f.early) > 0):
		f.again = false
		l.catchUp(id)
	case f.again:
		f.again = false
		l.catchUp(id)
	case len(f.early) > 0: // the log lags behind the channel
		l.later(logRetry, func(l *loop) { l.catchUp(id) })
	}
}

// expect looks at a live message's logSeq, the number of the log's last event: what is in the log and still
// not here after a while will not come by the channel.
func (l *loop) expect(id string, raw []byte) {
	f := l.follows[id]
	var head struct {
		LogSeq int64 `json:"logSeq"`
	}
	if f == nil || f.expecting || json.Unmarshal(raw, &head) != nil || head.LogSeq <= f.last {
		return
	}
	f.expecting = true
	l.later(logDoubt, func(l *loop) {
		f.expecting = false
		if f.last < head.LogSeq {
			l.catchUp(id)
		}
	})
}

// refresh reads the list of sessions.
func (l *loop) refresh() {
	if l.me == nil {
		return
	}
	if l.listing {
		l.relist = true
		return
	}
	l.listing = true
	api := l.c.api
	l.background.Go(func() {
		list, err := api.sessions(l.ctx)
		l.c.post(l.ctx, func(l *loop) { l.gotList(list, err) })
	})
}

func (l *loop) gotList(list []Session, err error) {
	l.listing = false
	if l.relist {
		l.relist = false
		l.refresh()
	}
	if err != nil {
		l.c.cfg.Log.Debug("cannot read the list of sessions", "error", err)
		return
	}
	l.lastList, l.pending.Sessions = list, list
	l.touch()
	for _, s := range list {
		if s.Ended() && s.ID != l.opened {
			continue
		}
		if f := l.follow(s.ID); f != nil && s.LastSeq > f.last {
			l.catchUp(s.ID)
		}
	}
	l.sayArrival(l.opened)
}

// later runs work on the loop after a pause.
func (l *loop) later(pause time.Duration, work func(*loop)) {
	l.background.Go(func() {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-l.ctx.Done():
		case <-timer.C:
			l.c.post(l.ctx, work)
		}
	})
}
