package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// writeTimeout bounds one write; a frame is small beside any line that is alive.
	writeTimeout = 10 * time.Second
	// closeGrace bounds saying goodbye.
	closeGrace = 500 * time.Millisecond
	// maxServerFrame bounds a frame from the server: an event of 240 KB in which each byte
	// is escaped to six, and the rest of the frame.
	maxServerFrame = 6*MaxEventBytes + 4096
	// maxRefusalBody bounds the body of an HTTP answer that is not an upgrade.
	maxRefusalBody = 4096
	// outLength is small: frames wait here only while one is being written.
	outLength = 16
)

// link is one connection of a client. The goroutine of Run reads, one goroutine writes, and
// one keeps the subscriptions; they end together.
type link struct {
	client *Client
	ws     *websocket.Conn
	done   <-chan struct{} // closed when the link is over
	out    chan []byte
	want   chan struct{} // a hint: some subscription has not been asked for

	mu      sync.Mutex // protects what follows; not held over anything that waits
	lastID  int
	pending map[string]chan ServerFrame // operations waiting for an answer
	subs    map[string]*Subscription    // by operation id
}

// connect makes one connection and serves it to its end. It tells whether the connection
// was acknowledged, and why it ended.
func (c *Client) connect(ctx context.Context, again bool) (online bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ws, err := c.dial(ctx)
	if err != nil {
		return false, err
	}
	// Until the writer runs, the end of the context must end the handshake.
	stop := context.AfterFunc(ctx, func() { ws.Close() })
	silence, err := c.handshake(ws)
	stop()
	if err != nil {
		ws.Close()
		return false, err
	}
	l := &link{client: c, ws: ws, done: ctx.Done(), out: make(chan []byte, outLength), want: make(chan struct{}, 1),
		pending: map[string]chan ServerFrame{}, subs: map[string]*Subscription{}}
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	c.setState(State{Phase: Online})

	var helpers sync.WaitGroup
	helpers.Go(func() { cancel(l.write(ctx)) })
	helpers.Go(func() { cancel(l.subscribeAll(ctx, again)) })
	cancel(l.read(silence))
	helpers.Wait()

	c.mu.Lock()
	c.link = nil
	for _, sub := range c.subs {
		sub.link, sub.id, sub.answered, sub.err = nil, "", false, nil
	}
	c.mu.Unlock()
	return true, context.Cause(ctx)
}

// dial opens the WebSocket with the authorization among the subprotocols.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	auth, err := c.authorize(ctx)
	if err != nil {
		return nil, err
	}
	dialer := *c.cfg.Dialer
	dialer.Subprotocols = []string{Subprotocol, EncodeAuthProtocol(auth)}
	dialer.HandshakeTimeout = c.cfg.OperationTimeout
	ws, response, err := dialer.DialContext(ctx, c.cfg.RealtimeURL, http.Header{})
	if err != nil && response != nil {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusalBody))
		var failure ErrorBody
		if json.Unmarshal(body, &failure) != nil || len(failure.Errors) == 0 {
			failure.Errors = []WireError{{ErrorType: http.StatusText(response.StatusCode), Message: response.Status}}
		}
		return nil, refused("connect", "", response.StatusCode, failure.Errors)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.cfg.RealtimeURL, err)
	}
	ws.SetReadLimit(maxServerFrame)
	return ws, nil
}

// handshake says connection_init and waits for connection_ack. It returns how long the
// connection may be silent.
func (c *Client) handshake(ws *websocket.Conn) (silence time.Duration, err error) {
	if ws.Subprotocol() != Subprotocol {
		return 0, fmt.Errorf("connect to %s: the server does not speak %s; is the address right?", c.cfg.RealtimeURL, Subprotocol)
	}
	deadline := time.Now().Add(c.cfg.OperationTimeout)
	ws.SetWriteDeadline(deadline)
	ws.SetReadDeadline(deadline)
	if err := ws.WriteJSON(ClientFrame{Type: TypeConnectionInit}); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	for {
		frame, err := readFrame(ws)
		if err != nil {
			return 0, fmt.Errorf("connect: %w", err)
		}
		switch frame.Type {
		case TypeConnectionAck:
			allowed := time.Duration(frame.ConnectionTimeoutMs) * time.Millisecond
			if allowed <= 0 {
				allowed = c.cfg.SilenceTimeout
			}
			return min(allowed, c.cfg.SilenceTimeout), nil
		case TypeConnectionError, TypeError:
			return 0, refused("connect", "", 0, frame.Errors)
		}
	}
}

