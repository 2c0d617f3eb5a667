// Package datachannel is the game's side of the stream's data channel: the TCP
// server on 127.0.0.1 to which a game connects on GameLift Streams ("Data channel
// communication between an application and web client" in its developer guide).
//
// Delivery: messages of the client that arrive before the game connects are kept,
// at most 256 of them and 1 MiB, the oldest dropped first; likewise for a game
// that connected but does not read. Client connected and disconnected are never
// dropped. A client's messages that no game took are dropped when it leaves.
// Messages of the game are passed on at once, or lost when no client is there, or
// when they name a client that has left. Nothing is reordered or coalesced.
//
// The package moves bytes; it does not know what they mean, nor who the client is.
package datachannel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// EventType says what a frame is about.
type EventType byte

// The event types of GameLift Streams.
const (
	ClientConnected    EventType = 0
	ClientDisconnected EventType = 1
	Message            EventType = 2
)

// MaxPayload is the largest payload in bytes: the length field has 16 bits.
const MaxPayload = 65535

const headerSize = 4

// ErrTooLarge reports a payload above MaxPayload.
var ErrTooLarge = errors.New("data channel message too large")

// Frame is one frame, the same in both directions: client id, event type, length
// in two bytes (big endian), payload.
type Frame struct {
	Client  byte
	Type    EventType
	Payload []byte
}

// Append writes the frame behind buffer.
func (f Frame) Append(buffer []byte) ([]byte, error) {
	if len(f.Payload) > MaxPayload {
		return buffer, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(f.Payload), MaxPayload)
	}
	buffer = append(buffer, f.Client, byte(f.Type))
	buffer = binary.BigEndian.AppendUint16(buffer, uint16(len(f.Payload)))
	return append(buffer, f.Payload...), nil
}

// ReadFrame reads one frame. It returns io.EOF between frames and
// io.ErrUnexpectedEOF within one.
func ReadFrame(in io.Reader) (Frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return Frame{}, err
	}
	frame := Frame{
		Client:  header[0],
		Type:    EventType(header[1]),
		Payload: make([]byte, binary.BigEndian.Uint16(header[2:])),
	}
	if _, err := io.ReadFull(in, frame.Payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return frame, nil
}
