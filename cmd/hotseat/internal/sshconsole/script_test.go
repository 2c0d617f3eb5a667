package sshconsole

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// script is `ssh -T`, driven line by line.
type script struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string
	heard  []string
	errors bytes.Buffer
}

func (p *place) script(who string) *script {
	p.t.Helper()
	s := &script{t: p.t, cmd: p.ssh(who, "-T"), lines: make(chan string, 1000)}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	s.cmd.Stderr = &s.errors
	if err := s.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(s.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			s.lines <- scanner.Text()
		}
	}()
	p.t.Cleanup(func() {
		_ = s.in.Close()
		_ = s.cmd.Process.Kill()
		for range s.lines {
		}
	})
	return s
}

func (s *script) enter(line string) { fmt.Fprintln(s.in, line) }

// expect reads on until a line holds one of the parts.
func (s *script) expect(parts ...string) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the end before %q; heard:\n%s\n%s", parts, strings.Join(s.heard, "\n"), &s.errors)
			}
			s.heard = append(s.heard, line)
			for _, part := range parts {
				if strings.Contains(line, part) {
					return
				}
			}
		case <-deadline:
			s.t.Fatalf("no line with %q; heard:\n%s", parts, strings.Join(s.heard, "\n"))
		}
	}
}

// ends waits for the client's end.
func (s *script) ends(code int) {
	s.t.Helper()
	for range s.lines {
	}
	err := s.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil && code == 0, errors.As(err, &exit) && exit.ExitCode() == code:
	default:
		s.t.Errorf("ssh ended with %v, want %d; heard:\n%s\n%s", err, code, strings.Join(s.heard, "\n"), &s.errors)
	}
}
