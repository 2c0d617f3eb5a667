//go:build unix

package sshconsole

import (
	"io/fs"
	"syscall"
)

// ownedByOther says whether a file belongs to somebody who is neither this user nor root.
func ownedByOther(info fs.FileInfo, self int) (owner int, other bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	owner = int(stat.Uid)
	return owner, owner != self && owner != 0
}
