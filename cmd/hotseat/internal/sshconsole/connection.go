package sshconsole

import (
	"context"
	"net"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

const (
	// maxConsoles bounds the sessions of one connection, with a console or on the way to one (OpenSSH's
	// MaxSessions is 10 by default).
	maxConsoles = 4
	// maxRefused is how many channels of a connection are refused before it is closed: each refusal waits
	// for a client to read it, and no person asks so often.
	maxRefused = 64
	// emptyTime is how long a connection may be without a console. It holds a place that somebody else
	// may want, and a client that shares connections (ControlPersist) opens another one.
	emptyTime = time.Minute
)

// connectionKey is the connection's key in the context that the SSH library makes for it.
type connectionKey struct{}

// connection is one connection and what it holds. It is closed when it has had no console for a while.
// It is safe for use by several goroutines.
type connection struct {
	net.Conn
	emptyTime time.Duration
	empty     *time.Timer // closes the connection; stopped while there is a console
	forget    func() bool // the server's end no longer closes the connection

	mu       sync.Mutex // protects what follows
	sessions int        // channels that are open or whose console has not ended
	consoles int
	refused  int
	closed   bool
}

// newConnection is closed at the end of the context at the latest. It counts as empty from the handshake
// on; closing is called before it is closed for that.
func newConnection(ctx context.Context, conn net.Conn, empty time.Duration, closing func()) *connection {
	c := &connection{Conn: conn, emptyTime: empty}
	c.mu.Lock() // the timer may be quick
	defer c.mu.Unlock()
	c.empty = time.AfterFunc(empty, func() {
		closing()
		_ = c.Close()
	})
	c.forget = context.AfterFunc(ctx, func() { _ = c.Close() })
	return c
}

// take takes the place of a session, if there is one.
func (c *connection) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions >= maxConsoles {
		return false
	}
	c.sessions++
	return true
}

func (c *connection) give() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions--
}

// refuse rejects a channel, and closes the connection when that was one too many.
func (c *connection) refuse(offered gossh.NewChannel, reason gossh.RejectionReason, why string) {
	c.mu.Lock()
	c.refused++
	enough := c.refused > maxRefused
	c.mu.Unlock()
	if enough {
		_ = c.Close()
		return
	}
	_ = offered.Reject(reason, why)
}

// begin and end stand around a console.
func (c *connection) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consoles++
	c.empty.Stop()
}

func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.consoles--; c.consoles == 0 && !c.closed {
		c.empty.Reset(c.emptyTime)
	}
}

func (c *connection) Close() error {
	c.mu.Lock()
	c.closed = true
	c.empty.Stop()
	c.forget()
	c.mu.Unlock()
	return c.Conn.Close()
}
