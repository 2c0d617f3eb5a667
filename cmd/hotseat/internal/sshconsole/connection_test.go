package sshconsole

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// asksAnything says whether the connection still answers.
func (r *raw) asksAnything() error {
	_, _, err := r.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

func TestAConnectionWithoutAConsoleMakesRoomForOthers(t *testing.T) {
	p := newPlace(t, func(c *Config) { c.Max, c.emptyTime = 1, 500*time.Millisecond })
	c := p.dial("viewer")
	c.mustSession() // a session is no console
	_ = c.Wait()
	if c.gaveUp.Load() {
		t.Fatal("the connection stays")
	}
	p.until("the log says so", func() bool { return strings.Contains(p.log.String(), "a connection without a console was closed") })
	next, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	_ = next.SetDeadline(time.Now().Add(patience))
	greeting := make([]byte, len("SSH-2.0-Hotseat"))
	if _, err := io.ReadFull(next, greeting); err != nil || string(greeting) != "SSH-2.0-Hotseat" {
		t.Errorf("the next one was greeted with %q, %v", greeting, err)
	}
}

// told is a connection that says that it was closed.
type told struct {
	net.Conn
	closed atomic.Int64
}

func (c *told) Close() error { c.closed.Add(1); return nil }

func TestOnlyTheTimeWithoutAConsoleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tcp told
		c := newConnection(t.Context(), &tcp, time.Minute, func() {})
		for range 3 {
			time.Sleep(59 * time.Second)
			c.begin()
			c.begin()
			time.Sleep(time.Hour)
			c.end()
			time.Sleep(time.Hour)
			c.end()
		}
		if tcp.closed.Load() != 0 {
			t.Fatal("it was closed although there were consoles")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tcp.closed.Load() != 1 {
			t.Fatalf("closed %d times after a minute without a console", tcp.closed.Load())
		}
	})
}

func TestTheServersEndClosesAConnectionInItsHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tcp told
		ctx, cancel := context.WithCancel(t.Context())
		newConnection(ctx, &tcp, time.Minute, func() { t.Error("it was closed for being empty") })
		cancel()
		time.Sleep(time.Hour)
		synctest.Wait()
		if tcp.closed.Load() != 1 {
			t.Errorf("closed %d times", tcp.closed.Load())
		}
	})
}

func TestAConsoleWhoseClientDoesNotReadIsOut(t *testing.T) {
	for name, frozen := range map[string]bool{"not the console": false, "not even that its session is closed": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, func(c *Config) { c.listedEvery, c.endTime = 50*time.Millisecond, 100*time.Millisecond })
			p.arrives(p.backend.Session("Hotseat Runner"), ann)
			var sent atomic.Int64
			p.port = counting(t, p.port, &sent)
			c := p.dial("qa-lead")
			channel := c.mustSession() // nobody reads from it
			// Lines, which fill a client's window of 2 MiB much sooner than a screen does.
			if !c.asks(channel, "shell", nil) {
				t.Fatal("no shell")
			}
			commands, before, same := []byte(strings.Repeat("help\n", 40)), int64(0), 0
			p.until("the session's window is full", func() bool {
				_, _ = channel.Write(commands)
				if now := sent.Load(); now != before {
					before, same = now, 0
				}
				same++
				return before > 2<<20 && same > 20
			})
			c.frozen.frozen.Store(frozen)
			if err := os.WriteFile(filepath.Join(p.dir, "people"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			p.until("its session is closed", func() bool { return strings.Contains(p.log.String(), "its session is closed") })
			p.until("its console is closed", func() bool { return strings.Contains(p.log.String(), "a console was closed") })
			if got := strings.Contains(p.log.String(), "its connection is closed"); got != frozen {
				t.Errorf("the connection was closed by force: %v, want %v", got, frozen)
			}
		})
	}
}
