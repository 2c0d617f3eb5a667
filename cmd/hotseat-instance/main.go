//go:build linux && cgo

// Command hotseat-instance is one game instance on this machine, as one GameLift
// Streams session is one on AWS: a display and a sound server of its own, the
// game's launch script, the stream to the person who plays, and their input.
//
// It is started by backend/local/gameliftstreams, takes commands on standard input
// and reports on standard output (package instance); its own log goes to standard
// error. When standard input ends it ends everything that it started.
//
// It does not know who may play, nor what a session's state is: that is decided by
// who starts it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"hotseat/backend/local/gameliftstreams/instance"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "hotseat-instance takes no arguments: it is started by the local GameLift Streams service and reads commands from standard input")
		os.Exit(2)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)) // one record a line, for who started us
	events, err := claimStdout()
	if err != nil {
		log.Error("start", "error", err)
		os.Exit(1)
	}
	// Standard output is a pipe to whoever started this. When that is gone, a write must fail and not end
	// this process: it still has children to end. To ignore the signal would be inherited by them.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer stop()
	if err := run(ctx, os.Stdin, instance.NewWriter(events), log); err != nil {
		log.Error("instance failed", "error", err)
		os.Exit(1)
	}
}

// claimStdout takes standard output for events alone: what a C library prints
// there goes to standard error from now on.
func claimStdout() (*os.File, error) {
	events, err := unix.FcntlInt(uintptr(unix.Stdout), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate standard output: %w", err)
	}
	if err := unix.Dup3(unix.Stderr, unix.Stdout, 0); err != nil {
		return nil, fmt.Errorf("redirect standard output: %w", err)
	}
	return os.NewFile(uintptr(events), "events"), nil
}
