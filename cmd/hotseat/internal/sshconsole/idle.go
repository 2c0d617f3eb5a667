package sshconsole

import (
	"context"
	"io"
	"time"
)

// idle ends a context after a time in which nothing came from the person, and, where output counts
// as well, nothing went to them. What the console draws by itself is no sign of somebody being there.
type idle struct {
	io.Reader
	io.Writer
	after        time.Duration
	timer        *time.Timer
	outputCounts bool
}

// errIdle is why the context of an idle connection ended.
type errIdle time.Duration

func (e errIdle) Error() string {
	return "nothing was typed for " + time.Duration(e).String() + "; connect again"
}

func watchIdle(ctx context.Context, rw io.ReadWriter, after time.Duration, outputCounts bool) (context.Context, *idle, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &idle{Reader: rw, Writer: rw, after: after, outputCounts: outputCounts}
	i.timer = time.AfterFunc(after, func() { cancel(errIdle(after)) })
	return ctx, i, func() {
		i.timer.Stop()
		cancel(nil)
	}
}

func (i *idle) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	if n > 0 {
		i.timer.Reset(i.after)
	}
	return n, err
}

func (i *idle) Write(p []byte) (int, error) {
	if i.outputCounts {
		i.timer.Reset(i.after)
	}
	return i.Writer.Write(p)
}
