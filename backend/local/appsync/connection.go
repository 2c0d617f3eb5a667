package appsync

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"hotseat/backend/events"
)

const (
	// writeTime bounds one write to a client that has stopped reading: after it the
	// connection is given up, if its queue is not full before.
	writeTime = 10 * time.Second
	// closeGrace bounds saying goodbye.
	closeGrace = time.Second
	// pongGrace is added to two keep-alive intervals: a client that answers no ping in that
	// time is gone, and its socket would linger otherwise.
	pongGrace = 10 * time.Second
	// keepScratch is the largest buffer a connection keeps between writes.
	keepScratch = 64 << 10
)

// connection is one client. The goroutine of serve reads and carries out operations, one
// after another; a second one writes.
type connection struct {
	server    *Server
	ws        *websocket.Conn
	socket    *corkedConn // below ws
	ctx       context.Context
	cancel    context.CancelCauseFunc // with an *ending where the client is to be told
	out       *outbox
	publishes *rate.Limiter
	frames    *rate.Limiter
	subs      map[string]*subscription // by id; only serve's goroutine
	opened    time.Time                // by the clock of the Config
}

// ending is why a connection ends, as a close frame says it.
type ending struct {
	code int
	text string
}

func (e *ending) Error() string { return e.text }

// errTooOld is the end that the service gives every connection after a day.
var errTooOld = &ending{websocket.CloseGoingAway, "the connection is as old as it may be: connect again"}

func newConnection(s *Server, ws *websocket.Conn, socket *corkedConn, opened time.Time) *connection {
	c := &connection{server: s, ws: ws, socket: socket, subs: map[string]*subscription{}, opened: opened,
		publishes: rate.NewLimiter(rate.Limit(s.limits.PublishRate), s.limits.PublishBurst),
		frames:    rate.NewLimiter(rate.Limit(s.limits.FrameRate), int(2*s.limits.FrameRate)+1)}
	c.ctx, c.cancel = context.WithCancelCause(s.ctx)
	c.out = newOutbox(s.limits.QueueFrames, s.limits.QueueBytes, func() {
		c.cancel(&ending{CloseTooSlow, "read too slowly: connect again"})
	})
	return c
}

// serve runs the connection to its end.
func (c *connection) serve() {
	// When the connection is to end, a write that is stuck gets a short time only.
	stop := context.AfterFunc(c.ctx, func() { c.socket.end(time.Now().Add(closeGrace)) })
	defer stop()
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.cancel(c.write())
	}()
	err := c.read()
	c.cancel(err)
	for _, sub := range c.subs {
		c.server.hub.remove(sub)
	}
	<-written
	c.server.log.Debug("event channels: connection ended", "reason", context.Cause(c.ctx))
}

