//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
)

// settle is how long a launch script must live to count as started. Missing
// libraries, wrong paths and syntax errors show within a few milliseconds.
const settle = 300 * time.Millisecond

// errStopped says that we were told to stop, by command, signal or end of input.
var errStopped = errors.New("stopped")

// failure is an end with a reason for the exit event.
type failure struct {
	reason  string // instance.Exit…
	message string
}

func (f *failure) Error() string { return f.reason + ": " + f.message }

// run is the life of the instance. The returned error says only that the end was
// not orderly; why the game ended is in the exit event.
func run(ctx context.Context, in io.Reader, events *instance.Writer, log *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	commands := make(chan instance.Command)
	go read(ctx, in, commands, cancel, log)

	var start *instance.Start
	select {
	case first := <-commands:
		if first.Command != instance.CommandStart || first.Start == nil {
			return fmt.Errorf("the first command must be %q, not %q", instance.CommandStart, first.Command)
		}
		start = first.Start
	case <-ctx.Done():
		return nil // nothing was started
	}

	i := &Instance{start: *start, events: events, log: log}
	i.feed = &feed{open: i.openSource}
	err := i.bringUp(ctx)
	if err == nil {
		i.report(instance.Event{Event: instance.EventReady})
		err = i.serve(ctx, commands)
	}
	i.reportExit(ctx, err)
	return i.tearDown(stopReason(ctx))
}

// read passes commands on until the input ends or says stop; both end ctx.
func read(ctx context.Context, in io.Reader, commands chan<- instance.Command, stop context.CancelCauseFunc, log *slog.Logger) {
	lines := instance.NewReader(in)
	for {
		var command instance.Command
		if err := lines.Read(&command); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				log.Error("commands ended", "error", err)
			}
			stop(errStopped)
			return
		}
		if command.Command == instance.CommandStop {
			stop(&stopCommand{reason: command.Reason})
			return
		}
		select {
		case commands <- command:
		case <-ctx.Done():
			return
		}
	}
}

// stopCommand is the cause of a context that was ended by a stop command.
type stopCommand struct{ reason string }

func (s *stopCommand) Error() string { return "stop: " + s.reason }

// stopReason is what the client is told at the end.
func stopReason(ctx context.Context) string {
	var command *stopCommand
	if errors.As(context.Cause(ctx), &command) && command.reason != "" {
		return command.reason
	}
	return "terminated"
}

// serve handles commands until the game or the display ends, or ctx is done.
func (i *Instance) serve(ctx context.Context, commands <-chan instance.Command) error {
	for {
		select {
		case command := <-commands:
			i.handle(ctx, command)
		case <-i.script.Done():
			return &failure{instance.ExitApplication, i.script.Explain()}
		case <-i.display.Done():
			return &failure{instance.ExitInternal, "the display (Xvfb) ended"}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (i *Instance) handle(ctx context.Context, command instance.Command) {
	switch command.Command {
	case instance.CommandConnect:
		i.connect(ctx, command.ConnectionID, command.SignalRequest)
	case instance.CommandDisconnect:
		if i.seat != nil && i.seat.id == command.ConnectionID {
			i.seat.client.Close(command.Reason)
		}
	default:
		i.log.Warn("unknown command", "command", command.Command)
	}
}

func (i *Instance) report(event instance.Event) {
	if err := i.events.Write(event); err != nil {
		i.log.Warn("report an event", "event", event.Event, "error", err)
	}
}

func (i *Instance) reportExit(ctx context.Context, err error) {
	exit := instance.Event{Event: instance.EventExit, Reason: instance.ExitInternal}
	var failed *failure
	switch {
	case ctx.Err() != nil:
		exit.Reason = instance.ExitStopped
	case errors.As(err, &failed):
		exit.Reason, exit.Message = failed.reason, failed.message
	case err != nil:
		exit.Message = err.Error()
	}
	i.log.Info("instance ends", "reason", exit.Reason, "message", exit.Message)
	i.report(exit)
}

// tearDown ends everything: the player, then the game and all its descendants
// (SIGTERM, three seconds, SIGKILL), then sound and display, then the files. The
// display goes after the game, which could otherwise die of its loss before it
// saved anything.
func (i *Instance) tearDown(reason string) error {
	if i.seat != nil {
		i.seat.client.Close(reason)
	}
	i.seats.Wait()
	i.feed.close()
	var problems []error
	if i.children != nil {
		problems = append(problems, i.endGame())
		if i.script != nil {
			i.script.Close()
		}
	}
	if i.dataChannel != nil {
		i.dataChannel.Close()
	}
	if i.focus != nil {
		i.focus.Close()
	}
	if i.injector != nil {
		i.injector.Close()
	}
	if i.children != nil {
		problems = append(problems, i.children.End(infrastructureGrace))
		i.children.Close()
	}
	if i.scratchMade {
		problems = append(problems, os.RemoveAll(i.start.Scratch))
	}
	return errors.Join(problems...)
}

// parallel runs both and returns when both have ended.
func parallel(first, second func()) {
	var both sync.WaitGroup
	both.Go(first)
	both.Go(second)
	both.Wait()
}
