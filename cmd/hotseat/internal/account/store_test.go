package account

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const server = "https://playtests.example:8443"

func saved() Saved {
	return Saved{Server: server, Email: "lead@ivs.rocks", RefreshToken: "again", SavedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

func TestASessionIsKeptForEachServer(t *testing.T) {
	s, err := OpenStore(filepath.Join(t.TempDir(), "hotseat", "sign-ins"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(server); !errors.Is(err, ErrNone) {
		t.Fatalf("before anything was kept: %v", err)
	}
	other := saved()
	other.Server, other.RefreshToken = server+"/elsewhere", "another"
	for _, each := range []Saved{saved(), other} {
		if err := s.Save(each); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []Saved{saved(), other} {
		if got, err := s.Load(want.Server); err != nil || got != want {
			t.Errorf("kept %+v, got %+v, %v", want, got, err)
		}
	}
	if err := s.Delete(server); err != nil {
		t.Error(err)
	}
	if err := s.Delete(server); !errors.Is(err, ErrNone) {
		t.Errorf("the second time: %v", err)
	}
	if _, err := s.Load(other.Server); err != nil {
		t.Errorf("the other server's session went as well: %v", err)
	}
	if s.LastServer() != "" {
		t.Error("a server is remembered that nobody set")
	}
	if err := s.SetLastServer(server); err != nil || s.LastServer() != server {
		t.Errorf("remembered %q, %v", s.LastServer(), err)
	}
}

func TestWhatOthersCanReadIsNotUsedAndNotWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other rights")
	}
	dir := filepath.Join(t.TempDir(), "sign-ins")
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(saved()); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o750, s.file(server): 0o604} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(server); err == nil || !strings.Contains(err.Error(), "others can read "+path) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s with mode %v: %v", path, mode, err)
		}
		if path == dir {
			if err := s.Save(saved()); err == nil {
				t.Error("a session was written where others can read it")
			}
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(server); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func FuzzASavedSessionIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{"", "{}", "[]", `{"server":"` + server + `","refreshToken":"x"}`, `{"server":"https://evil.example","refreshToken":"x"}`, strings.Repeat("x", maxFile+1)} {
		f.Add([]byte(seed))
	}
	s, err := OpenStore(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(s.file(server), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(server); err == nil && (got.Server != server || got.RefreshToken == "") {
			t.Fatalf("read %+v", got)
		}
	})
}
