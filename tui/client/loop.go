package client

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

const (
	// maxPendingEvents bounds what waits for a slow reader: some 8 MB of the longest chat lines.
	maxPendingEvents = 8192
	// maxSessions bounds how many sessions are followed at once.
	maxSessions = 500
	// listInterval is how often the list is read although nothing said that it changed.
	listInterval = 15 * time.Second
	// presenceInterval is docs/protocol.md's.
	presenceInterval = 5 * time.Second
	// logRetry is the pause before the log is asked again, or an arrival is said again, after a failure.
	logRetry = time.Second
	// logDoubt is from hearing that an event is in the log to doubting that it will come by the channel: it is
	// on its way for milliseconds.
	logDoubt = time.Second
)

// loop is the goroutine that owns the client's state. Its methods run on it only; what does I/O
// is started with l.background and comes back over Client.do.
type loop struct {
	c          *Client
	ctx        context.Context
	background sync.WaitGroup

	pending Update
	dirty   bool
	sent    time.Time // when the last update went out
	flush   *time.Timer

	me       *playtest.Person
	bus      *events.Client
	online   bool
	follows  map[string]*follow
	opened   string
	arrived  map[string]bool // sessions that were told of our arrival
	listing  bool
	relist   bool // the list was asked for while it was being read
	problem  error
	lastList []Session
}

// follow is one session whose log is followed.
type follow struct {
	sequence
	fetching  bool
	expecting bool // an event that is in the log may have been lost on the channel
	again     bool // ask the log once more when the present answer is in
	behind    bool // events were let go of because the reader is slow
	subs      []*events.Subscription
}

func newLoop(c *Client, ctx context.Context) *loop {
	l := &loop{c: c, ctx: ctx, follows: map[string]*follow{}, arrived: map[string]bool{}, flush: time.NewTimer(time.Hour)}
	l.flush.Stop()
	l.setConnection(SigningIn, nil)
	return l
}

func (l *loop) run() {
	defer l.background.Wait()
	defer close(l.c.done)
	defer l.flush.Stop()
	list := time.NewTicker(listInterval)
	defer list.Stop()
	presence := time.NewTicker(presenceInterval)
	defer presence.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case work := <-l.c.do:
			work(l)
		case <-l.flush.C:
			l.send()
		case <-list.C:
			l.refresh()
		case <-presence.C:
			l.sayPresence(l.opened, true)
		}
	}
}

// touch notes that there is something to send, and sees to it that it is sent.
func (l *loop) touch() {
	if l.dirty {
		return
	}
	l.dirty = true
	l.flush.Reset(max(0, l.c.cfg.Interval-time.Since(l.sent)))
}

// send hands over what is pending if the reader took the last update, else tries again later.
func (l *loop) send() {
	if len(l.c.updates) > 0 { // this goroutine is the only sender, so the send below never blocks
		l.flush.Reset(l.c.cfg.Interval)
		return
	}
	l.c.updates <- l.pending
	l.pending, l.dirty, l.sent = Update{}, false, time.Now()
	for id, f := range l.follows {
		if f.behind {
			f.behind = false
			l.catchUp(id)
		}
	}
}

func (l *loop) live(session string) *LiveUpdate {
	if l.pending.Live == nil {
		l.pending.Live = map[string]*LiveUpdate{}
	}
	u := l.pending.Live[session]
	if u == nil {
		u = &LiveUpdate{}
		l.pending.Live[session] = u
	}
	return u
}

func (l *loop) setConnection(phase Phase, err error) {
	l.pending.Connection = &Connection{Phase: phase, Since: l.c.cfg.Now(), Err: err}
	l.touch()
}

// begin is called once, after the first sign-in and before the connection to the channels.
func (l *loop) begin(me playtest.Person) {
	l.me, l.pending.Me = &me, &me
	l.c.mu.Lock()
	l.bus = l.c.bus
	l.c.mu.Unlock()
	switch {
	case l.c.cfg.Only != "":
		l.follow(l.c.cfg.Only)
	case me.Role == playtest.RoleLead: // only leads may hear every session at once
		l.firstAnswer(l.subscribe("/playtest/*"), l.subscribe("/live/*"))
	default:
		l.refresh()
	}
	l.setConnection(Connecting, nil)
	if l.opened != "" {
		l.open(l.opened)
	}
}

func (l *loop) subscribe(channel string) *events.Subscription {
	sub, err := l.bus.Subscribe(channel, func(m events.Message) {
		e, err := decodeEvent(m.Event) // here, so that the loop has less to do in a flood
		if err != nil || e.Session == "" {
			l.c.cfg.Log.Debug("an event that cannot be read", "error", err)
			return
		}
		l.c.post(l.ctx, func(l *loop) { l.heard(e, m.Event) })
	})
	if err != nil {
		l.c.cfg.Log.Warn("cannot subscribe", "channel", channel, "error", err)
		return nil
	}
	l.background.Go(func() { // a subscription may be refused later too, when a token is renewed
		select {
		case <-l.ctx.Done():
		case <-sub.Done():
			if err := sub.Err(); err != nil && !errors.Is(err, events.ErrClosed) {
				l.c.post(l.ctx, func(l *loop) { l.problem = sentence(err); l.setConnection(Live, l.problem) })
			}
		}
	})
	return sub
}

