package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// link is one connection of a client. One goroutine reads and one writes; they end together.
type link struct {
	client  *Client
	ws      *websocket.Conn
	silence time.Duration // how long the server may say nothing
	opened  time.Time
	expires time.Time       // of the token that it was opened with; zero: unknown
	ctx     context.Context // ends with the link; its cause is why
	cancel  context.CancelCauseFunc
	gone    chan struct{} // closed when its goroutines are gone
	out     chan []byte
	want    chan struct{} // a hint: some subscription has not been asked for

	mu      sync.Mutex // protects what follows; not held over anything that waits
	lastID  int
	pending map[string]chan ServerFrame // operations waiting for an answer
	subs    map[string]*Subscription    // by operation id: whose events are taken
	asked   map[*Subscription]string    // ids; also of those that were refused
	retired bool                        // takes no more operations
	idle    chan struct{}               // closed when retired and nothing is pending
}

// open makes one connection, up to its acknowledgement. It is given up when dialing ends; once
// made it lives as long as life. After, if not zero, is the expiry of the token of the present
// connection: a token that does not live longer is errNotFresh, and nothing is opened.
func (c *Client) open(dialing, life context.Context, after time.Time) (*link, error) {
	auth, expires, err := c.authorize(dialing)
	if err != nil {
		return nil, err
	}
	if !after.IsZero() && !expires.IsZero() && !expires.After(after) {
		return nil, errNotFresh
	}
	ws, err := c.dial(dialing, auth)
	if err != nil {
		return nil, err
	}
	// Until the writer runs, the end of the context must end the handshake.
	stop := context.AfterFunc(dialing, func() { ws.Close() })
	silence, err := c.handshake(ws)
	if stopped := stop(); err == nil && !stopped {
		err = context.Cause(dialing)
	}
	if err != nil {
		ws.Close()
		return nil, err
	}
	l := &link{client: c, ws: ws, silence: silence, opened: time.Now(), expires: expires,
		gone: make(chan struct{}), out: make(chan []byte, outLength), want: make(chan struct{}, 1), idle: make(chan struct{}),
		pending: map[string]chan ServerFrame{}, subs: map[string]*Subscription{}, asked: map[*Subscription]string{}}
	l.ctx, l.cancel = context.WithCancelCause(life)
	go func() {
		defer close(l.gone)
		var writer sync.WaitGroup
		writer.Go(func() { l.cancel(l.write()) })
		l.cancel(l.read())
		writer.Wait()
	}()
	return l, nil
}

// end closes the link and waits until its goroutines are gone.
func (l *link) end(reason error) {
	l.cancel(reason)
	<-l.gone
}

// retire lets a connection that was replaced answer what is pending, and closes it.
func (l *link) retire() {
	l.mu.Lock()
	l.retired = true
	if len(l.pending) == 0 {
		close(l.idle)
	}
	l.mu.Unlock()
	patience := time.NewTimer(l.client.cfg.OperationTimeout)
	defer patience.Stop()
	select {
	case <-l.idle:
	case <-patience.C:
	case <-l.ctx.Done():
	}
	l.end(errReplaced)
}

// dial opens the WebSocket with the authorization among the subprotocols.
func (c *Client) dial(ctx context.Context, auth Authorization) (*websocket.Conn, error) {
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
func (l *link) read() error {
	for {
		l.ws.SetReadDeadline(time.Now().Add(l.silence))
		frame, err := readFrame(l.ws)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return fmt.Errorf("%w for %v", ErrSilent, l.silence)
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
			if err := l.client.router.route(l, sub, event); err != nil {
				return err
			}
		}
		return nil
	case TypeBroadcastError:
		l.client.cfg.Log.Warn("the event channels could not deliver an event", "errors", frame.Errors)
		return nil
	}
	if !l.settle(frame.ID, &frame) && len(frame.Errors) > 0 {
		l.client.cfg.Log.Warn("error from the event channels", "type", frame.Type, "errors", frame.Errors)
	}
	return nil
}

// write sends frames until the link is over, then says goodbye and closes the socket, which
// also ends read.
func (l *link) write() error {
	ctx := l.ctx
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
