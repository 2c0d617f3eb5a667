// Package bridge runs the examples of docs/bridge.md against a real bridge, as far as this machine
// has what they need: Go always, C# with Mono, GDScript with Godot 3.
package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hotseat/sidecar/bridge"
)

const patience = 30 * time.Second

// screen is what an example prints.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// play runs an example beside a session in which somebody takes the seat, reacts and asks for a mark.
func play(t *testing.T, want []string, command ...string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	marks := make(chan bridge.Saying, 10)
	b := bridge.New(bridge.Config{Listeners: []net.Listener{l}, Session: "s-1", Say: func(_ context.Context, s bridge.Saying) error {
		marks <- s
		return nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { b.Serve(ctx) })
	defer serving.Wait()
	defer cancel()

	var out screen
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "HOTSEAT_BRIDGE_ADDR="+l.Addr().String(), "HOTSEAT_BRIDGE_SOCKET=")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the example printed:\n%s", out.String())
		}
	}()
	b.SetSeat(bridge.Seat{Epoch: 3, Holder: json.RawMessage(`{"id":"u1","name":"ann","role":"player"}`)})
	until(t, "the seat is heard", func() bool { return strings.Contains(out.String(), "ann") })
	b.Offer(json.RawMessage(`{"action":"STREAM_REACT","reaction":"fire","user":"bob"}`))
	b.Offer(json.RawMessage(`{"action":"USER_CHAT_MESSAGE","user":"bob","message":"!mark"}`))
	select {
	case mark := <-marks:
		if mark.Kind != bridge.SayMark || mark.Message != "the audience liked this" {
			t.Errorf("the session heard %+v", mark)
		}
	case <-time.After(patience):
		t.Fatal("no mark came")
	}
	for _, text := range want {
		until(t, text, func() bool { return strings.Contains(out.String(), text) })
	}
}

func TestTheGoExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "game")
	if out, err := exec.Command("go", "build", "-o", program, "./go").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	play(t, []string{`"ann" plays`, `1 x "fire"`, `"bob": "!mark"`, "marked"}, program)
}

func TestTheCSharpExample(t *testing.T) {
	mcs, err := exec.LookPath("mcs")
	if err != nil {
		t.Skip("no Mono here: mono-mcs and mono-runtime compile and run it")
	}
	program := filepath.Join(t.TempDir(), "game.exe")
	if out, err := exec.Command(mcs, "-warnaserror", "-out:"+program, "csharp/Bridge.cs", "csharp/Program.cs").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	play(t, []string{`"action":"SEAT"`, `"reaction":"fire"`, `"action":"OK"`}, "mono", program)
}

// for3 is the Godot example for Godot 3, by what its comments say is to be replaced. Debian 12 has no
// package of Godot 4.
func for3(t *testing.T) map[string]string {
	t.Helper()
	files, replaced := map[string]string{}, 0
	var pairs []string
	for _, name := range []string{"bridge.gd", "game.gd"} {
		code, err := os.ReadFile(filepath.Join("godot", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(code)
		for line := range strings.Lines(string(code)) {
			if from, to, ok := strings.Cut(strings.TrimSpace(line), " -> "); ok && strings.HasPrefix(from, "#   ") {
				pairs = append(pairs, strings.TrimPrefix(from, "#   "), to)
			}
		}
	}
	for name, code := range files {
		body := code[strings.Index(code, "\nextends "):]
		files[name] = strings.NewReplacer(pairs...).Replace(body)
		if files[name] != body {
			replaced++
		}
	}
	if replaced != len(files) {
		t.Errorf("the comments for Godot 3 change %d of %d files", replaced, len(files))
	}
	return files
}

func TestTheGodotExample(t *testing.T) {
	godot, err := exec.LookPath("godot3-server")
	if err != nil {
		t.Skip("no Godot here: godot3-server runs it")
	}
	folder := t.TempDir()
	files := for3(t)
	files["project.godot"] = "config_version=4\n"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", folder) // it keeps its own things there
	t.Setenv("XDG_DATA_HOME", filepath.Join(folder, "data"))
	play(t, []string{"ann plays (3)", "1 x fire", "bob: !mark"}, godot, "--path", folder, "--script", "game.gd")
}

func TestTheGodotExampleIsWellFormed(t *testing.T) {
	for _, name := range []string{"bridge.gd", "game.gd"} {
		code, err := os.ReadFile(filepath.Join("godot", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { wellFormed(t, string(code)) })
	}
}

// wellFormed is for machines without Godot: brackets close, and blocks are indented by tabs, one deeper
// after a colon only.
func wellFormed(t *testing.T, code string) {
	t.Helper()
	depth, opens, brackets := 0, false, 0
	for i, line := range strings.Split(code, "\n") {
		text := strings.TrimLeft(line, "\t")
		quoted := false
		for j, c := range text {
			if c == '"' && (j == 0 || text[j-1] != '\\') {
				quoted = !quoted
			}
			if c == '#' && !quoted {
				text = strings.TrimRight(text[:j], " ")
				break
			}
			if !quoted {
				brackets += strings.Count("([{", string(c)) - strings.Count(")]}", string(c))
			}
		}
		if quoted || brackets != 0 {
			t.Errorf("line %d does not close what it opens: %s", i+1, line)
		}
		if text == "" {
			continue
		}
		at := len(line) - len(strings.TrimLeft(line, "\t"))
		if strings.HasPrefix(text, " ") || at > depth+1 || (at == depth+1) != opens && at >= depth {
			t.Errorf("line %d is indented wrongly: %s", i+1, line)
		}
		depth, opens = at, strings.HasSuffix(text, ":")
	}
}

// The examples say only what the bridge understands, and what its page lists.
func TestEveryActionOfTheExamplesIsOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../bridge.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, actions := range map[string][]string{
		"go/main.go":       {"SEAT", "USER_CHAT_MESSAGE", "STREAM_REACT", "MARK", "OK", "ERROR"},
		"csharp/Bridge.cs": {"MARK", "CAPTION", "STATE"},
		"godot/bridge.gd":  {"SEAT", "USER_CHAT_MESSAGE", "STREAM_REACT", "MARK", "CAPTION", "STATE"},
	} {
		code, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range actions {
			if !bytes.Contains(code, []byte(action)) || !bytes.Contains(page, []byte(action)) {
				t.Errorf("%s and the page do not both name %s", path, action)
			}
		}
	}
}
