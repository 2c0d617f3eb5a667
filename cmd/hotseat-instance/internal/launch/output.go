package launch

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// logPart bounds one of the two files of a log, in bytes: a game that prints
	// every frame must not fill the disk.
	logPart = 2 << 20
	// tailSize is how much of the end is kept at hand, in bytes: enough for the
	// stack trace or usage text that explains a failed start.
	tailSize = 4 << 10
	// tailLines is how many lines of it are shown to a person.
	tailLines = 12
)

// Output is a bounded log file: path holds the newest output, path+".1" what was
// before, each at most 2 MiB. It is an io.Writer that never fails, so a full disk
// does not stop a game. Safe for concurrent use; the mutex keeps writes whole.
type Output struct {
	writes sync.Mutex
	path   string
	file   *os.File // nil: the disk failed, only the tail is kept
	size   int
	tail   []byte
}

// CreateOutput makes the log file.
func CreateOutput(path string) (*Output, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the application's log: %w", err)
	}
	return &Output{path: path, file: file}, nil
}

// Write keeps data.
func (o *Output) Write(data []byte) (int, error) {
	o.writes.Lock()
	defer o.writes.Unlock()
	o.tail = append(o.tail, data...)
	if surplus := len(o.tail) - tailSize; surplus > 0 {
		o.tail = append(o.tail[:0], o.tail[surplus:]...)
	}
	if o.file != nil && o.size+len(data) > logPart {
		o.rotate()
	}
	if o.file != nil {
		if _, err := o.file.Write(data); err != nil {
			o.file.Close()
			o.file = nil
		}
		o.size += len(data)
	}
	return len(data), nil
}

func (o *Output) rotate() {
	o.file.Close()
	o.file, o.size = nil, 0
	if os.Rename(o.path, o.path+".1") != nil {
		return
	}
	o.file, _ = os.OpenFile(o.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

// LastLines returns the end of the output, at most twelve lines, without control
// characters: it is shown on terminals.
func (o *Output) LastLines() string {
	o.writes.Lock()
	tail := bytes.Clone(o.tail)
	o.writes.Unlock()
	lines := strings.Split(strings.TrimSpace(string(tail)), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.Join(lines, "\n"))
}

// Close closes the file.
func (o *Output) Close() {
	o.writes.Lock()
	defer o.writes.Unlock()
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
}
