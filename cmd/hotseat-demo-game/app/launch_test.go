package app_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/cmd/hotseat-demo-game/app"
)

const patience = 20 * time.Second

// stubs makes a folder with commands that write down what happens to them.
func stubs(t *testing.T, game string) (bin, log string) {
	t.Helper()
	bin = t.TempDir()
	log = filepath.Join(bin, "log")
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("hotseat-sidecar", `trap 'echo sidecar stopped >>"$LOG"; exit 0' TERM
echo sidecar started >>"$LOG"
while :; do sleep 0.05; done`)
	script(game, `trap 'echo game stopped >>"$LOG"; exit 0' TERM
echo "game started $*" >>"$LOG"
if [ -n "${GAME_EXIT:-}" ]; then
  until grep -q "sidecar started" "$LOG"; do sleep 0.02; done
  exit "$GAME_EXIT"
fi
while :; do sleep 0.05; done`)
	return bin, log
}

func launch(t *testing.T, script, bin, log string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("bash", append([]string{script}, args...)...)
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "LOG=" + log, "HOME=" + t.TempDir(), "HOTSEAT_SESSION=s-test", "FREEDOOM_WAD=" + script}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func waitFor(t *testing.T, log, text string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		data, _ := os.ReadFile(log)
		if strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log never says %q: %q", text, data)
		}
	}
}

// scripts are the launch scripts of the repository with the game each starts.
func scripts(t *testing.T) map[string]string {
	dir := t.TempDir()
	if err := app.Write(dir); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		filepath.Join(dir, app.ScriptName):                                              "hotseat-demo-game",
		filepath.Join("..", "..", "..", "docs", "examples", "freedoom", app.ScriptName): "chocolate-doom",
	}
}

func TestLaunchScriptsStopGameAndSidecarWhenToldTo(t *testing.T) {
	for script, game := range scripts(t) {
		t.Run(game, func(t *testing.T) {
			bin, log := stubs(t, game)
			cmd := launch(t, script, bin, log, nil, "--extra", "argument")
			waitFor(t, log, "sidecar started")
			waitFor(t, log, "game started")
			waitFor(t, log, "--extra argument")
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 143 {
				t.Errorf("exit code %d, want 143", code)
			}
			data, _ := os.ReadFile(log)
			game, sidecar := bytes.Index(data, []byte("game stopped")), bytes.Index(data, []byte("sidecar stopped"))
			if game < 0 || sidecar < game {
				t.Errorf("order of the end: %q", data)
			}
		})
	}
}

func TestLaunchScriptsEndWithTheGame(t *testing.T) {
	for script, game := range scripts(t) {
		t.Run(game, func(t *testing.T) {
			bin, log := stubs(t, game)
			cmd := launch(t, script, bin, log, []string{"GAME_EXIT=7"})
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 7 {
				t.Errorf("exit code %d, want the game's 7", code)
			}
			waitFor(t, log, "sidecar stopped")
		})
	}
}

func TestGameRunsWithoutASidecar(t *testing.T) {
	for script, game := range scripts(t) {
		t.Run(game, func(t *testing.T) {
			bin, log := stubs(t, game)
			if err := os.WriteFile(log, []byte("sidecar started\n"), 0o600); err != nil { // the stub game waits for it
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(bin, "hotseat-sidecar")); err != nil {
				t.Fatal(err)
			}
			cmd := launch(t, script, bin, log, []string{"GAME_EXIT=0"})
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			waitFor(t, log, "game started")
		})
	}
}

func TestMissingDoomSaysWhatToInstall(t *testing.T) {
	// given a machine with bash and nothing else
	script := filepath.Join("..", "..", "..", "docs", "examples", "freedoom", app.ScriptName)
	cmd := exec.Command("bash", script)
	cmd.Env = []string{"PATH=" + t.TempDir(), "FREEDOOM_WAD=/nonexistent"}
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "apt-get install") || !strings.Contains(string(out), "freedoom") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWriteReplacesAnOlderScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "apps", "demo")
	for range 2 {
		if err := app.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, app.ScriptName))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Fatal(info, err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("folder holds %v", list)
	}
}
