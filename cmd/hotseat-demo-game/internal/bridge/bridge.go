// Package bridge hears the session from the sidecar: who holds the seat, what
// the audience says and how it reacts.
//
// Events arrive in the order of the bridge. None is dropped here (the sidecar
// drops the oldest for a game that does not read); lines that are too long or
// make no sense are skipped. After a lost connection it connects again and the
// bridge tells the seat anew; what happened in between is not repeated.
//
// Names and messages are text of strangers: they leave this package cleaned
// and short. It does not know the game or the picture.
package bridge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

const (
	// maxLine bounds one line. The largest event of the channel is a chat
	// message of 500 characters with its stamps: 4 KiB even if every character
	// is escaped. Longer lines are skipped.
	maxLine = 64 << 10

	// Pauses between attempts to connect: the sidecar starts beside the game
	// and needs a moment, and a dead one should not cost anything.
	firstPause = 100 * time.Millisecond
	maxPause   = 3 * time.Second
	dialTime   = 2 * time.Second
)

// Client reads one bridge.
type Client struct {
	Addr string // host:port
	Log  *slog.Logger
}

// Run connects, reads and connects again until the context ends. deliver is
// called for each event, from one goroutine; it may block.
func (c *Client) Run(ctx context.Context, deliver func(Event)) {
	pause := firstPause
	warned := false
	for ctx.Err() == nil {
		err := c.once(ctx, deliver, func() {
			pause, warned = firstPause, false
			c.Log.Info("bridge connected", "address", c.Addr)
		})
		if ctx.Err() != nil {
			return
		}
		if !warned {
			c.Log.Info("bridge is away, trying again", "address", c.Addr, "error", err)
			warned = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*2, maxPause)
	}
}

func (c *Client) once(ctx context.Context, deliver func(Event), connected func()) error {
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	connected()
	return Read(conn, func(e Event) {
		if ctx.Err() == nil {
			deliver(e)
		}
	})
}

// Read delivers the events of a stream of lines until it ends. The end of the
// stream is an error, too: io.ErrUnexpectedEOF inside a line, else io.EOF.
func Read(r io.Reader, deliver func(Event)) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			// Too long: skip to its end.
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			line = nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if e, ok := Parse(line); ok {
			deliver(e)
		}
	}
}
