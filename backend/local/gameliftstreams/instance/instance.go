// Package instance is the line protocol between the control API
// (backend/local/gameliftstreams) and one game instance (cmd/hotseat-instance).
//
// The control API writes commands to the instance's standard input and reads
// events from its standard output, one JSON object a line. Both pipes are
// reliable and ordered; nothing is dropped or coalesced. End of file on standard
// input means: shut everything down. Secrets (stage tokens, environment values)
// travel only here, never in argv, where every user of the machine can read them.
//
// The package holds only data and knows neither processes nor sessions.
package instance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// MaxLine bounds one command or event in bytes. The largest line is a start
// command: 50 environment variables of 256 + 4096 bytes and 100 arguments; an
// SDP offer is below 20 KiB.
const MaxLine = 1 << 20

// MarkVariable is an environment variable with a random value that the instance and
// everything started below it carry. Should the instance be killed, processes that
// left its process group are found by it.
const MarkVariable = "HOTSEAT_INSTANCE"

// Kinds of command.
const (
	CommandStart      = "start"      // first line, exactly once: Start
	CommandConnect    = "connect"    // answer an offer: Connect
	CommandDisconnect = "disconnect" // drop the client that has this ConnectionID, if it is still the current one
	CommandStop       = "stop"       // end the game, then everything: StopReason
)

// Kinds of event.
const (
	EventReady        = "ready"        // the game was launched and survived its first moment
	EventAnswer       = "answer"       // ConnectionID, SignalResponse
	EventRefused      = "refused"      // ConnectionID, Reason, Message: the offer was not answered
	EventConnected    = "connected"    // ConnectionID: media flows
	EventDisconnected = "disconnected" // ConnectionID: the client is gone and every key it held is up
	EventInput        = "input"        // a person played; at most one every ten seconds
	EventExit         = "exit"         // last event: Reason, Message; the process ends next
)

// Reasons of EventRefused.
const (
	RefusedInvalidOffer = "invalidSignalRequest" // the offer cannot be answered
	RefusedConnected    = "connected"            // another client is connected
	RefusedInternal     = "internalError"        // the instance is at fault
)

// Reasons of EventExit.
const (
	ExitStopped      = "stopped"         // as commanded, or standard input closed
	ExitApplication  = "applicationExit" // the launch script ended by itself
	ExitLaunchFailed = "launchFailed"    // the script could not be run, or failed at once
	ExitInternal     = "internalError"   // display or another part of the instance failed
)

// Command is one line to the instance.
type Command struct {
	Command       string `json:"command"`
	Start         *Start `json:"start,omitempty"`
	ConnectionID  int    `json:"connectionId,omitempty"`
	SignalRequest string `json:"signalRequest,omitempty"`
	Reason        string `json:"reason,omitempty"` // of disconnect and stop; told to the client
}

// Start describes the instance to bring up.
type Start struct {
	Session     string            `json:"session"`     // id for logs and file names
	Dir         string            `json:"dir"`         // the application's folder
	Executable  string            `json:"executable"`  // launch script, relative to Dir
	Arguments   []string          `json:"arguments"`   // AdditionalLaunchArgs
	Environment map[string]string `json:"environment"` // AdditionalEnvironmentVariables
	Scratch     string            `json:"scratch"`     // folder the instance creates and removes
	Width       int               `json:"width"`       // of the display, pixels
	Height      int               `json:"height"`      // of the display, pixels
	Framerate   int               `json:"framerate"`   // of the player's stream, frames a second
	BitrateKbps int               `json:"bitrateKbps"` // of the player's video
	Encoder     string            `json:"encoder"`     // "cpu" or "gpu"
	ProtocolURL string            `json:"protocolUrl"` // webSdkProtocolUrl of every answer
}

// Event is one line from the instance.
type Event struct {
	Event          string `json:"event"`
	ConnectionID   int    `json:"connectionId,omitempty"`
	SignalResponse string `json:"signalResponse,omitempty"`
	Reason         string `json:"reason,omitempty"`
	Message        string `json:"message,omitempty"` // for a person; at most a few kilobytes
}

// ErrLineTooLong reports a line above MaxLine.
var ErrLineTooLong = errors.New("line too long")

// Writer writes values as JSON lines. Its methods may be called concurrently;
// the mutex keeps lines whole.
type Writer struct {
	line sync.Mutex
	out  io.Writer
}

// NewWriter returns a Writer on out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes one value as one line.
func (w *Writer) Write(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode line: %w", err)
	}
	if len(data) >= MaxLine {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrLineTooLong, len(data), MaxLine)
	}
	w.line.Lock()
	defer w.line.Unlock()
	_, err = w.out.Write(append(data, '\n'))
	return err
}

// Reader reads JSON lines of at most MaxLine bytes.
type Reader struct{ lines *bufio.Scanner }

// NewReader returns a Reader on in.
func NewReader(in io.Reader) *Reader {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), MaxLine)
	return &Reader{lines: lines}
}

// Read decodes the next line into value. It returns io.EOF at the end, and
// ErrLineTooLong (after which the Reader is of no more use) for a longer line.
func (r *Reader) Read(value any) error {
	if !r.lines.Scan() {
		err := r.lines.Err()
		switch {
		case err == nil:
			return io.EOF
		case errors.Is(err, bufio.ErrTooLong):
			return ErrLineTooLong
		}
		return err
	}
	if err := json.Unmarshal(r.lines.Bytes(), value); err != nil {
		return fmt.Errorf("decode line: %w", err)
	}
	return nil
}
