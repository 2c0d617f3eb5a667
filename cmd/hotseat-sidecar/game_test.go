package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/teststage"
)

// script is a game.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "game.sh")
	write(t, path, "#!/bin/sh\n"+text)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheGamesExitCodeIsPassedOn(t *testing.T) {
	t.Parallel()
	_, env := environment(t)
	for text, want := range map[string]int{"exit 0": 0, "exit 42": 42, "kill -9 $$": 137} {
		if code := start(t, env, "run", "--", script(t, text)).exit(patience); code != want {
			t.Errorf("%q: exit code %d, want %d", text, code, want)
		}
	}
}

func TestTheGameIsToldOfTheBridgeAndOfNoSecret(t *testing.T) {
	t.Parallel()
	_, env := environment(t)
	env["HOTSEAT_TEST_MARK"] = "kept"
	out := filepath.Join(t.TempDir(), "env")
	if code := start(t, env, "run", "--", script(t, `env > "$1"; test -S "$HOTSEAT_BRIDGE_SOCKET"`), out).exit(patience); code != 0 {
		t.Errorf("the bridge's socket is not there: exit code %d", code)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if !regexp.MustCompile(`(?m)^HOTSEAT_BRIDGE_ADDR=127\.0\.0\.1:[1-9]`).MatchString(text) || !strings.Contains(text, "HOTSEAT_TEST_MARK=kept") || !strings.Contains(text, "DISPLAY=") {
		t.Errorf("the game's environment:\n%s", text)
	}
	if strings.Contains(text, teststage.Token) || strings.Contains(text, "HOTSEAT_SIDECAR_WORKER") {
		t.Errorf("the game got what is not its business:\n%s", text)
	}
}

func TestTheGameOutlivesEveryDeathOfTheBroadcast(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	marker := filepath.Join(t.TempDir(), "signalled")
	p := start(t, env, "run", "--", script(t, `trap 'echo got TERM > "$1"; exit 7' TERM; while :; do sleep 0.05; done`), marker)
	for range 2 {
		next(t, stage.Frames, "picture")
		killed := time.Now()
		_ = syscall.Kill(p.worker(), syscall.SIGKILL)
		backAfter(t, stage, killed.Add(100*time.Millisecond))
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the game was signalled")
	}
	stopped := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 7 {
		t.Errorf("exit code %d, want the game's 7", code)
	}
	t.Logf("game and broadcast ended %v after SIGTERM", time.Since(stopped).Round(time.Millisecond))
	if _, err := os.Stat(marker); err != nil {
		t.Error("the game was not asked to end")
	}
	next(t, stage.Deleted, "DELETE")
}

func TestAGameDoesNotWaitForABroadcastThatCannotStart(t *testing.T) {
	t.Parallel()
	_, env := environment(t)
	env["IVS_STAGE_TOKEN"] = "expired" // ends the broadcast for good
	end := filepath.Join(t.TempDir(), "end")
	p := start(t, env, "run", "--", script(t, `while ! test -e "$1"; do sleep 0.05; done; exit 5`), end)
	until(t, "it is told that there is no broadcast", func() bool { return strings.Contains(p.output(), "the broadcast ended for good") })
	write(t, end, "")
	if code := p.exit(patience); code != 5 {
		t.Errorf("exit code %d, want the game's 5", code)
	}
}

func TestNoProcessOfTheGameOutlivesTheSidecar(t *testing.T) {
	t.Parallel()
	stage, env := environment(t)
	path := filepath.Join(t.TempDir(), "pid")
	p := start(t, env, "run", "--", "/bin/sh", "-c", `sleep 47 & echo $! > "$1"; wait; true`, "game", path)
	next(t, stage.Frames, "picture")
	var child int
	until(t, "the game's child", func() bool {
		raw, _ := os.ReadFile(path)
		child, _ = strconv.Atoi(strings.TrimSpace(string(raw)))
		return child != 0
	})
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
	if !gone(child) {
		t.Error("the game's child goes on")
	}
	next(t, stage.Deleted, "DELETE") // the broadcast was not among what was ended
}

func TestTheGameKeepsItsOwnArguments(t *testing.T) {
	t.Parallel()
	_, env := environment(t)
	if code := start(t, env, "run", "--auth-token", teststage.Token, script(t, `test "$*" = "--stream-key abc"`), "--stream-key", "abc").exit(patience); code != 0 {
		t.Error("the game lost an argument")
	}
}