func readFrame(ws *websocket.Conn) (ServerFrame, error) {
	_, data, err := ws.ReadMessage()
	if err != nil {
		return ServerFrame{}, err
	}
	return ParseServerFrame(data)
}

// read takes frames until the connection ends, and returns why it did.
func (l *link) read(silence time.Duration) error {
	for {
		l.ws.SetReadDeadline(time.Now().Add(silence))
		frame, err := readFrame(l.ws)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return fmt.Errorf("%w for %v", ErrSilent, silence)
		case err != nil:
			return fmt.Errorf("read from the event channels: %w", err)
		}
		if err := l.handle(frame); err != nil {
			return err
		}
	}
}

// handle takes one frame. It never waits, so that answers get through while handlers are
// busy. An error ends the connection.
func (l *link) handle(frame ServerFrame) error {
	switch frame.Type {
	case TypeKeepAlive:
		return nil
	case TypeData:
		l.mu.Lock()
		sub := l.subs[frame.ID]
		l.mu.Unlock()
		if sub == nil {
			return nil // on its way when we unsubscribed
		}
		found, err := frame.DataEvents()
		if err != nil {
			return err
		}
		for _, event := range found {
			select {
			case l.client.deliveries <- delivery{sub: sub, event: event}:
			default:
				return fmt.Errorf("%w: %d events wait", ErrSlowHandler, cap(l.client.deliveries))
			}
		}
		return nil
	case TypeBroadcastError:
		l.client.cfg.Log.Warn("the event channels could not deliver an event", "errors", frame.Errors)
		return nil
	}
	l.mu.Lock()
	answer := l.pending[frame.ID]
	delete(l.pending, frame.ID)
	l.mu.Unlock()
	if answer != nil {
		answer <- frame
	} else if len(frame.Errors) > 0 {
		l.client.cfg.Log.Warn("error from the event channels", "type", frame.Type, "errors", frame.Errors)
	}
	return nil
}

// write sends frames until the link is over, then says goodbye and closes the socket, which
// also ends read.
func (l *link) write(ctx context.Context) error {
	defer l.ws.Close()
	// A write that is stuck when the link is over gets a short time only.
	stop := context.AfterFunc(ctx, func() { l.ws.NetConn().SetWriteDeadline(time.Now().Add(closeGrace)) })
	defer stop()
	for {
		select {
		case <-ctx.Done():
			goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			l.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(closeGrace))
			return context.Cause(ctx)
		case data := <-l.out:
			l.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
			if err := l.ws.WriteMessage(websocket.TextMessage, data); err != nil {
				return fmt.Errorf("write to the event channels: %w", err)
			}
		}
	}
}

