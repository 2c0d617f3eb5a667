package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
)

// The packages are run as a game developer would: the archive is unpacked beside a game, and its launch
// script is started with the variables of the sample in the root of another system.
//
//	HOTSEAT_PACKAGES     folder with the archives (task package:sidecar)
//	HOTSEAT_BARE_ROOTS   roots with nothing installed, made by debootstrap(8), separated by colons
//	HOTSEAT_STOCK_ROOTS  roots in which install-dependencies.sh was run

func TestTheSelfContainedPackageRunsWhereNothingIsInstalled(t *testing.T) {
	for _, root := range roots(t, "HOTSEAT_BARE_ROOTS") {
		t.Run(filepath.Base(root), func(t *testing.T) { runPackage(t, "hotseat-sidecar-linux-amd64-selfcontained", root) })
	}
}

func TestThePackageRunsOnStockGStreamer(t *testing.T) {
	for _, root := range roots(t, "HOTSEAT_STOCK_ROOTS") {
		t.Run(filepath.Base(root), func(t *testing.T) { runPackage(t, "hotseat-sidecar-linux-amd64", root) })
	}
}

func roots(t *testing.T, variable string) []string {
	t.Helper()
	list := os.Getenv(variable)
	switch {
	case list == "" || os.Getenv("HOTSEAT_PACKAGES") == "":
		t.Skipf("set HOTSEAT_PACKAGES and %s to run this (task test:package)", variable)
	case os.Geteuid() != 0:
		t.Skip("changing the root needs root")
	}
	return filepath.SplitList(list)
}

// inRoot is a shell script that becomes a program in another root. What it mounts is gone with it.
const inRoot = `set -e
root="$1"; home="$2"; sound="$3"; shift 3
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/tmp/.X11-unix" "$root/opt/game" "$root$sound"
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
mount --bind "$sound" "$root$sound"
mount --bind "$home" "$root/opt/game"
exec chroot "$root" "$@"`

func runPackage(t *testing.T, name, root string) {
	launcher, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		t.Fatal("gst-launch-1.0 is missing: apt-get install gstreamer1.0-tools")
	}
	home := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join(os.Getenv("HOTSEAT_PACKAGES"), name+".tar.gz"), "--strip-components=1", "-C", home).CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v\n%s", err, out)
	}
	buildDemoGame(t, filepath.Join(home, "hotseat-demo-game"))
	write(t, filepath.Join(home, "YourGame"), "#!/bin/sh\nenv > environment\nexec ./hotseat-demo-game --fps 30\n")
	if err := os.Chmod(filepath.Join(home, "YourGame"), 0o755); err != nil {
		t.Fatal(err)
	}

	stage := startLocalStage(t)
	display, sound := testscreen.Start(t, 1280, 720), testscreen.ServeSound(t)
	folder := filepath.Dir(sound.Pipe)
	token := stage.token("game", true)
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", inRoot, "in-root", root, home, folder,
		"/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "DISPLAY="+display, "PULSE_SERVER="+sound.Address,
		"HOTSEAT_AUDIO_DEVICE="+testscreen.PipeSource, "IVS_STAGE_TOKEN="+token, "IVS_WHIP_ENDPOINT="+stage.url,
		"/opt/game/run_broadcaster_background.sh")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	said := &process{t: t}
	cmd.Stdout, cmd.Stderr = said, said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(home, "broadcaster.log"))
			t.Logf("the script says:\n%s\nthe sidecar says:\n%s", said.output(), log)
		}
	})
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })

	reader := stage.watch(t, "game", 1280-32, 720-32, launcher)
	until(t, "pictures", func() bool { return reader.count() > 0 })
	t.Logf("on the air %v after the start", time.Since(began).Round(time.Millisecond))
	testscreen.Flash(t, display, sound, 1280-64, 720-64, 64, 64)
	var offsets []time.Duration
	for try := 0; try < 3 && len(offsets) == 0; try++ { // a busy machine leaves flashes out
		if offsets, err = reader.offsets(5 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flashes seen with their beeps, sound behind picture %v", len(offsets), offsets)
	if len(offsets) == 0 {
		t.Error("what is drawn and played in the root is not seen and heard by the viewer")
	}
	environment, err := os.ReadFile(filepath.Join(home, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"LD_LIBRARY_PATH", "GST_", "GIO_", token} {
		if strings.Contains(string(environment), word) {
			t.Errorf("the game's environment has %s:\n%s", word, environment)
		}
	}
	stopped := time.Now()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if code := cmd.ProcessState.ExitCode(); code != 143 {
			t.Errorf("the script ended with %d (%v), want 143", code, err)
		}
		t.Logf("ended %v after SIGTERM", time.Since(stopped).Round(time.Millisecond))
	case <-time.After(patience):
		t.Error("the script does not end after SIGTERM")
		_ = cmd.Process.Kill()
	}
	log, _ := os.ReadFile(filepath.Join(home, "broadcaster.log"))
	if !strings.Contains(string(log), "ended in good order") {
		t.Errorf("the sidecar did not say goodbye:\n%s", log)
	}
}
