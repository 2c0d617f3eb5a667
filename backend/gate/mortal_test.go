package gate

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"hotseat/backend/playtest"
)

// crashPoint is a moment of an append at which a process kills itself, as kill -9 does.
type crashPoint string

const (
	beforeAppend crashPoint = "before" // decided, and nothing written
	afterAppend  crashPoint = "after"  // on disk, and nobody told
)

// mortalLog is a log whose process dies where it is told to.
type mortalLog struct {
	Log
	point atomic.Pointer[crashPoint] // nil: it lives
}

func (m *mortalLog) Append(ctx context.Context, e playtest.Event) error {
	point := m.point.Load()
	if point != nil && *point == beforeAppend {
		die()
	}
	err := m.Log.Append(ctx, e)
	if point != nil && err == nil {
		die()
	}
	return err
}

// die sends SIGKILL to its own process, so that no deferred call and no other goroutine tidies up.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		self.Kill()
	}
	select {} // for the moment until it is delivered
}

// sharedClock is a clock that several processes read and a test moves: the milliseconds since clockZero
// are the length of a file, which every reader sees whole. It is safe for use by several goroutines.
type sharedClock struct{ path string }

// clockZero is what an untouched sharedClock shows.
var clockZero = time.UnixMilli(1_790_000_000_000)

// clockAt is the clock beside a database.
func clockAt(database string) sharedClock { return sharedClock{database + "-clock"} }

func (c sharedClock) now() time.Time {
	info, err := os.Stat(c.path)
	if err != nil { // nobody has moved it
		return clockZero
	}
	return clockZero.Add(time.Duration(info.Size()) * time.Millisecond)
}

// advance moves the clock on. One caller at a time.
func (c sharedClock) advance(by time.Duration) error {
	file, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Truncate(c.now().Add(by).Sub(clockZero).Milliseconds())
}
