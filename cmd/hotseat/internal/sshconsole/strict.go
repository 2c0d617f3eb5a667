package sshconsole

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// strict refuses a file that somebody else can change or replace, as sshd's StrictModes does
// (sshd_config(5)): who writes the file of people can be anybody. The folder counts as well, since who
// writes there can put another file in the file's place; with the sticky bit only owners can.
func strict(path string, file fs.FileInfo, self int) error {
	if file.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write %s (mode %04o), and whoever writes it can be a QA lead: chmod go-w %s", path, file.Mode().Perm(), path)
	}
	if owner, other := ownedByOther(file, self); other {
		return fmt.Errorf("%s belongs to another user (uid %d), who can write it and be a QA lead: chown it to yourself", path, owner)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("following %s: %w", path, err)
	}
	for _, folder := range []string{filepath.Dir(path), filepath.Dir(real)} { // of the link, and of what it leads to
		info, err := os.Stat(folder)
		if err != nil {
			return fmt.Errorf("looking at the folder of people: %w", err)
		}
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("others can write in %s (mode %04o), and put another file of people there: chmod go-w %s", folder, info.Mode().Perm(), folder)
		}
		if owner, other := ownedByOther(info, self); other {
			return fmt.Errorf("the folder %s belongs to another user (uid %d), who can put another file of people there: chown it to yourself, or keep the file elsewhere", folder, owner)
		}
	}
	return nil
}
