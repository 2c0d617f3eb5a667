// Command hotseat-demo-game is the game that comes with Hotseat, so that a first
// run needs nothing else: a paper plane over dusk hills that collects stars and
// dodges comets, flies by itself while the seat is free, shows who holds the
// seat, and feels what the audience says and how it reacts.
//
// It is pure Go and runs on any X display, with or without a session:
//
//	DISPLAY=:0 hotseat-demo-game --fps 60
//
// Environment: DISPLAY; VIDEO_WIDTH, VIDEO_HEIGHT, VIDEO_FRAMERATE (defaults of
// the flags); HOTSEAT_BRIDGE_ADDR (the sidecar's bridge);
// HOTSEAT_DATA_CHANNEL_PORT (the GameLift Streams data channel);
// HOTSEAT_GAME_LOG (a file for the JSON lines of package journal).
//
// The top left corner of each frame holds a machine-readable clock and state,
// see package timecode; --no-timecode leaves it out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"hotseat/cmd/hotseat-demo-game/internal/datachannel"
)

// settings of one run.
type settings struct {
	Display         string
	Width, Height   int // pixels
	FPS             int
	Timecode        bool
	NoSharing       bool
	Seed            uint64
	BridgeAddr      string // empty: no bridge
	DataChannelAddr string // empty: no data channel
	LogPath         string // empty: no game log
}

const (
	minFPS, maxFPS = 5, 120

	defaultWidth, defaultHeight, defaultFPS = 1280, 720, 30
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	set, err := parse(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, set, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hotseat-demo-game:", err)
		os.Exit(1)
	}
}

// parse reads flags and environment; flags win.
func parse(args []string, getenv func(string) string, out io.Writer) (settings, error) {
	number := func(name string, otherwise, low, high int) int {
		// A variable that makes no sense must not keep the game from starting:
		// the sidecar reads the same ones and has defaults, too.
		if n, err := strconv.Atoi(getenv(name)); err == nil && n >= low && n <= high {
			return n
		}
		return otherwise
	}
	set := settings{BridgeAddr: getenv("HOTSEAT_BRIDGE_ADDR"), LogPath: getenv("HOTSEAT_GAME_LOG"), DataChannelAddr: datachannel.DefaultAddr}
	if port := number("HOTSEAT_DATA_CHANNEL_PORT", 0, 1, 65535); port != 0 {
		set.DataChannelAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	flags := flag.NewFlagSet("hotseat-demo-game", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&set.Display, "display", "", "X display (default $DISPLAY)")
	flags.IntVar(&set.Width, "width", number("VIDEO_WIDTH", defaultWidth, 640, 4096), "width in pixels")
	flags.IntVar(&set.Height, "height", number("VIDEO_HEIGHT", defaultHeight, 360, 4096), "height in pixels")
	flags.IntVar(&set.FPS, "fps", number("VIDEO_FRAMERATE", defaultFPS, minFPS, maxFPS), "frames per second")
	noTimecode := flags.Bool("no-timecode", false, "leave out the machine-readable clock in the corner")
	flags.BoolVar(&set.NoSharing, "no-shm", false, "send frames through the socket instead of shared memory")
	flags.Uint64Var(&set.Seed, "seed", 0, "seed of the world (default: another one each time)")
	flags.StringVar(&set.BridgeAddr, "bridge", set.BridgeAddr, "host:port of the sidecar's bridge")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unknown argument %q: see -help", flags.Arg(0))
	}
	if set.FPS < minFPS || set.FPS > maxFPS {
		return settings{}, fmt.Errorf("%d frames per second are not possible: use %d to %d", set.FPS, minFPS, maxFPS)
	}
	if set.Seed == 0 {
		set.Seed = uint64(time.Now().UnixNano())
	}
	set.Timecode = !*noTimecode
	return set, nil
}
