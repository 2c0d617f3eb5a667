//go:build linux

package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotRunnable reports a launch script that is missing or may not be run; the
// message says what to do.
var ErrNotRunnable = errors.New("launch script cannot be run")

// Script is the launch script of an application, running.
type Script struct {
	*Child
	output *Output
	pipe   *os.File
	copied chan struct{}
}

// ScriptConfig says what to run.
type ScriptConfig struct {
	Dir         string // the application's folder, also the working directory
	Executable  string // relative to Dir, must stay inside
	Arguments   []string
	Environment []string // complete, as Environment makes it
	LogPath     string   // receives standard output and standard error, bounded
}

// StartScript runs the launch script as one of children.
func StartScript(children *Children, config ScriptConfig) (*Script, error) {
	path, err := runnable(config.Dir, config.Executable)
	if err != nil {
		return nil, err
	}
	output, err := CreateOutput(config.LogPath)
	if err != nil {
		return nil, err
	}
	// A pipe of our own rather than exec.Cmd's: Cmd.Wait would wait for every
	// background process that inherited it, and the script's end must be seen at once.
	reading, writing, err := os.Pipe()
	if err != nil {
		output.Close()
		return nil, fmt.Errorf("open the application's output: %w", err)
	}
	cmd := exec.Command(path, config.Arguments...)
	cmd.Dir = config.Dir
	cmd.Env = config.Environment
	cmd.Stdout, cmd.Stderr = writing, writing
	child, err := children.Start("script", cmd)
	writing.Close()
	if err != nil {
		reading.Close()
		output.Close()
		if errors.Is(err, unix.ENOEXEC) {
			return nil, fmt.Errorf("%w: %s has no first line like #!/bin/sh, and is no program either", ErrNotRunnable, path)
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrNotRunnable, path, err)
	}
	script := &Script{Child: child, output: output, pipe: reading, copied: make(chan struct{})}
	go func() {
		defer close(script.copied)
		_, _ = io.Copy(output, reading)
	}()
	return script, nil
}

// runnable checks what a person can put right, in words that say how.
func runnable(dir, executable string) (string, error) {
	if !filepath.IsLocal(executable) {
		return "", fmt.Errorf("%w: the path %q leaves the application's folder", ErrNotRunnable, executable)
	}
	path := filepath.Join(dir, executable)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%w: there is no %s", ErrNotRunnable, path)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNotRunnable, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: %s is not a file", ErrNotRunnable, path)
	case info.Mode()&0o111 == 0:
		return "", fmt.Errorf("%w: %s is not executable; run: chmod +x %s", ErrNotRunnable, path, path)
	}
	return path, nil
}

// Explain says how the script ended, with the last lines of its output. Only
// after Done.
func (s *Script) Explain() string {
	// What was printed just before the end may still be in the pipe. Background
	// processes can hold it open, hence the limit.
	_ = s.pipe.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	<-s.copied
	how := "the launch script ended"
	var failed *exec.ExitError
	if errors.As(s.Err(), &failed) {
		how = "the launch script failed: " + failed.Error()
	} else if s.Err() != nil {
		how = "the launch script failed: " + s.Err().Error()
	}
	last := s.output.LastLines()
	if strings.TrimSpace(last) == "" {
		return how + "; it printed nothing"
	}
	return how + "; its last lines:\n" + last
}

// Close stops keeping the output. Call it when the script's tree has ended.
func (s *Script) Close() {
	_ = s.pipe.SetReadDeadline(time.Now())
	<-s.copied
	s.pipe.Close()
	s.output.Close()
}
