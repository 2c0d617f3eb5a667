package account

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"hotseat/tui/prefs"
)

// maxFile bounds what is read of a file here: refresh tokens have about 2 KiB.
const maxFile = 64 << 10

// ErrNone: nothing is kept for this backend.
var ErrNone = errors.New("no saved session")

// Saved is a sign-in that was kept.
type Saved struct {
	Server       string    `json:"server"` // the backend's address
	Email        string    `json:"email"`
	RefreshToken string    `json:"refreshToken"`
	SavedAt      time.Time `json:"savedAt"`
}

// Store is the folder of kept sign-ins. Nothing is made before something is kept.
type Store struct{ dir string }

// DefaultFolder is sign-ins beside the console's preferences.
func DefaultFolder() (string, error) {
	path, err := prefs.Path()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), "sign-ins"), nil
}

// OpenStore uses a folder; "" is the default one.
func OpenStore(dir string) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultFolder(); err != nil {
			return nil, err
		}
	}
	return &Store{dir: dir}, nil
}

// file is named by the backend, readable for people, with a hash since addresses differ in more
// than what a file name may hold.
func (s *Store) file(server string) string {
	sum := sha256.Sum256([]byte(server))
	host := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(server[strings.LastIndex(server, "/")+1:]))
	return filepath.Join(s.dir, host[:min(len(host), 60)]+"-"+hex.EncodeToString(sum[:4])+".json")
}

// Load returns the sign-in that is kept for a backend. Errors: ErrNone, or what is wrong with the
// file, and what to do about it.
func (s *Store) Load(server string) (Saved, error) {
	var saved Saved
	path := s.file(server)
	data, err := s.read(path)
	if err != nil {
		return Saved{}, err
	}
	if err := json.Unmarshal(data, &saved); err != nil || saved.Server != server || saved.RefreshToken == "" {
		return Saved{}, fmt.Errorf("%s is no saved session; remove it, and sign in with `hotseat login --server %s`", path, server)
	}
	return saved, nil
}

// Save keeps a sign-in, in place of the one before.
func (s *Store) Save(saved Saved) error {
	data, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return fmt.Errorf("saving the session: %w", err)
	}
	return s.write(s.file(saved.Server), append(data, '\n'))
}

// Delete forgets the sign-in of a backend; ErrNone if there was none.
func (s *Store) Delete(server string) error {
	err := os.Remove(s.file(server))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("forgetting the saved session: %w", err)
	}
	return nil
}

// LastServer is the backend that was used last, "" if none is known.
func (s *Store) LastServer() string {
	data, err := s.read(filepath.Join(s.dir, "last-server"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// SetLastServer remembers the backend for the next time.
func (s *Store) SetLastServer(server string) error {
	if s.LastServer() == server {
		return nil
	}
	return s.write(filepath.Join(s.dir, "last-server"), []byte(server+"\n"))
}

func (s *Store) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("reading the saved session: %w", err)
	}
	defer f.Close()
	for _, check := range []func() (fs.FileInfo, error){f.Stat, func() (fs.FileInfo, error) { return os.Stat(s.dir) }} {
		info, err := check()
		if err != nil {
			return nil, fmt.Errorf("reading the saved session: %w", err)
		}
		if err := onlyMine(info, path, s.dir); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the saved session: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes and is no saved session; remove it", path, maxFile)
	}
	return data, nil
}

// onlyMine refuses what others can read or replace. Windows has other rights than these.
func onlyMine(info fs.FileInfo, path, dir string) error {
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	wanted, name := "0600", path
	if info.IsDir() {
		wanted, name = "0700", dir
	}
	return fmt.Errorf("others can read %s (mode %04o), so the session in it is not used: `chmod %s %s`, and `hotseat login` again if they may have read it",
		name, info.Mode().Perm(), wanted, name)
}

// write replaces a file in one step, so that two programs at once leave one of two whole files.
func (s *Store) write(path string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("saving the session: %w", err)
		}
	}()
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if err := onlyMine(info, path, s.dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
