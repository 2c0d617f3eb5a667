// Command package makes the folders and archives that a game developer drops a game into: the sidecar
// with its launch script, once for machines where GStreamer can be installed, and once self-contained
// with every library, for those where nothing can. It takes the libraries from the machine that it runs
// on, which has to be Debian or Ubuntu on x86-64 with what the sidecar needs (task setup).
//
//	go run ./cmd/hotseat-sidecar/package -out .bin/package
package main

import (
	"embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"hotseat/sidecar/elements"
)

//go:embed files
var files embed.FS

// Names of the two packages.
const (
	stockName         = "hotseat-sidecar-linux-amd64"
	selfContainedName = "hotseat-sidecar-linux-amd64-selfcontained"
)

func main() {
	out := flag.String("out", ".bin/package", "`folder` to make the packages in")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	program := filepath.Join(out, "hotseat-sidecar")
	if err := build(program); err != nil {
		return err
	}
	defer os.Remove(program)
	for _, p := range []struct {
		name string
		make func(dir, program, root string) error
	}{{stockName, makeStock}, {selfContainedName, makeSelfContained}} {
		dir := filepath.Join(out, p.name)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := p.make(dir, program, root); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		size, err := archive(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("%s.tar.gz  %.1f MB\n", dir, float64(size)/1e6)
	}
	return nil
}

// build makes the program. Names are looked up by Go itself, so that no part of the C library that is
// loaded on demand is needed.
func build(program string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags=netgo,osusergo", "-o", program, "hotseat/cmd/hotseat-sidecar")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the sidecar: %w\n%s", err, out)
	}
	return nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func makeStock(dir, program, root string) error {
	if err := copyFile(program, filepath.Join(dir, "hotseat-sidecar"), 0o755); err != nil {
		return err
	}
	install, err := text("install-dependencies.sh")
	if err != nil {
		return err
	}
	install = strings.Replace(install, "@PACKAGES@", strings.Join(elements.Packages(), "\n"), 1)
	if err := os.WriteFile(filepath.Join(dir, "install-dependencies.sh"), []byte(install), 0o755); err != nil {
		return err
	}
	if err := common(dir, root, "dependencies-stock.md", ""); err != nil {
		return err
	}
	return licences(dir, program, nil)
}

func makeSelfContained(dir, program, root string) error {
	start, err := text("hotseat-sidecar.sh")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "hotseat-sidecar"), []byte(start), 0o755); err != nil {
		return err
	}
	taken, err := bundle(filepath.Join(dir, "lib"), program)
	if err != nil {
		return err
	}
	if err := common(dir, root, "dependencies-selfcontained.md", "trouble-selfcontained.md"); err != nil {
		return err
	}
	return licences(dir, program, taken)
}

// common writes what both packages have.
func common(dir, root, dependencies, trouble string) error {
	launch, err := text("run_broadcaster_background.sh")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "run_broadcaster_background.sh"), []byte(launch), 0o755); err != nil {
		return err
	}
	readme, err := text("README.md")
	if err != nil {
		return err
	}
	for mark, name := range map[string]string{"@DEPENDENCIES@": dependencies, "@TROUBLE@": trouble} {
		part := ""
		if name != "" {
			if part, err = text(name); err != nil {
				return err
			}
		}
		readme = strings.Replace(readme, mark+"\n", part, 1)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(readme), 0o644); err != nil {
		return err
	}
	return copyFile(filepath.Join(root, "LICENSE"), filepath.Join(dir, "LICENSE"), 0o644)
}

func text(name string) (string, error) {
	raw, err := files.ReadFile("files/" + name)
	return string(raw), err
}
