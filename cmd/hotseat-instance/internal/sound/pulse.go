//go:build linux

// Package sound gives one game instance its own sound server: a PulseAudio daemon
// with one null sink, reachable only through a socket in the instance's scratch
// folder. What the game plays there is read back from the sink's monitor. Nothing
// is heard on the machine itself, and no other session can hear it.
package sound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"hotseat/cmd/hotseat-instance/internal/launch"
)

// Monitor is the source on which the game's sound is heard.
const Monitor = "game.monitor"

// ErrNoPulseAudio reports that the daemon is not installed. A game can be played
// without sound.
var ErrNoPulseAudio = errors.New("pulseaudio is not installed (Debian package pulseaudio)")

const (
	// startPatience is how long the daemon may take to listen; 30 to 60 ms on a
	// quiet machine.
	startPatience = 5 * time.Second
	startPoll     = 10 * time.Millisecond
	// maxSocketPath is sizeof(sun_path) - 1 (unix(7)).
	maxSocketPath = 107
)

// Server is a running sound server.
type Server struct {
	*launch.Child
	Address string // for PULSE_SERVER
}

// Start runs PulseAudio with its socket and files in dir, which must exist and be
// readable by its owner only, and returns when it accepts connections.
func Start(ctx context.Context, children *launch.Children, dir string) (*Server, error) {
	path, err := exec.LookPath("pulseaudio")
	if err != nil {
		return nil, ErrNoPulseAudio
	}
	socket := filepath.Join(dir, "native")
	if len(socket) > maxSocketPath {
		return nil, fmt.Errorf("the scratch folder's path is too long for a socket (%d bytes, at most %d): %s", len(socket), maxSocketPath, socket)
	}
	if strings.ContainsAny(socket, " \t\"'\\") {
		return nil, fmt.Errorf("the scratch folder's path holds characters that pulseaudio's module arguments cannot: %s", socket)
	}
	cmd := exec.Command(path,
		"--daemonize=no", "--exit-idle-time=-1", "-n", "--disallow-exit", "--use-pid-file=no", "--log-level=1",
		"-L", "module-null-sink sink_name=game rate=48000 channels=2",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	cmd.Env = []string{"XDG_RUNTIME_DIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LANG=C"}
	child, err := children.Start("pulseaudio", cmd)
	if err != nil {
		return nil, fmt.Errorf("start pulseaudio: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for {
		var dialer net.Dialer
		if conn, err := dialer.DialContext(ctx, "unix", socket); err == nil {
			conn.Close()
			return &Server{Child: child, Address: "unix:" + socket}, nil
		}
		select {
		case <-poll.C:
		case <-child.Done():
			return nil, fmt.Errorf("pulseaudio ended at once: %w", child.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("pulseaudio does not listen: %w", ctx.Err())
		}
	}
}
