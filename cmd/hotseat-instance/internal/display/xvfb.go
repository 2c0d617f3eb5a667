//go:build linux

// Package display gives one game instance its own X11 display (Xvfb), does there
// what a player does (XTEST), and keeps the keyboard focus on the game's window,
// for there is no window manager.
//
// It knows nothing of people or messages: it gets actions and carries them out, in
// order, none dropped.
package display

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hotseat/cmd/hotseat-instance/internal/launch"
)

// Limits of a display, in pixels. GameLift Streams' own is W*H <= 2,073,600 with
// even numbers (DisplayConfiguration).
const (
	MinSide   = 160 // what the capture takes at least
	MaxSide   = 4096
	MaxPixels = 1920 * 1080
)

// startPatience is how long Xvfb may take to answer; 60 to 150 ms on a quiet machine.
const startPatience = 10 * time.Second

// authorityFamilyWild marks an authority entry for any host (Xauth.h, FamilyWild).
const authorityFamilyWild = 65535

// Server is a running X server.
type Server struct {
	*launch.Child
	Name      string // for DISPLAY, like ":7"
	Authority string // for XAUTHORITY: the file with the cookie that opens the display
}

// CheckSize tells whether a display can have this size.
func CheckSize(width, height int) error {
	switch {
	case width < MinSide || height < MinSide || width > MaxSide || height > MaxSide:
		return fmt.Errorf("display %dx%d: each side must be %d to %d", width, height, MinSide, MaxSide)
	case width%2 != 0 || height%2 != 0:
		return fmt.Errorf("display %dx%d: both sides must be even", width, height)
	case width*height > MaxPixels:
		return fmt.Errorf("display %dx%d: at most %d pixels", width, height, MaxPixels)
	}
	return nil
}

// Start runs Xvfb on the first free display number. Its files are kept in dir.
// Only who can read the cookie there can connect: other users of the machine can
// neither watch the game nor press its keys.
func Start(ctx context.Context, children *launch.Children, dir string, width, height int) (*Server, error) {
	if err := CheckSize(width, height); err != nil {
		return nil, err
	}
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		return nil, errors.New("xvfb is not installed (Debian package xvfb)")
	}
	authority := filepath.Join(dir, "xauthority")
	if err := writeAuthority(authority); err != nil {
		return nil, err
	}
	output, err := os.OpenFile(filepath.Join(dir, "xvfb.log"), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the display's log: %w", err)
	}
	defer output.Close()
	number, announce, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the display number: %w", err)
	}
	defer number.Close()

	// -displayfd lets the server choose a number that is free and say which, so
	// that sessions starting together cannot collide. -noreset: a server resets
	// when its last client leaves, and that would drop the game's settings.
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height),
		"-nolisten", "tcp", "-noreset", "-auth", authority)
	cmd.ExtraFiles = []*os.File{announce}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C"}
	child, err := children.Start("Xvfb", cmd)
	announce.Close()
	if err != nil {
		return nil, fmt.Errorf("start Xvfb: %w", err)
	}
	deadline := time.Now().Add(startPatience)
	if early, set := ctx.Deadline(); set && early.Before(deadline) {
		deadline = early
	}
	_ = number.SetReadDeadline(deadline)
	defer context.AfterFunc(ctx, func() { _ = number.SetReadDeadline(time.Now()) })()
	line, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the display did not start: %w; %s", err, lastLine(output))
	}
	display, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return nil, fmt.Errorf("the display announced itself as %q", line)
	}
	return &Server{Child: child, Name: ":" + strconv.Itoa(display), Authority: authority}, nil
}

// writeAuthority makes a file with one random MIT-MAGIC-COOKIE-1 in the format of
// Xau(3): family, address, display number, name, data; each but the family with
// its length in two bytes before it. Empty address and number: any display.
func writeAuthority(path string) error {
	cookie := make([]byte, 16)
	_, _ = rand.Read(cookie) // never fails, crypto/rand
	entry := binary.BigEndian.AppendUint16(nil, authorityFamilyWild)
	for _, field := range [][]byte{nil, nil, []byte("MIT-MAGIC-COOKIE-1"), cookie} {
		entry = binary.BigEndian.AppendUint16(entry, uint16(len(field)))
		entry = append(entry, field...)
	}
	if err := os.WriteFile(path, entry, 0o600); err != nil {
		return fmt.Errorf("write the display's cookie: %w", err)
	}
	return nil
}

func lastLine(output *os.File) string {
	text := make([]byte, 4096)
	n, _ := output.ReadAt(text, 0)
	lines := strings.Split(strings.TrimSpace(string(text[:n])), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
