package sshconsole

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

func TestTheHostKeyIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ssh", "host_key")
	first, err := hostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if first.PublicKey().Type() != gossh.KeyAlgoED25519 {
		t.Errorf("a key of type %s", first.PublicKey().Type())
	}
	again, err := hostKey(path)
	if err != nil || !bytes.Equal(again.PublicKey().Marshal(), first.PublicKey().Marshal()) {
		t.Errorf("another key the second time, %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := hostKey(path); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a key that others can read: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hostKey(bad); err == nil || !strings.Contains(err.Error(), "is no private key") {
		t.Errorf("a file that is no key: %v", err)
	}
}

// from is a connection of an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", f.address)
	return a
}
func (f from) Close() error { return nil }

func TestConnectionsAreBoundedInNumberAndByAddress(t *testing.T) {
	now := time.Now()
	l := newLimits(4, 3, func() time.Time { now = now.Add(time.Minute); return now })
	open := func(address string) (net.Conn, string) { return l.admit(from{address: address}) }
	var mine []net.Conn
	for i := range 3 {
		c, why := open(fmt.Sprintf("192.0.2.1:%d", 1000+i))
		if why != "" {
			t.Fatalf("connection %d: %s", i, why)
		}
		mine = append(mine, c)
	}
	if _, why := open("192.0.2.1:2000"); why != "too many of one address" {
		t.Errorf("the fourth of one address: %q", why)
	}
	if _, why := open("192.0.2.2:2000"); why != "" {
		t.Errorf("another address: %q", why)
	}
	if _, why := open("192.0.2.3:2000"); why != "too many" {
		t.Errorf("the fifth in all: %q", why)
	}
	_ = mine[0].Close()
	_ = mine[0].Close() // counts once
	if _, why := open("192.0.2.1:2001"); why != "" {
		t.Errorf("after one was closed: %q", why)
	}
	if _, why := open("192.0.2.3:2001"); why != "too many" {
		t.Errorf("closing twice made room twice: %q", why)
	}
}

func TestConnectionsOfOneAddressAreRateLimited(t *testing.T) {
	now := time.Now()
	l := newLimits(1000, 1000, func() time.Time { return now })
	admitted := 0
	for range 100 {
		if _, why := l.admit(from{address: "[2001:db8::1]:99"}); why == "" {
			admitted++
		}
	}
	if admitted != connectionBurst {
		t.Errorf("%d of 100 at once were let in", admitted)
	}
	now = now.Add(2 * time.Second)
	if _, why := l.admit(from{address: "[2001:db8::1]:99"}); why != "" {
		t.Errorf("two seconds later: %s", why)
	}
}

// loop is a stream whose reads give a byte, and whose writes go nowhere.
type loop struct{}

func (loop) Read(p []byte) (int, error)  { p[0] = 'x'; return 1, nil }
func (loop) Write(p []byte) (int, error) { return len(p), nil }

func TestWhatIsTypedKeepsAConsoleOpenAndWhatIsDrawnDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, i, done := watchIdle(context.Background(), loop{}, time.Minute, false)
		defer done()
		buffer := make([]byte, 1)
		for range 5 {
			time.Sleep(50 * time.Second)
			_, _ = i.Read(buffer)
		}
		if ctx.Err() != nil {
			t.Fatal("somebody who types is idle")
		}
		for range 5 {
			time.Sleep(50 * time.Second)
			_, _ = i.Write(buffer)
		}
		synctest.Wait()
		var gone errIdle
		if !errors.As(context.Cause(ctx), &gone) {
			t.Fatalf("nobody typed, and the context says %v", context.Cause(ctx))
		}
	})
}

func TestLinesThatAreReadKeepAPipeOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, i, done := watchIdle(context.Background(), loop{}, time.Minute, true)
		defer done()
		for range 5 {
			time.Sleep(50 * time.Second)
			_, _ = i.Write([]byte("an event\n"))
		}
		if ctx.Err() != nil {
			t.Fatal("a pipe that is read is idle")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Fatal("a silent pipe stays for ever")
		}
	})
}

func TestATerminalsSizeIsBounded(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{{80, 24, 80, 24}, {0, 0, 1, 1}, {1 << 30, 1 << 30, maxWidth, maxHeight}, {-5, 10, 1, 10}} {
		if got := sizeOf(ssh.Window{Width: c.w, Height: c.h}); got.Width != c.wantW || got.Height != c.wantH {
			t.Errorf("%d × %d became %d × %d", c.w, c.h, got.Width, got.Height)
		}
	}
}

func TestOfTheClientsEnvironmentOnlyWhatTheScreenNeedsIsTaken(t *testing.T) {
	got := environ([]string{"COLORTERM=truecolor", "LD_PRELOAD=x", "HOTSEAT_PASSWORD=x", "TERM=evil", "NO_COLOR=1", "LANG=" + strings.Repeat("x", maxVariable)}, "xterm-256color")
	if want := "TERM=xterm-256color TTY_FORCE=1 COLORTERM=truecolor NO_COLOR=1"; strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
}
