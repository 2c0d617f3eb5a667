// Package web holds the page of Hotseat, built by Vite, as files inside the binary.
//
// It knows nothing of HTTP: who serves the files, with which headers, and that unknown
// addresses such as /s/<session> get index.html, is decided by backend/api.
package web

import (
	"embed"
	"io/fs"
)

// The pattern matches two folders: dist, which `npm run build` makes and git ignores, and
// dist-missing, which is committed. A pattern that matches nothing is a compile error, so
// dist-missing keeps `go build` working on a machine that never ran npm, without build tags.
//
//go:embed all:dist*
var files embed.FS

// FS returns the files of the page, with index.html at the top, and true. When the binary was
// compiled before the page was built it returns a page that says so, and false.
func FS() (fs.FS, bool) {
	if _, err := fs.Stat(files, "dist/index.html"); err == nil {
		return sub("dist"), true
	}
	return sub("dist-missing"), false
}

// sub cannot fail: fs.Sub refuses only names that are not valid paths.
func sub(folder string) fs.FS {
	inner, err := fs.Sub(files, folder)
	if err != nil {
		return files
	}
	return inner
}
