// Command hotseat-sidecar runs beside a game on the same machine: it captures the game's
// display and sound, broadcasts them by WHIP to an IVS Real-Time stage and, in a playtest
// session, publishes its health and lets the game hear the audience.
//
// It takes the flags and variables of AWS's sample sidecar (hotseat-sidecar -h). SIGTERM or
// SIGINT ends the broadcast in good order within two seconds, with exit code 0. Everything
// else that ends it is a failure: exit code 1, with the reason in the log on standard error.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"hotseat/sidecar/config"
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stderr))
}

func run(args []string, getenv func(string) string, stderr io.Writer) (code int) {
	cfg, warnings, err := config.Load(args, getenv, stderr)
	level := slog.LevelInfo
	if cfg.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	for _, w := range warnings {
		log.Warn(w)
	}
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case errors.Is(err, config.ErrUsage): // said already, with the usage
		return 1
	case err != nil:
		log.Error("cannot start: " + err.Error())
		return 1
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := newSidecar(cfg, log).run(ctx); err != nil {
		log.Error("the broadcast ended", "reason", err)
		return 1
	}
	log.Info("the broadcast ended in good order")
	return 0
}
