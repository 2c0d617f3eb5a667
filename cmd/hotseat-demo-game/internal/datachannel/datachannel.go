// Package datachannel is the game's end of the GameLift Streams data channel:
// who connects, who leaves, and messages of the page's script.
//
// Frames are, in both directions, client id (1 byte), event type (1 byte), the
// length of the payload (2 bytes, big endian), payload. (Amazon GameLift Streams
// Developer Guide, "Data channels: using data channels on the application side".)
//
// Events are delivered in order and none is dropped. Outside GameLift Streams
// nobody listens on the port: the client then tries again, seldom, and the game
// carries on. It does not know the game.
package datachannel

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// DefaultAddr is where GameLift Streams listens.
const DefaultAddr = "127.0.0.1:40712"

// Type of an event.
type Type byte

// The event types of the protocol.
const (
	Connected    Type = 0
	Disconnected Type = 1
	Message      Type = 2
)

// Event is one frame.
type Event struct {
	Client  byte
	Type    Type
	Payload []byte // of a Message, at most 65,535 bytes
}

const retry = 3 * time.Second

// Run connects to the data channel and delivers its events until the context
// ends. deliver is called from one goroutine; it may block.
func Run(ctx context.Context, addr string, deliver func(Event)) {
	for ctx.Err() == nil {
		_ = once(ctx, addr, deliver)
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

func once(ctx context.Context, addr string, deliver func(Event)) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return Read(conn, func(e Event) {
		if ctx.Err() == nil {
			deliver(e)
		}
	})
}

// Read delivers the events of a stream until it ends or makes no sense.
func Read(r io.Reader, deliver func(Event)) error {
	in := bufio.NewReader(r)
	var head [4]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		e := Event{Client: head[0], Type: Type(head[1])}
		if e.Type > Message {
			return fmt.Errorf("data channel sent the unknown event type %d", e.Type)
		}
		if n := int(binary.BigEndian.Uint16(head[2:])); n > 0 {
			e.Payload = make([]byte, n)
			if _, err := io.ReadFull(in, e.Payload); err != nil {
				return err
			}
		}
		deliver(e)
	}
}
