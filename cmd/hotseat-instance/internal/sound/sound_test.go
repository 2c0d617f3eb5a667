//go:build linux

package sound

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotseat/cmd/hotseat-instance/internal/launch"
)

func adopt(t *testing.T) *launch.Children {
	t.Helper()
	children, err := launch.Adopt(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := children.End(time.Second); err != nil {
			t.Error(err)
		}
		children.Close()
	})
	return children
}

func TestServerListensInItsFolder(t *testing.T) {
	dir, err := os.MkdirTemp("", "hs") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := Start(t.Context(), adopt(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := "unix:" + filepath.Join(dir, "native"); server.Address != want {
		t.Errorf("listens at %s, want %s", server.Address, want)
	}
	select {
	case <-server.Done():
		t.Errorf("ended: %v", server.Err())
	default:
	}
}

func TestMissingDaemonIsTold(t *testing.T) {
	children := adopt(t)
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(t.Context(), children, t.TempDir()); !errors.Is(err, ErrNoPulseAudio) {
		t.Errorf("got %v, want ErrNoPulseAudio", err)
	}
}

func TestFolderThatCannotHoldASocketIsRefused(t *testing.T) {
	children := adopt(t)
	for _, dir := range []string{filepath.Join("/tmp", strings.Repeat("x", 120)), "/tmp/with space"} {
		if _, err := Start(t.Context(), children, dir); err == nil {
			t.Errorf("%s is accepted", dir)
		}
	}
}
