//go:build !unix

package host

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockFolder only notes that the folder is used: hosting games needs Linux anyway.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	return f, nil
}
