package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A bundle is the self-contained package: a folder with this program, every library that it needs, the
// loader and GStreamer's plug-ins, started as
//
//	lib/ld-linux-x86-64.so.2 --library-path lib lib/hotseat-sidecar
//
// so that nothing of it is said by a variable, which the game would inherit: LD_LIBRARY_PATH and
// GST_PLUGIN_PATH of ours would break a game that brings or finds its own libraries.
type bundle struct {
	loader string // of the C library that is in the bundle; "": this is no bundle
	lib    string
}

// findBundle looks at the program that the kernel started: in a bundle it is the loader.
func findBundle() bundle {
	started, err := os.Executable()
	if err != nil || !strings.HasPrefix(filepath.Base(started), "ld-linux") {
		return bundle{}
	}
	return bundle{loader: started, lib: filepath.Dir(started)}
}

// command starts this program again.
func (b bundle) command() ([]string, error) {
	if b.loader == "" {
		program, err := os.Executable()
		return []string{program}, err
	}
	return []string{b.loader, "--library-path", b.lib, filepath.Join(b.lib, "hotseat-sidecar")}, nil
}

// certificates are where Debian, Red Hat and others keep the authorities to trust.
var certificates = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// use tells GStreamer and Go, in this process alone, where the bundle has what they look for.
func (b bundle) use() {
	if b.loader == "" {
		return
	}
	registry := b.registry()
	for name, value := range map[string]string{
		"GST_PLUGIN_SYSTEM_PATH_1_0": filepath.Join(b.lib, "gstreamer-1.0"),
		"GST_PLUGIN_SYSTEM_PATH":     filepath.Join(b.lib, "gstreamer-1.0"),
		"GST_PLUGIN_PATH_1_0":        "",
		"GST_PLUGIN_PATH":            "",
		// The list of plug-ins holds absolute paths, so that none can be brought along, and the one of
		// the machine's own GStreamer must not be mixed with it. The scanner, a program, would need the loader.
		"GST_REGISTRY_1_0":  registry,
		"GST_REGISTRY":      registry,
		"GST_REGISTRY_FORK": "no",
		"GIO_MODULE_DIR":    filepath.Join(b.lib, "gio"),
		"GIO_EXTRA_MODULES": "",
	} {
		if value == "" {
			_ = os.Unsetenv(name)
		} else {
			_ = os.Setenv(name, value)
		}
	}
	for _, path := range certificates {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	if os.Getenv("SSL_CERT_FILE") == "" {
		_ = os.Setenv("SSL_CERT_FILE", filepath.Join(b.lib, "ca-certificates.crt"))
	}
}

// registry is where this user's GStreamer keeps its list of this bundle's plug-ins. Whoever could write
// there could make us load what they like, so it is in a folder that nobody else can.
func (b bundle) registry() string {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("hotseat-sidecar-%d", os.Getuid()))
	_ = os.Mkdir(dir, 0o700) // it may be there
	info, err := os.Lstat(dir)
	if err == nil {
		owner, ok := info.Sys().(*syscall.Stat_t)
		if ok && info.IsDir() && info.Mode().Perm() == 0o700 && int(owner.Uid) == os.Getuid() {
			return filepath.Join(dir, b.key()+".bin")
		}
	}
	if dir, err = os.MkdirTemp("", "hotseat-sidecar-"); err != nil {
		return filepath.Join(b.lib, "registry.bin") // without a place to write, the list is made each time
	}
	return filepath.Join(dir, "registry.bin")
}

// key tells one bundle from another, and from what was in its folder before.
func (b bundle) key() string {
	what := b.lib
	if info, err := os.Stat(filepath.Join(b.lib, "hotseat-sidecar")); err == nil {
		what = fmt.Sprint(b.lib, info.Size(), info.ModTime().UnixNano())
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(what)))[:16]
}
