// Package demo is what a stranger runs first: a whole playtest on this machine, with the console
// on it, that leaves nothing behind.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hotseat/backend/local/gameliftstreams"
	demogame "hotseat/cmd/hotseat-demo-game/app"
	"hotseat/cmd/hotseat/internal/doctor"
	"hotseat/cmd/hotseat/internal/host"
)

// Options of a demo.
type Options struct {
	App       string        // folder of an application; "": the bundled game
	Listen    string        // host:port of the page; "": any free port of 127.0.0.1
	Data      string        // folder to keep; "": one that is removed at the end
	For       time.Duration // ends by itself after this; 0: when the person leaves
	Width     int           // pixels
	Height    int
	Framerate int
	Plain     bool // lines instead of the console
	JSON      bool // lines as JSON
}

// Running is a demo whose services are up; no session has been started yet.
type Running struct {
	*host.Host
	Application string // id
	LogFile     string
	remove      string
	logFile     *os.File
}

// ConnectionTimeout is the longest that GameLift Streams allows: a playtest waits for its first player.
const ConnectionTimeout = time.Hour

// Up brings a demo's services up.
func Up(ctx context.Context, o Options) (_ *Running, err error) {
	if err := doctor.Check(ctx); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's folder: %w", err)
	}
	r := &Running{}
	data := o.Data
	if data == "" {
		if data, err = os.MkdirTemp("", "hotseat-"); err != nil {
			return nil, fmt.Errorf("making a data folder: %w", err)
		}
		r.remove = data
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	r.LogFile = filepath.Join(data, "hotseat.log")
	if r.logFile, err = os.OpenFile(r.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("opening the log file: %w", err)
	}
	app, err := Application(o.App, data)
	if err != nil {
		return nil, err
	}
	r.Application = app.ID
	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	r.Host, err = host.Start(host.Config{
		Listen: listen, DataDir: data, BinDir: filepath.Dir(self), Applications: []gameliftstreams.Application{app},
		ConnectionTimeout: ConnectionTimeout, Log: slog.New(slog.NewTextHandler(r.logFile, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Application is the one in the named folder, or, with an empty name, the bundled game's, written to the
// data folder.
func Application(dir, data string) (gameliftstreams.Application, error) {
	if dir != "" {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return gameliftstreams.Application{}, fmt.Errorf("finding %s: %w", dir, err)
		}
		return gameliftstreams.LoadApplication(absolute)
	}
	dir = filepath.Join(data, "demo-game")
	if err := demogame.Write(dir); err != nil {
		return gameliftstreams.Application{}, fmt.Errorf("writing the bundled game's folder: %w", err)
	}
	app, err := gameliftstreams.LoadApplication(dir)
	app.Description = demogame.Title
	return app, err
}

// Close ends the demo: every process it started is gone when it returns, and, unless a data folder
// was named, every file.
func (r *Running) Close() error {
	var errs []error
	if r.Host != nil {
		errs = append(errs, r.Host.Close())
	}
	if r.logFile != nil {
		errs = append(errs, r.logFile.Close())
	}
	if r.remove != "" {
		errs = append(errs, os.RemoveAll(r.remove))
	}
	return errors.Join(errs...)
}

// LastLines returns the last lines of a log file, for a person who looks for the reason of a
// failure. It reads at most the last 16 KiB.
func LastLines(path string, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	content, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
