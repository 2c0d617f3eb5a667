package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// licences writes LICENSES: the texts of everything that is passed on with the package, and a list of it.
// taken are files of Debian packages.
func licences(dir, program string, taken []string) error {
	to := filepath.Join(dir, "LICENSES")
	var list strings.Builder
	list.WriteString(`# What is in this folder, and its licences

## In the program, linked statically

| Go module | version | licence's text |
| --- | --- | --- |
`)
	modules, err := goModules(program)
	if err != nil {
		return err
	}
	for _, m := range modules {
		names, err := copyLicences(m.Dir, filepath.Join(to, "go", m.Path+"@"+m.Version))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", m.Path, err)
		}
		fmt.Fprintf(&list, "| %s | %s | %s |\n", m.Path, m.Version, strings.Join(names, ", "))
	}
	list.WriteString(`
github.com/go-gst/go-gst and go-glib are under the LGPL 2.1. Their sources, and Hotseat's, to link anew
with changed ones, are where Go's module proxies and Hotseat's repository have them.
`)
	if len(taken) > 0 {
		packages, err := debianPackages(taken)
		if err != nil {
			return err
		}
		list.WriteString(`
## In lib, unchanged from Debian or Ubuntu

x264 (libx264) is under the GPL, version 2 or later, which makes what is loaded together with it, as a
whole, subject to the GPL's terms when it is passed on. Sources of each version are at
https://snapshot.debian.org (or Ubuntu's archive), under the name of the source package. H.264 and AAC may need
patent licences where you are. Take the other package, with install-dependencies.sh, to pass on none
of this.

| package | version | source package | files |
| --- | --- | --- | --- |
`)
		for _, p := range packages {
			text := filepath.Join("/usr/share/doc", p.name, "copyright")
			if err := copyFile(text, filepath.Join(to, "debian", p.name, "copyright"), 0o644); err != nil {
				return fmt.Errorf("licence of %s: %w", p.name, err)
			}
			fmt.Fprintf(&list, "| %s | %s | %s | %s |\n", p.name, p.version, p.source, strings.Join(p.files, ", "))
		}
		// What those texts refer to.
		for _, name := range []string{"GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3", "Apache-2.0", "MPL-2.0"} {
			path, err := filepath.EvalSymlinks(filepath.Join("/usr/share/common-licenses", name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := copyFile(path, filepath.Join(to, "common-licenses", name), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(to, "README.md"), []byte(list.String()), 0o644)
}

type goModule struct{ Path, Version, Dir string }

// goModules are those that the program was built from, and Go itself.
func goModules(program string) ([]goModule, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("reading what the program was built from: %w", err)
	}
	args := []string{"list", "-m", "-json=Path,Version,Dir"}
	for _, d := range info.Deps {
		args = append(args, d.Path)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("asking where the modules are: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	modules := []goModule{{"std", info.GoVersion, strings.TrimSpace(string(root))}}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m goModule
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
}

// copyLicences copies the files of a folder that are about licences. None is an error.
func copyLicences(from, to string) (names []string, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if !e.Type().IsRegular() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(p string) bool { return strings.HasPrefix(upper, p) }) {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()), 0o644); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	if names == nil {
		return nil, errors.New("there is no file with its text")
	}
	return names, nil
}

type debianPackage struct {
	name, version, source string
	files                 []string
}

// debianPackages finds out who brought the files (dpkg-query(1)).
func debianPackages(taken []string) ([]debianPackage, error) {
	found := map[string]*debianPackage{}
	for _, path := range taken {
		name, err := ownerOf(path)
		if err != nil {
			return nil, err
		}
		p := found[name]
		if p == nil {
			out, err := exec.Command("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${source:Package} ${source:Version}", name).Output()
			if err != nil {
				return nil, fmt.Errorf("dpkg-query -W %s: %w", name, err)
			}
			f := strings.Split(string(out), "\t")
			p = &debianPackage{name: f[0], version: f[1], source: f[2]}
			found[name] = p
		}
		p.files = append(p.files, filepath.Base(path))
	}
	var list []debianPackage
	for _, p := range found {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b debianPackage) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// ownerOf asks for a path with and without /usr: both name the same file, and the list has one of them.
func ownerOf(path string) (string, error) {
	for _, p := range []string{path, strings.TrimPrefix(path, "/usr"), "/usr" + path} {
		out, err := exec.Command("dpkg-query", "-S", p).Output()
		if err == nil {
			name, _, _ := strings.Cut(string(out), ": ")
			return name, nil
		}
	}
	return "", fmt.Errorf("%s belongs to no package: its licence is not known", path)
}
