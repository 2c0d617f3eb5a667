//go:build unix

package sshconsole

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAFileThatSomebodyElseCanChangeOrReplaceIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(folder, file string) error
		want   string // nothing: it is read
	}{
		"as it should be":       {func(string, string) error { return nil }, ""},
		"a file of the group":   {func(_, file string) error { return os.Chmod(file, 0o664) }, "others can write"},
		"a folder of a group":   {func(folder, _ string) error { return os.Chmod(folder, 0o770) }, "others can write in"},
		"everybody's folder":    {func(folder, _ string) error { return os.Chmod(folder, 0o777) }, "others can write in"},
		"a folder like /tmp":    {func(folder, _ string) error { return os.Chmod(folder, 0o777|fs.ModeSticky) }, ""},
		"a folder that is read": {func(folder, _ string) error { return os.Chmod(folder, 0o755) }, ""},
		"a link from everybody's folder": {func(folder, file string) error {
			if err := os.Rename(file, filepath.Join(filepath.Dir(folder), "elsewhere")); err != nil {
				return err
			}
			if err := os.Symlink(filepath.Join(filepath.Dir(folder), "elsewhere"), file); err != nil {
				return err
			}
			return os.Chmod(folder, 0o777)
		}, "others can write in"},
		"a link to everybody's folder": {func(folder, file string) error {
			open := filepath.Join(folder, "open")
			if err := os.Mkdir(open, 0o700); err != nil {
				return err
			}
			if err := os.Rename(file, filepath.Join(open, "people")); err != nil {
				return err
			}
			if err := os.Symlink(filepath.Join(open, "people"), file); err != nil {
				return err
			}
			return os.Chmod(open, 0o777)
		}, "others can write in"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "folder")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder, "people")
			_, key := newKey(t)
			if err := os.WriteFile(file, []byte(`name="a",role="viewer" `+key), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.change(folder, file); err != nil {
				t.Fatal(err)
			}
			_, err := loadPeople(file, slog.New(slog.DiscardHandler), time.Now)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAFileOfAnotherUserIsRefusedAndRootsIsNot(t *testing.T) {
	const somebody, another = 12345, 23456
	folder := t.TempDir()
	file := filepath.Join(folder, "people")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(self int) error {
		t.Helper()
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return strict(file, info, self)
	}
	if err := check(os.Geteuid()); err != nil {
		t.Errorf("one's own: %v", err)
	}
	if os.Geteuid() != 0 {
		if err := check(os.Geteuid() + 1); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("another user's: %v", err)
		}
		return // only root can give files away
	}
	if err := check(somebody); err != nil {
		t.Errorf("root's: %v", err)
	}
	if err := os.Chown(file, another, -1); err != nil {
		t.Fatal(err)
	}
	if err := check(somebody); err == nil || !strings.Contains(err.Error(), "belongs to another user (uid 23456)") {
		t.Errorf("another user's: %v", err)
	}
	if err := os.Chown(file, somebody, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, another, -1); err != nil {
		t.Fatal(err)
	}
	if err := check(somebody); err == nil || !strings.Contains(err.Error(), "the folder "+folder+" belongs to another user") {
		t.Errorf("in another user's folder: %v", err)
	}
}
