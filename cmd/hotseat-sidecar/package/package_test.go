package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/elements"
)

// folder has the launch script, a sidecar that notes what happens to it, and a game.
func folder(t *testing.T, game string) string {
	t.Helper()
	dir := t.TempDir()
	launch, err := text("run_broadcaster_background.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"run_broadcaster_background.sh": launch,
		"hotseat-sidecar":               "#!/bin/sh\necho the sidecar speaks\ntrap 'test -e game-ended && echo after the game > sidecar-ended; exit 0' TERM\ntouch sidecar-started\nwhile :; do sleep 0.02; done\n",
		"YourGame":                      "#!/bin/sh\n" + game,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func launch(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(dir, "run_broadcaster_background.sh"), args...)
	cmd.Env = append(os.Environ(), "IVS_STAGE_TOKEN=secret-of-the-test")
	return cmd
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheLaunchScriptPassesArgumentsAndExitCodeAndNoSecret(t *testing.T) {
	dir := folder(t, "while ! test -e sidecar-started; do sleep 0.02; done\necho \"$1\" > argument\nenv > environment\ntouch game-ended\nexit 42\n")
	var code *exec.ExitError
	if err := launch(dir, "two words").Run(); !errors.As(err, &code) || code.ExitCode() != 42 {
		t.Errorf("the script ended with %v, want the game's 42", err)
	}
	if got := read(t, dir, "argument"); got != "two words\n" {
		t.Errorf("the game got %q", got)
	}
	if env := read(t, dir, "environment"); strings.Contains(env, "secret-of-the-test") || !strings.Contains(env, "HOTSEAT_BRIDGE_ADDR=") {
		t.Errorf("the game's environment:\n%s", env)
	}
	if got := read(t, dir, "sidecar-ended"); got != "after the game\n" {
		t.Errorf("the sidecar ended %q", got)
	}
	if got := read(t, dir, "broadcaster.log"); got != "the sidecar speaks\n" {
		t.Errorf("the log is %q", got)
	}
}

func TestSIGTERMEndsGameAndBroadcast(t *testing.T) {
	dir := folder(t, "trap 'touch game-ended; exit 0' TERM\nwhile ! test -e sidecar-started; do sleep 0.02; done\ntouch playing\nwhile :; do sleep 0.02; done\n")
	cmd := launch(dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "playing")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the game does not start")
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	var code *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &code) || code.ExitCode() != 143 {
		t.Errorf("the script ended with %v, want 143", err)
	}
	if got := read(t, dir, "sidecar-ended"); got != "after the game\n" {
		t.Errorf("the sidecar ended %q", got)
	}
}

func TestTheGamePlaysWithoutTheSidecar(t *testing.T) {
	dir := folder(t, "exit 7\n")
	if err := os.Remove(filepath.Join(dir, "hotseat-sidecar")); err != nil {
		t.Fatal(err)
	}
	var code *exec.ExitError
	if err := launch(dir).Run(); !errors.As(err, &code) || code.ExitCode() != 7 {
		t.Errorf("the script ended with %v, want the game's 7", err)
	}
}

func TestTheInstallScriptNamesEveryPackageThatTheSidecarUses(t *testing.T) {
	dir, program := t.TempDir(), os.Args[0] // any program made of Go modules
	if err := makeStock(dir, program, "../../.."); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(dir, "install-dependencies.sh"), "--print").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	named := strings.Fields(string(out))
	for _, p := range append(elements.Packages(), "glib-networking", "ca-certificates") {
		if !slices.Contains(named, p) {
			t.Errorf("%s is not installed", p)
		}
	}
	if readme := read(t, dir, "README.md"); strings.Contains(readme, "@") || !strings.Contains(readme, "install-dependencies.sh") {
		t.Errorf("the README has something left to fill in, or does not say how to install:\n%s", readme)
	}
	if list := read(t, dir, "LICENSES/README.md"); !strings.Contains(list, "| std | go") {
		t.Errorf("the licences:\n%s", list)
	}
}

func TestALibraryIsFoundWithAllThatItNeeds(t *testing.T) {
	known, err := knownLibraries()
	if err != nil {
		t.Skip(err)
	}
	c := &collector{lib: t.TempDir(), known: known, done: map[string]bool{}}
	if err := c.add(known["libgstreamer-1.0.so.0"], "libgstreamer-1.0.so.0"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"libgstreamer-1.0.so.0", "libglib-2.0.so.0", "libc.so.6"} {
		if info, err := os.Stat(filepath.Join(c.lib, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there: %v", name, err)
		}
	}
	if _, err := debianPackages(c.taken); err != nil {
		t.Errorf("nobody knows whose they are: %v", err)
	}
}

func TestTheSameFilesMakeTheSameArchive(t *testing.T) {
	var archives [2]string
	for i := range archives {
		dir := filepath.Join(t.TempDir(), "game")
		for name, mode := range map[string]os.FileMode{"a": 0o755, "sub/b": 0o644} {
			if err := copyFile("main.go", filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := archive(dir); err != nil {
			t.Fatal(err)
		}
		archives[i] = dir + ".tar.gz"
	}
	first, second := read(t, "", archives[0]), read(t, "", archives[1])
	if first != second {
		t.Error("two archives of the same files differ")
	}
	zip, err := gzip.NewReader(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if want := []string{"game/", "game/a", "game/sub/", "game/sub/b"}; !slices.Equal(names, want) {
		t.Errorf("it holds %v, want %v", names, want)
	}
}