// read takes frames until the connection ends.
func (c *connection) read() error {
	silence := 2*c.server.limits.KeepAlive + pongGrace
	alive := func(string) error { return c.ws.SetReadDeadline(time.Now().Add(silence)) }
	c.ws.SetPongHandler(alive)
	c.ws.SetReadLimit(c.server.limits.FrameBytes) // beyond it the client is closed with 1009
	for {
		alive("")
		kind, data, err := c.ws.ReadMessage()
		if errors.Is(err, websocket.ErrReadLimit) {
			c.discard()
		}
		if err != nil {
			return err
		}
		if err := c.frames.Wait(c.ctx); err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			c.refuse(events.TypeError, "", errUnsupported)
			continue
		}
		c.handle(data)
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

// discard takes what is left of a frame that was too large, for a short time: closing a
// socket with unread bytes resets it, and the client would not read why (1009).
func (c *connection) discard() {
	c.socket.SetReadDeadline(time.Now().Add(closeGrace))
	io.CopyN(io.Discard, c.socket, 4*c.server.limits.FrameBytes)
}

// handle carries out one frame and queues the answer.
func (c *connection) handle(data []byte) {
	frame, err := events.ParseClientFrame(data)
	if err != nil {
		id := ""
		if events.ValidOperationID(frame.ID) {
			id = frame.ID
		}
		c.refuse(events.TypeError, id, badRequest("%s", err))
		return
	}
	switch frame.Type {
	case events.TypeConnectionInit:
		c.send(ackFrame{events.TypeConnectionAck, events.ConnectionTimeout.Milliseconds()})
	case events.TypeSubscribe:
		c.subscribe(frame)
	case events.TypeUnsubscribe:
		c.unsubscribe(frame)
	case events.TypePublish:
		c.publish(frame)
	default:
		id := ""
		if events.ValidOperationID(frame.ID) {
			id = frame.ID
		}
		c.refuse(events.TypeError, id, errUnsupported)
	}
}

func (c *connection) subscribe(frame events.ClientFrame) {
	if !events.ValidOperationID(frame.ID) {
		c.refuse(events.TypeSubscribeError, "", errOperationID)
		return
	}
	if _, ok := c.subs[frame.ID]; ok {
		c.refuse(events.TypeSubscribeError, frame.ID, &EventError{Type: events.ErrorTypeDuplicatedOperation,
			Message: "There is a subscription with this id on the connection: " + frame.ID})
		return
	}
	if len(c.subs) >= c.server.limits.Subscriptions {
		c.refuse(events.TypeSubscribeError, frame.ID, &EventError{Type: events.ErrorTypeLimitExceeded,
			Message: "The connection has as many subscriptions as are allowed"})
		return
	}
	channel, refusal := c.server.subscribe(c.ctx, frame)
	if refusal != nil {
		c.refuse(events.TypeSubscribeError, frame.ID, refusal)
		return
	}
	sub := newSubscription(channel, frame.ID, c.out)
	c.subs[frame.ID] = sub
	c.server.hub.add(sub, marshal(successFrame{events.TypeSubscribeSuccess, frame.ID}))
}

func (c *connection) unsubscribe(frame events.ClientFrame) {
	sub, ok := c.subs[frame.ID]
	if !ok {
		id := frame.ID
		if !events.ValidOperationID(id) {
			id = ""
		}
		c.refuse(events.TypeUnsubscribeError, id, &EventError{Type: events.ErrorTypeUnknownOperation,
			Message: "Unknown operation id " + id})
		return
	}
	c.server.hub.remove(sub)
	delete(c.subs, frame.ID)
	c.send(successFrame{events.TypeUnsubscribeSuccess, frame.ID})
}

func (c *connection) publish(frame events.ClientFrame) {
	switch {
	case !events.ValidOperationID(frame.ID):
		c.refuse(events.TypePublishError, "", errOperationID)
		return
	case !c.publishes.Allow():
		c.refuse(events.TypePublishError, frame.ID, errTooFast)
		return
	}
	result, refusals := c.server.publish(c.ctx, frame.Authorization, frame.Signed, frame.Channel, frame.Events)
	if refusals != nil {
		c.send(errorFrame{events.TypePublishError, frame.ID, refusals.wire()})
		return
	}
	c.send(publishSuccessFrame{events.TypePublishSuccess, frame.ID, result})
}

func (c *connection) refuse(kind, id string, refusal *EventError) {
	c.send(errorFrame{kind, id, []events.WireError{refusal.wire()}})
}

func (c *connection) send(frame any) { c.out.put(outFrame{body: marshal(frame)}) }

// write sends what is queued, and keep-alives, until the connection ends; then it says why
// and closes the socket, which ends read.
func (c *connection) write() error {
	defer c.ws.Close()
	keepAlive := time.NewTicker(c.server.limits.KeepAlive)
	defer keepAlive.Stop()
	// The timer is exact where the clock runs as time does; a look at the clock with every
	// keep-alive sees that a suspended machine, or a test, has jumped ahead.
	life := time.NewTimer(c.server.limits.ConnectionLife)
	defer life.Stop()
	var batch []outFrame
	var scratch []byte
	for {
		select {
		case <-c.ctx.Done():
			c.sayGoodbye()
			return context.Cause(c.ctx)
		case <-life.C:
			c.cancel(errTooOld)
		case <-keepAlive.C:
			if c.server.cfg.Now().Sub(c.opened) >= c.server.limits.ConnectionLife {
				c.cancel(errTooOld)
				continue
			}
			if err := c.writeFrame(keepAliveFrame); err != nil {
				return err
			}
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime)); err != nil {
				return err
			}
		case <-c.out.ready:
			batch = c.out.take(batch)
			for i, frame := range batch {
				if c.ctx.Err() != nil {
					break
				}
				c.socket.more.Store(i < len(batch)-1)
				scratch = append(append(scratch[:0], frame.head...), frame.body...)
				if err := c.writeFrame(scratch); err != nil {
					return err
				}
				c.out.written(frame)
				batch[i] = outFrame{} // do not hold events longer than needed
			}
			if cap(scratch) > keepScratch {
				scratch = nil
			}
		}
	}
}

// writeFrame sends one message. It is copied to one slice before, because a message in
// parts would become several WebSocket frames.
func (c *connection) writeFrame(data []byte) error {
	c.ws.SetWriteDeadline(time.Now().Add(writeTime))
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

// sayGoodbye sends a close frame where the end is our doing.
func (c *connection) sayGoodbye() {
	reason := &ending{websocket.CloseGoingAway, "the server stops: connect again"}
	if !errors.As(context.Cause(c.ctx), &reason) && c.server.ctx.Err() == nil {
		return // the client left, or broke the protocol and was told
	}
	c.socket.more.Store(false) // the batch may have been cut short
	deadline := time.Now().Add(closeGrace)
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(reason.code, reason.text), deadline)
}
