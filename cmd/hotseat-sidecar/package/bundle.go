package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"hotseat/sidecar/elements"
)

// loaderName is the program that starts others (ld.so(8)), as x86-64 calls it.
const loaderName = "ld-linux-x86-64.so.2"

// onDemand are libraries that others load by name when they need them.
var onDemand = []string{
	"libgcc_s.so.1", // by the C library, to end threads
}

// left lists libraries that belong to the machine: its graphics drivers bring the other half of them.
var left = []string{"libcuda.so", "libnvidia-"}

// bundle copies the program, GStreamer's plug-ins, and all that they need, into lib. It returns the
// files that were taken from this machine.
func bundle(lib, program string) (taken []string, err error) {
	known, err := knownLibraries()
	if err != nil {
		return nil, err
	}
	c := &collector{lib: lib, known: known, done: map[string]bool{}}
	if err := c.add(program, "hotseat-sidecar"); err != nil {
		return nil, err
	}
	c.taken = nil // the program is ours
	for _, name := range append([]string{loaderName}, onDemand...) {
		if known[name] == "" {
			return nil, fmt.Errorf("this machine has no %s; packages are made on x86-64 with glibc", name)
		}
		if err := c.add(known[name], name); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(filepath.Join(lib, loaderName), 0o755); err != nil {
		return nil, err
	}
	folder := filepath.Dir(known["libgstreamer-1.0.so.0"])
	for _, name := range pluginNames(folder) {
		if err := c.add(filepath.Join(folder, "gstreamer-1.0", name), filepath.Join("gstreamer-1.0", name)); err != nil {
			return nil, err
		}
	}
	const tls = "libgiognutls.so"
	if err := c.add(filepath.Join(folder, "gio", "modules", tls), filepath.Join("gio", tls)); err != nil {
		return nil, fmt.Errorf("TLS for RTMPS: %w: apt-get install glib-networking", err)
	}
	if err := copyFile("/etc/ssl/certs/ca-certificates.crt", filepath.Join(lib, "ca-certificates.crt"), 0o644); err != nil {
		return nil, fmt.Errorf("authorities to trust: %w: apt-get install ca-certificates", err)
	}
	return c.taken, nil
}

// pluginNames are the files with the elements that the sidecar uses. Those of graphics cards may be
// missing where this is made.
func pluginNames(folder string) (names []string) {
	for _, e := range elements.All() {
		if e.Need == elements.Check {
			continue
		}
		for _, p := range e.Plugins {
			if _, err := os.Stat(filepath.Join(folder, "gstreamer-1.0", p+".so")); err == nil && !slices.Contains(names, p+".so") {
				names = append(names, p+".so")
			}
		}
	}
	return names
}

// collector copies files and, once each, the libraries that they need.
type collector struct {
	lib   string
	known map[string]string // path, by soname
	done  map[string]bool   // by soname
	taken []string
}

func (c *collector) add(from, as string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	needs, folders, err := dependencies(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	to := filepath.Join(c.lib, as)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	c.done[filepath.Base(as)] = true
	c.taken = append(c.taken, from)
	mode := fs.FileMode(0o644)
	if as == "hotseat-sidecar" {
		mode = 0o755
	}
	if err := copyFile(from, to, mode); err != nil {
		return err
	}
	for _, name := range needs {
		if c.done[name] || slices.ContainsFunc(left, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		path := c.known[name]
		for _, folder := range folders {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				path = filepath.Join(folder, name)
			}
		}
		if path == "" {
			return fmt.Errorf("%s needs %s, which this machine does not have", from, name)
		}
		if err := c.add(path, name); err != nil {
			return err
		}
	}
	return nil
}

// dependencies are the names of the libraries that a file needs, and where it looks before others.
func dependencies(path string) (names, folders []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return nil, nil, fmt.Errorf("is for %v, not x86-64", f.Machine)
	}
	if names, err = f.ImportedLibraries(); err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, nil, err
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := f.DynString(tag)
		for _, list := range paths {
			for _, folder := range filepath.SplitList(list) {
				folders = append(folders, strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(folder))
			}
		}
	}
	return names, folders, nil
}

// knownLibraries is the loader's own list (ldconfig(8)).
func knownLibraries() (map[string]string, error) {
	ldconfig := "/sbin/ldconfig" // which is not on everybody's PATH
	out, err := exec.Command(ldconfig, "-p").Output()
	if err != nil {
		return nil, fmt.Errorf("%s -p: %w", ldconfig, err)
	}
	known := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		// "	libz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1"
		entry, path, ok := strings.Cut(strings.TrimSpace(lines.Text()), " => ")
		name, kind, _ := strings.Cut(entry, " ")
		if ok && strings.Contains(kind, "x86-64") && known[name] == "" {
			known[name] = path
		}
	}
	if known[loaderName] == "" {
		if path, err := filepath.EvalSymlinks("/lib64/" + loaderName); err == nil {
			known[loaderName] = path
		}
	}
	if known["libgstreamer-1.0.so.0"] == "" {
		return nil, errors.New("GStreamer is not installed here: task setup")
	}
	return known, lines.Err()
}