// begin authorizes and sends an operation. The answer arrives on the returned channel.
// Register, if not nil, is called with the id before the frame is sent.
func (l *link) begin(ctx context.Context, frame ClientFrame, register func(id string)) (id string, answer chan ServerFrame, err error) {
	if frame.Authorization, err = l.client.authorize(ctx); err != nil {
		return "", nil, err
	}
	answer = make(chan ServerFrame, 1)
	l.mu.Lock()
	l.lastID++
	frame.ID = strconv.Itoa(l.lastID)
	l.pending[frame.ID] = answer
	l.mu.Unlock()
	if register != nil {
		register(frame.ID)
	}
	data, err := json.Marshal(frame)
	select {
	case <-l.done:
		err = ErrOffline
	default:
	}
	if err == nil {
		select {
		case l.out <- data:
			return frame.ID, answer, nil
		case <-l.done:
			err = ErrOffline
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	l.forget(frame.ID)
	return "", nil, err
}

// await waits for the answer to an operation.
func (l *link) await(ctx context.Context, id string, answer chan ServerFrame) (ServerFrame, error) {
	ctx, cancel := context.WithTimeout(ctx, l.client.cfg.OperationTimeout)
	defer cancel()
	select {
	case frame := <-answer:
		return frame, nil
	case <-l.done:
		select { // the answer may have come just before the end
		case frame := <-answer:
			return frame, nil
		default:
			return ServerFrame{}, fmt.Errorf("%w: the connection was lost", ErrUnconfirmed)
		}
	case <-ctx.Done():
		l.forget(id)
		return ServerFrame{}, fmt.Errorf("%w: %w", ErrUnconfirmed, context.Cause(ctx))
	}
}

func (l *link) operate(ctx context.Context, frame ClientFrame) (ServerFrame, error) {
	id, answer, err := l.begin(ctx, frame, nil)
	if err != nil {
		return ServerFrame{}, err
	}
	return l.await(ctx, id, answer)
}

func (l *link) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id)
	delete(l.subs, id)
}

func (l *link) wantSubscriptions() {
	select {
	case l.want <- struct{}{}:
	default:
	}
}

// subscribeAll asks for every subscription of the client that this connection does not have
// yet, at first and whenever one is added. After the first round of a reconnect it queues
// the reconnect hook.
func (l *link) subscribeAll(ctx context.Context, again bool) error {
	for {
		if err := l.subscribeMissing(ctx); err != nil {
			return err
		}
		if again && l.client.cfg.OnReconnect != nil {
			select {
			case l.client.deliveries <- delivery{reconnect: true}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		again = false
		select {
		case <-l.want:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// subscribeMissing sends all requests before it waits for the first answer. A refusal is
// the subscription's affair; any other error ends the connection.
func (l *link) subscribeMissing(ctx context.Context) error {
	type request struct {
		sub    *Subscription
		id     string
		answer chan ServerFrame
	}
	c := l.client
	var missing []*Subscription
	c.mu.Lock()
	for _, sub := range c.subs {
		if sub.link != l {
			missing = append(missing, sub)
		}
	}
	c.mu.Unlock()
	requests := make([]request, 0, len(missing))
	for _, sub := range missing {
		id, answer, err := l.begin(ctx, ClientFrame{Type: TypeSubscribe, Channel: sub.channel}, func(id string) {
			// Before sending: data frames may follow the answer at once.
			l.mu.Lock()
			l.subs[id] = sub
			l.mu.Unlock()
			c.mu.Lock()
			sub.link, sub.id = l, id
			c.mu.Unlock()
		})
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", sub.channel, err)
		}
		requests = append(requests, request{sub, id, answer})
	}
	for _, r := range requests {
		frame, err := l.await(ctx, r.id, r.answer)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", r.sub.channel, err)
		}
		var refusal error
		if frame.Type != TypeSubscribeSuccess {
			l.forget(r.id)
			refusal = refused("subscribe", r.sub.channel, 0, frame.Errors)
			c.cfg.Log.Warn("subscription refused", "channel", r.sub.channel, "error", refusal)
		}
		c.mu.Lock()
		r.sub.answered, r.sub.err = true, refusal
		gone := r.sub.closed.Load()
		c.notify()
		c.mu.Unlock()
		if gone && refusal == nil {
			l.unsubscribe(r.id)
		}
	}
	return nil
}

// unsubscribe tells the server, without waiting for the answer: events that are still on
// their way are ignored.
func (l *link) unsubscribe(id string) {
	l.forget(id)
	data, err := json.Marshal(ClientFrame{Type: TypeUnsubscribe, ID: id})
	if err != nil {
		return
	}
	select {
	case l.out <- data:
	case <-l.done:
	}
}
