package appsync

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// corkBytes is how much is collected before it is written. A burst of chat fits; more
// would only delay the first event of it.
const corkBytes = 16 << 10

// corkedConn joins the frames of one batch into few writes. When many events are published
// while a connection waits for its turn on a busy machine, system calls are most of the
// cost of fan-out: BenchmarkFanOutBurst needs a quarter of the system time with it. Write is
// called by one goroutine at a time: gorilla/websocket sees to it.
type corkedConn struct {
	net.Conn
	more   atomic.Bool  // another frame follows at once
	endBy  atomic.Int64 // Unix nanoseconds; no write may take longer. 0: not set
	buffer []byte
}

// end gives all writes, also one that is stuck now, until then.
func (c *corkedConn) end(by time.Time) {
	c.endBy.Store(by.UnixNano())
	c.Conn.SetWriteDeadline(by)
}

// SetWriteDeadline sets the deadline of writes, but not beyond what end allowed.
func (c *corkedConn) SetWriteDeadline(t time.Time) error {
	if err := c.Conn.SetWriteDeadline(t); err != nil {
		return err
	}
	// Looked up after setting, so that whichever of the two calls is later sees the other.
	if endBy := c.endBy.Load(); endBy != 0 && t.UnixNano() > endBy {
		return c.Conn.SetWriteDeadline(time.Unix(0, endBy))
	}
	return nil
}

// Write collects while more is set, and writes otherwise.
func (c *corkedConn) Write(p []byte) (int, error) {
	if len(c.buffer) == 0 && !c.more.Load() {
		return c.Conn.Write(p)
	}
	c.buffer = append(c.buffer, p...)
	if c.more.Load() && len(c.buffer) < corkBytes {
		return len(p), nil
	}
	_, err := c.Conn.Write(c.buffer)
	if c.buffer = c.buffer[:0]; cap(c.buffer) > keepScratch {
		c.buffer = nil
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// corkHijacker gives the WebSocket upgrade a corkedConn for its connection.
type corkHijacker struct {
	http.ResponseWriter
	conn *corkedConn // set by Hijack
}

// Hijack takes the connection over from net/http.
func (h *corkHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("the HTTP server does not give connections away")
	}
	conn, buffers, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &corkedConn{Conn: conn}
	return h.conn, buffers, nil
}
