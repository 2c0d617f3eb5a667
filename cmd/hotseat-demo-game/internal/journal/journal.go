// Package journal writes down what reached the game, for tests and
// measurements: one JSON object a line, with the Unix time in milliseconds.
// Nothing is buffered: a line is in the file when the call returns.
package journal

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Entry is one line. Event says which other fields count.
type Entry struct {
	At    int64  `json:"at"` // Unix milliseconds
	Event string `json:"event"`

	Code     string  `json:"code,omitempty"`   // key_down, key_up
	Button   *int    `json:"button,omitempty"` // button_down, button_up
	X        *int    `json:"x,omitempty"`      // buttons: pixels
	Y        *int    `json:"y,omitempty"`
	Presses  int     `json:"presses,omitempty"` // key_down: presses so far
	Epoch    *uint64 `json:"epoch,omitempty"`   // seat
	Holder   string  `json:"holder,omitempty"`  // seat: name, empty when free
	HolderID string  `json:"holderId,omitempty"`
	Reaction string  `json:"reaction,omitempty"` // reaction
	User     string  `json:"user,omitempty"`     // chat, reaction: name
	Message  string  `json:"message,omitempty"`  // chat
	Cleared  int     `json:"cleared,omitempty"`  // keys_cleared: how many were held
	Client   *int    `json:"client,omitempty"`   // client_connected, client_disconnected, client_message
	Width    int     `json:"width,omitempty"`    // started
	Height   int     `json:"height,omitempty"`
	FPS      int     `json:"fps,omitempty"`
	Shared   bool    `json:"shared,omitempty"` // started: frames go through shared memory
}

// Journal writes entries. A nil Journal writes nothing.
type Journal struct {
	out io.WriteCloser
	log *slog.Logger
}

// Open appends to a file. An empty path gives a nil Journal.
func Open(path string, log *slog.Logger) (*Journal, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open game log: %w", err)
	}
	return &Journal{out: f, log: log}, nil
}

// Write adds an entry that happened at a moment.
func (j *Journal) Write(at time.Time, e Entry) {
	if j == nil || j.out == nil {
		return
	}
	e.At = at.UnixMilli()
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.out.Write(append(line, '\n'))
	}
	if err != nil {
		j.log.Warn("game log cannot be written, giving it up", "error", err)
		_ = j.out.Close()
		j.out = nil
	}
}

// Close closes the file.
func (j *Journal) Close() error {
	if j == nil || j.out == nil {
		return nil
	}
	return j.out.Close()
}