// firstAnswer reads the list and the logs once the subscriptions stand, so that nothing falls
// between log and channel. For later connections the events client calls catchUpAll.
func (l *loop) firstAnswer(subs ...*events.Subscription) {
	l.background.Go(func() {
		for _, sub := range subs {
			if sub == nil {
				continue
			}
			if err := sub.Wait(l.ctx); err != nil {
				l.c.post(l.ctx, func(l *loop) { l.problem = sentence(err); l.setConnection(Live, l.problem) })
			}
		}
		l.c.post(l.ctx, func(l *loop) { l.catchUpAll() })
	})
}

func (l *loop) busState(s events.State) {
	l.online = s.Phase == events.Online
	switch {
	case l.online:
		l.setConnection(Live, l.problem)
		l.sayPresence(l.opened, true)
		l.sayArrival(l.opened)
	case s.Err != nil:
		l.setConnection(Reconnecting, sentence(s.Err))
	case s.Phase == events.Connecting:
		l.setConnection(Connecting, nil)
	}
}

// heard takes one event of a channel.
func (l *loop) heard(e playtest.Event, raw json.RawMessage) {
	if e.Seq == 0 {
		if len(l.pending.Live) >= maxSessions {
			return
		}
		if err := l.live(e.Session).add(e, raw, l.c.cfg.Now()); err != nil {
			l.c.cfg.Log.Debug("a live message that cannot be read", "action", e.Action, "error", err)
			return
		}
		if l.c.cfg.KeepRaw && len(l.pending.Raw) < maxPendingEvents {
			l.pending.Raw = append(l.pending.Raw, raw)
		}
		l.touch()
		l.expect(e.Session, raw)
		return
	}
	f := l.follow(e.Session)
	if f == nil {
		return
	}
	l.take(e.Session, f, logged{event: e, raw: raw})
}

// take lets an event of the log through if it is its turn, and asks the log if one is missing.
func (l *loop) take(id string, f *follow, e logged) {
	if len(l.pending.Events) >= maxPendingEvents {
		f.behind = true
		return
	}
	ready, gap := f.offer(e)
	for _, r := range ready {
		l.pending.Events = append(l.pending.Events, r.event)
		if l.c.cfg.KeepRaw {
			l.pending.Raw = append(l.pending.Raw, r.raw)
		}
		switch r.event.Action {
		case playtest.ActionSessionStarted, playtest.ActionSessionState, playtest.ActionSessionEnded:
			l.refresh()
		}
	}
	if len(ready) > 0 {
		l.touch()
	}
	if gap && !f.fetching {
		l.catchUp(id)
	}
}

func (l *loop) open(id string) {
	if l.opened != "" && l.opened != id {
		l.sayPresence(l.opened, false)
	}
	l.opened = id
	if id == "" || l.me == nil {
		return
	}
	if f := l.follow(id); f != nil {
		l.catchUp(id)
	}
	l.sayArrival(id)
	l.sayPresence(id, true)
}

func (l *loop) sayArrival(id string) {
	if id == "" || !l.online || l.arrived[id] || l.ended(id) {
		return
	}
	l.arrived[id] = true
	l.say("/playtest/"+id, map[string]any{"action": playtest.ActionArrived}, func(l *loop, err error) {
		if err != nil { // such as too many at once
			delete(l.arrived, id)
			l.later(logRetry, func(l *loop) {
				if l.opened == id {
					l.sayArrival(id)
				}
			})
		}
	})
}

func (l *loop) sayPresence(id string, watching bool) {
	if id == "" || !l.online || l.ended(id) {
		return
	}
	l.say("/live/"+id, map[string]any{"action": playtest.ActionPresence, "watching": watching, "client": "console"}, nil)
}

// say publishes what nobody waits for; then, if it is set, is told on the loop what came of it.
func (l *loop) say(channel string, message any, then func(*loop, error)) {
	data, err := json.Marshal(message)
	if err != nil {
		return
	}
	bus := l.bus
	l.background.Go(func() {
		err := bus.Publish(l.ctx, channel, data)
		if err != nil {
			l.c.cfg.Log.Debug("not said", "channel", channel, "error", err)
		}
		if then != nil {
			l.c.post(l.ctx, func(l *loop) { then(l, err) })
		}
	})
}

func (l *loop) ended(id string) bool {
	for _, s := range l.lastList {
		if s.ID == id {
			return s.Ended()
		}
	}
	return false
}
