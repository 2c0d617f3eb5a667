package sshconsole

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/charmbracelet/keygen"
	gossh "golang.org/x/crypto/ssh"
)

// hostKey reads the server's key, or makes one (Ed25519, mode 0600) where there is none: a key that
// changed would tell every client that somebody listens in.
func hostKey(path string) (gossh.Signer, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("making the host key's folder: %w", err)
		}
		pair, err := keygen.New(path, keygen.WithKeyType(keygen.Ed25519), keygen.WithWrite())
		if err != nil {
			return nil, fmt.Errorf("making the host key: %w", err)
		}
		return pair.Signer(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the host key: %w", err)
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the host key %s (mode %04o): chmod 600 %s, and make another one if they may have", path, info.Mode().Perm(), path)
	}
	signer, err := gossh.ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no private key: %w; move it away and another one is made", path, err)
	}
	return signer, nil
}
