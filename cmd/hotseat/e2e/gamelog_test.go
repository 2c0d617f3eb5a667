package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// gameLog is the file in which the bundled game notes what its X display brings it: what counts is
// what reached the game, not what was sent.
type gameLog string

// gameLine is one line of it, as far as the tests look.
type gameLine struct {
	At    int64  `json:"at"`    // Unix milliseconds
	Event string `json:"event"` // "key_down", "key_up", "client_connected", …
	Code  string `json:"code"`  // of keys: KeyboardEvent.code
}

func newGameLog(t testing.TB) gameLog {
	return gameLog(filepath.Join(t.TempDir(), "game.jsonl"))
}

// keeping is a launch script that keeps the log. A demo does not pass its own environment on to the
// game, so the application's script has to say where the log is.
func (l gameLog) keeping(script string) string {
	return "export HOTSEAT_GAME_LOG='" + string(l) + "'\n" + script
}

// lines are those written so far.
func (l gameLog) lines(t testing.TB) []gameLine {
	t.Helper()
	content, err := os.ReadFile(string(l))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var lines []gameLine
	for text := range bytes.Lines(content) {
		var line gameLine
		if json.Unmarshal(text, &line) == nil { // the last one may be half written
			lines = append(lines, line)
		}
	}
	return lines
}

// press waits for the first press of a key since a moment.
func (l gameLog) press(t testing.TB, code string, since time.Time) {
	t.Helper()
	until(t, "a press of "+code+" in the game", patience, func() bool {
		return slices.ContainsFunc(l.lines(t), func(line gameLine) bool {
			return line.Event == "key_down" && line.Code == code && line.At >= since.UnixMilli()
		})
	})
}
