package supervise

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Variable tells a process that it is a worker.
const Variable = "HOTSEAT_SIDECAR_WORKER"

const (
	// The first that os/exec hands over (exec.Cmd.ExtraFiles): what the parent says, and signs of life
	// to it. Sockets follow.
	inputFD, lifeFD, socketsFD = 3, 4, 5
	// maxInput bounds what a parent says; settings have a few KiB.
	maxInput = 1 << 20
)

// handoff is the one message from parent to worker. After it the pipe stays open and silent; its
// end is the order to stop, or the parent's death, which comes to the same.
type handoff struct {
	Settings json.RawMessage
	Restarts int      // workers before this one
	Starter  int      // pid of the process that started the supervisor
	Sockets  []string // names, in the order of the file descriptors
}

// Input is what a worker got from its parent.
type Input struct {
	Settings json.RawMessage
	Restarts int
	Sockets  map[string]net.Listener

	pipe, life *os.File
	starter    int
}

// Alive tells the parent that the worker does its work. A worker that has not for Config.Patience
// is killed and started again.
func (in *Input) Alive() { _, _ = in.life.Write([]byte{1}) } // without a parent the end is near anyway

// Receive reads what the parent handed over. It is called once, by a worker.
func Receive() (*Input, error) {
	pipe := os.NewFile(inputFD, "supervisor")
	var h handoff
	if err := json.NewDecoder(io.LimitReader(pipe, maxInput)).Decode(&h); err != nil {
		return nil, fmt.Errorf("hear the supervisor: %w", err)
	}
	in := &Input{Settings: h.Settings, Restarts: h.Restarts, Sockets: map[string]net.Listener{}, pipe: pipe, starter: h.Starter, life: os.NewFile(lifeFD, "signs of life")}
	for i, name := range h.Sockets {
		file := os.NewFile(uintptr(socketsFD+i), name)
		l, err := net.FileListener(file)
		file.Close() // the listener has a descriptor of its own
		if err != nil {
			return nil, fmt.Errorf("take over the socket of %s: %w", name, err)
		}
		in.Sockets[name] = l
	}
	return in, nil
}

// Stopped returns a context that ends when the parent says so, or is no more. A worker that
// still runs after limit is ended then and there with the exit code.
func (in *Input) Stopped(ctx context.Context, limit time.Duration, code int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in.pipe) // until its end
		cancel()
	}()
	context.AfterFunc(ctx, func() {
		time.AfterFunc(limit, func() { os.Exit(code) })
	})
	return ctx, cancel
}
