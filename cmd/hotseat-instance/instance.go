//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/cmd/hotseat-instance/internal/datachannel"
	"hotseat/cmd/hotseat-instance/internal/display"
	"hotseat/cmd/hotseat-instance/internal/launch"
	"hotseat/cmd/hotseat-instance/internal/sound"
	"hotseat/sidecar/capture"
)

// infrastructureGrace is how long Xvfb and PulseAudio may take to end; they hold
// nothing worth saving.
const infrastructureGrace = time.Second

// Instance is everything that belongs to one session. Its fields are set while it
// comes up and belong to the goroutine of run.
type Instance struct {
	start  instance.Start
	events *instance.Writer
	log    *slog.Logger

	children    *launch.Children
	display     *display.Server
	sound       *sound.Server // nil: no sound
	injector    *display.Injector
	focus       *display.Focus
	dataChannel *datachannel.Server
	script      *launch.Script
	scratchMade bool

	seat  *seat          // who plays, or may soon
	seats sync.WaitGroup // goroutines of this and earlier seats
	voice voice          // from the game to who plays
	feed  *feed          // from the display to who plays
}

// bringUp starts display, sound, data channel and game, and waits a moment to see
// the game live.
func (i *Instance) bringUp(ctx context.Context) (err error) {
	for _, dir := range []string{i.start.Scratch, i.home(), i.runtimeDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the scratch folder: %w", err)
		}
		i.scratchMade = true
	}
	if i.children, err = launch.Adopt(i.log); err != nil {
		return err
	}
	if err := i.startDevices(ctx); err != nil {
		return err
	}
	if err := capture.Prepare(i.display.Name); err != nil {
		return err
	}
	if i.injector, err = display.NewInjector(i.display.Name); err != nil {
		return err
	}
	if i.focus, err = display.KeepFocus(i.display.Name); err != nil {
		return err
	}
	port, err := strconv.Atoi(i.start.Environment[variableDataChannelPort])
	if err != nil {
		port = 0 // not asked for: any
	}
	if i.dataChannel, err = datachannel.Listen(port, i.voice.say, i.log); err != nil {
		return err
	}
	i.script, err = launch.StartScript(i.children, launch.ScriptConfig{
		Dir: i.start.Dir, Executable: i.start.Executable, Arguments: i.start.Arguments,
		Environment: i.gameEnvironment(),
		LogPath:     filepath.Join(i.start.Scratch, "application.log"),
	})
	if errors.Is(err, launch.ErrNotRunnable) {
		return &failure{instance.ExitLaunchFailed, err.Error()}
	}
	if err != nil {
		return err
	}
	alive := time.NewTimer(settle)
	defer alive.Stop()
	select {
	case <-alive.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-i.script.Done():
		if i.script.Err() != nil {
			return &failure{instance.ExitLaunchFailed, i.script.Explain()}
		}
		return &failure{instance.ExitApplication, i.script.Explain() +
			"\n(the launch script must run as long as the game does; start the game last, with exec)"}
	}
}

// startDevices starts display and sound side by side. A game without sound can be
// played, one without display cannot.
func (i *Instance) startDevices(ctx context.Context) error {
	var displayErr, soundErr error
	parallel(func() {
		i.display, displayErr = display.Start(ctx, i.children, i.start.Scratch, i.start.Width, i.start.Height)
	}, func() {
		i.sound, soundErr = sound.Start(ctx, i.children, i.runtimeDir())
	})
	if displayErr != nil {
		return displayErr
	}
	if soundErr != nil {
		i.log.Warn("the session has no sound", "reason", soundErr)
	}
	// Libraries in this process open the display too, and find the cookie here.
	if err := os.Setenv("XAUTHORITY", i.display.Authority); err != nil {
		return fmt.Errorf("set XAUTHORITY: %w", err)
	}
	return nil
}

// endGame ends all descendants but display and sound.
func (i *Instance) endGame() error {
	var spare []*launch.Child
	if i.display != nil {
		spare = append(spare, i.display.Child)
	}
	if i.sound != nil {
		spare = append(spare, i.sound.Child)
	}
	return i.children.End(launch.TermGrace, spare...)
}

func (i *Instance) home() string       { return filepath.Join(i.start.Scratch, "home") }
func (i *Instance) runtimeDir() string { return filepath.Join(i.start.Scratch, "run") }

// Variables of docs/protocol.md, "Beside the game".
const (
	variableDataChannelPort = "HOTSEAT_DATA_CHANNEL_PORT"
	variableBridgeAddress   = "HOTSEAT_BRIDGE_ADDR"
	// variableRegistry keeps GStreamer's list of plug-ins where all sessions find
	// it: with a HOME of its own, each would search the disk again for a second.
	variableRegistry = "GST_REGISTRY"
)

func (i *Instance) gameEnvironment() []string {
	asked := map[string]string{
		"VIDEO_WIDTH":     strconv.Itoa(i.start.Width),
		"VIDEO_HEIGHT":    strconv.Itoa(i.start.Height),
		"VIDEO_FRAMERATE": strconv.Itoa(i.start.Framerate),
	}
	maps.Copy(asked, i.start.Environment)
	if asked[variableBridgeAddress] == "" {
		if address, err := freeAddress(); err == nil {
			asked[variableBridgeAddress] = address
		}
	}
	set := map[string]string{
		"DISPLAY":               i.display.Name,
		"XAUTHORITY":            i.display.Authority,
		"HOME":                  i.home(),
		"XDG_RUNTIME_DIR":       i.runtimeDir(),
		variableDataChannelPort: strconv.Itoa(i.dataChannel.Port()),
		instance.MarkVariable:   os.Getenv(instance.MarkVariable),
	}
	if i.sound != nil {
		set["PULSE_SERVER"] = i.sound.Address
	}
	if registry := os.Getenv(variableRegistry); registry != "" {
		set[variableRegistry] = registry
	}
	return launch.Environment(asked, set, toolsDir(), os.LookupEnv)
}

// toolsDir is the folder of this program: hotseat-sidecar is installed beside it.
func toolsDir() string {
	executable, err := os.Executable()
	if err != nil {
		return "/usr/local/bin"
	}
	return filepath.Dir(executable)
}

// freeAddress finds a port for the sidecar's bridge. It is free now; that it stays
// so is likely, as the kernel hands out such ports in turn.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
