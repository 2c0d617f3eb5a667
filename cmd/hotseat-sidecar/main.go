// Command hotseat-sidecar runs beside a game on the same machine: it captures the game's
// display and sound, broadcasts them by WHIP to an IVS Real-Time stage, by RTMP, or both, and, in
// a playtest session, publishes its health and lets the game and its audience hear each other.
//
// It takes the flags and variables of AWS's sample sidecar (hotseat-sidecar -h), and is two
// processes: a supervisor, which is small and stays, and a worker, which broadcasts and is
// started again whenever it dies. `hotseat-sidecar run -- game` starts the game, too.
//
// SIGTERM or SIGINT ends it in good order: within two seconds, with exit code 0; with a game
// after the game, within eight more, and with the game's exit code. A game is over when its first
// process is; what else it started, however it was forked, is ended with it. Exit codes:
//
//	0   ended in good order
//	1   a setting or an argument is wrong; nothing was started
//	3   the stage refuses the token, and there is no other
//	4   the broadcast failed; from the worker, and with --no-supervise
//	5   the display is gone, and so is what started the sidecar: nobody is left
//	n   with run: the game's own, or 128 and the signal that ended it; 127 when it cannot be started
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"hotseat/cmd/hotseat-sidecar/internal/supervise"
	"hotseat/sidecar/config"
)

// Exit codes; the package comment is their documentation.
const (
	exitOK      = 0
	exitConfig  = 1
	exitRefused = 3
	exitFailed  = 4
	exitNobody  = 5
)

func main() {
	// A log that nobody reads any more must not end the broadcast: writing to it then fails, and
	// that is all. Not signal.Ignore, which the game would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if os.Getenv(supervise.Variable) != "" {
		os.Exit(broadcast())
	}
	if clean, moved := config.HideSecrets(os.Args[1:]); moved != nil {
		startAgainWithout(clean, moved)
	}
	os.Exit(run(os.Args[1:], os.Stderr))
}

// argvSecret remembers over the new start that there is something to warn of.
const argvSecret = "HOTSEAT_SECRET_WAS_IN_ARGUMENTS"

// startAgainWithout replaces the process by itself with secrets in variables instead of arguments.
// Who looked in between has seen them; who looks from now on does not.
func startAgainWithout(clean []string, moved map[string]string) {
	env := append([]string{}, os.Environ()...)
	var names []string
	for name, value := range moved {
		env = append(without(env, name, name+"_FILE"), name+"="+value) // a flag beats both
		names = append(names, name)
	}
	env = append(env, argvSecret+"="+strings.Join(names, ","))
	command, err := findBundle().command()
	if err == nil {
		err = syscall.Exec(command[0], append(command, clean...), env)
	}
	slog.Warn("secrets stay on the command line, where everybody on this machine can read them", "reason", err)
}

func without(env []string, names ...string) []string {
	var left []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		drop := false
		for _, n := range names {
			drop = drop || n == name
		}
		if !drop {
			left = append(left, v)
		}
	}
	return left
}

func newLog(cfg config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if cfg.Debug {
		options.Level = slog.LevelDebug
	}
	if cfg.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// run is the supervisor, or all in one process with --no-supervise.
func run(args []string, stderr io.Writer) int {
	cfg, warnings, err := config.Load(config.Source{Args: args, Getenv: os.Getenv, ReadFile: os.ReadFile, Usage: stderr})
	log := newLog(cfg, stderr)
	if names := os.Getenv(argvSecret); names != "" {
		log.Warn("a secret was on the command line, where everybody on this machine could read it: use a variable or a file", "variables", names)
	}
	for _, w := range warnings {
		log.Warn(w)
	}
	switch {
	case errors.Is(err, config.ErrHelp):
		return exitOK
	case errors.Is(err, config.ErrUsage): // said already, with the usage
		return exitConfig
	case err != nil:
		log.Error("cannot start: " + err.Error())
		return exitConfig
	}
	if !cfg.Supervise && len(cfg.Game) > 0 {
		log.Error("cannot start: run needs the supervisor; leave --no-supervise (HOTSEAT_SUPERVISE=false) out")
		return exitConfig
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	sockets, closeSockets := openSockets(&cfg, log)
	defer closeSockets()

	if !cfg.Supervise {
		listeners := map[string]net.Listener{}
		for _, s := range sockets {
			listeners[s.Name] = s.Listener
		}
		ctx, cancel := supervise.Plain(signals)
		defer cancel()
		findBundle().use()
		return newSidecar(cfg, log, listeners, 0).exitCode(ctx)
	}
	command, err := findBundle().command()
	if err != nil {
		log.Error("cannot start: the program does not know its own path", "reason", err)
		return exitConfig
	}
	environment := without(os.Environ(), append([]string{argvSecret}, config.Secrets...)...)
	return supervise.New(supervise.Config{
		Command: command, Environment: workerEnvironment(environment), Settings: cfg, Sockets: sockets,
		Final: func(code int) bool { return code == exitConfig || code == exitRefused || code == exitNobody },
		Game:  gameCommand(cfg, environment), Log: log,
	}).Run(signals)
}

// workerEnvironment keeps the C library's memory in one piece. It would else give each thread of
// GStreamer a heap of its own, and an encoder that is replaced leaves its 10 to 15 MB in whichever its
// thread had: resident memory rose from 50 to 117 MB in 40 replacements, and stays at 70 to 80 MB with
// one heap, for the same processor time (mallopt(3)).
func workerEnvironment(environment []string) []string {
	const one = "MALLOC_ARENA_MAX"
	if os.Getenv(one) != "" {
		return environment
	}
	return append(append([]string{}, environment...), one+"=1")
}

// broadcast is the worker.
func broadcast() int {
	// A signal to the whole group is the supervisor's to act on: Ctrl-C must not end the
	// broadcast before the game. SIGTERM, meant for this process, ends it in good order.
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	// The first begins the end and those that follow change nothing: when the supervisor is killed, the kernel sends
	// SIGTERM for each of its threads that was the parent for a moment. Input.Stopped bounds how long the end takes.
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	findBundle().use()
	in, err := supervise.Receive()
	if err != nil {
		slog.Error("cannot broadcast", "reason", err)
		return exitFailed
	}
	cfg, err := parseSettings(in.Settings)
	if err != nil {
		slog.Error("cannot broadcast", "reason", err)
		return exitFailed
	}
	ctx, stop := in.Stopped(ctx, stopLimit, exitFailed)
	defer stop()
	s := newSidecar(cfg, newLog(cfg, os.Stderr), in.Sockets, in.Restarts)
	s.abandoned = in.Abandoned
	go s.giveSigns(ctx, in.Alive)
	return s.exitCode(ctx)
}
