package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// hotseat is the program under test, as `task build` makes it.
func hotseat(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../../.bin/hotseat")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `task build` first", err)
	}
	return path
}

// artifact is where pictures and screens of the tests go: .bin/e2e, not under version control.
func artifact(name string) string {
	folder := "../../../.bin/e2e"
	_ = os.MkdirAll(folder, 0o755)
	return filepath.Join(folder, name)
}

// signIns reads the passwords that a demo wrote for its user.
func signIns(t testing.TB, data string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(data, "sign-ins.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Users []struct{ Email, Password, Group string }
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{}
	for _, u := range file.Users {
		passwords[u.Email] = u.Password
	}
	return passwords
}

// logWriter sends a program's output to the test's log.
type logWriter struct {
	t      testing.TB
	prefix string
}

func (w *logWriter) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		w.t.Logf("%s: %s", w.prefix, bytes.TrimRight(line, "\n"))
	}
	return len(p), nil
}
