package sshconsole

import (
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestOnlyAFewSmallVariablesThatTheConsoleNoticesAreKept(t *testing.T) {
	c := newPlace(t, nil).dial("viewer")
	session := c.mustSession()
	for name, v := range map[string]variable{
		"a name that nobody notices": {"LD_PRELOAD", "x"},
		"an empty name":              {"", "x"},
		"a large value":              {"LANG", strings.Repeat("x", maxVariable)},
		"a very large value":         {"LANG", strings.Repeat("x", 100<<10)},
		"a large name":               {strings.Repeat("LANG", 10<<10), ""},
	} {
		if c.asks(session, "env", v) {
			t.Errorf("%s was taken", name)
		}
	}
	if c.asks(session, "env", nil) {
		t.Error("a request without a variable was granted")
	}
	taken := 0
	for range 100 {
		if c.asks(session, "env", variable{"LANG", "de_DE.UTF-8"}) {
			taken++
		}
	}
	if taken != maxVariables {
		t.Errorf("%d of 100 were taken, want %d", taken, maxVariables)
	}
}

func TestNothingIsForwardedOrSignalled(t *testing.T) {
	c := newPlace(t, nil).dial("viewer")
	session := c.mustSession()
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "signal", "break", "subsystem", "xon-xoff"} {
		if c.asks(session, kind, struct{ Value string }{"TERM"}) {
			t.Errorf("%s was granted", kind)
		}
	}
	if c.asks(session, "exec", struct{ Command string }{strings.Repeat("x", maxRequest)}) {
		t.Error("a command that is too long was taken")
	}
}

func TestAConnectionHasAFewSessionsWithAConsoleOrWithout(t *testing.T) {
	p := newPlace(t, nil)
	c := p.dial("viewer")
	first := c.mustSession()
	for range maxConsoles - 1 {
		c.mustSession()
	}
	if _, err := c.session(); !isShortage(err) {
		t.Fatalf("one more than %d: %v", maxConsoles, err)
	}
	p.dial("viewer").mustSession() // another connection has its own
	_ = first.Close()
	for range maxConsoles {
		if _, err := c.session(); err == nil {
			return
		}
	}
	t.Error("a session that was closed keeps its place")
}

func TestAClientThatAsksOnAndOnForWhatItIsRefusedIsOut(t *testing.T) {
	for _, kind := range []string{"session", "direct-tcpip"} {
		c := newPlace(t, nil).dial("viewer")
		for range maxConsoles {
			c.mustSession()
		}
		for n := 0; ; n++ {
			if _, _, err := c.OpenChannel(kind, nil); err != nil && !strings.Contains(err.Error(), "rejected") {
				break // the connection is closed
			}
			if n > maxRefused {
				t.Fatalf("%d channels of the kind %s were refused, and the connection is still open", n, kind)
			}
		}
	}
}

func TestSizesBeforeTheShellHoldNothingUp(t *testing.T) {
	p := newPlace(t, nil)
	before := goleak.IgnoreCurrent() // the backend's are its own matter
	c := p.dial("viewer")
	channel := c.mustSession()
	if !c.asks(channel, "pty-req", terminal{Term: "xterm-256color", Columns: 80, Rows: 24}) {
		t.Fatal("no terminal")
	}
	for columns := range uint32(100) {
		if _, err := channel.SendRequest("window-change", false, encode(window{Columns: columns, Rows: 30})); err != nil {
			t.Fatal(err)
		}
	}
	if c.asks(channel, "window-change", struct{ Half uint32 }{1}) {
		t.Error("half a size was taken")
	}
	if !c.asks(channel, "env", variable{"LANG", "C.UTF-8"}) {
		t.Error("no variable after the sizes")
	}
	_ = channel.Close()
	if err := c.asksAnything(); err != nil {
		t.Error(err)
	}
	_ = c.Close()
	goleak.VerifyNone(t, before)
}

func TestASessionThatAsksForNoShellIsClosed(t *testing.T) {
	c := newPlace(t, func(c *Config) { c.startTime = 50 * time.Millisecond }).dial("viewer")
	session := c.mustSession()
	if !c.asks(session, "pty-req", terminal{Term: "xterm-256color", Columns: 80, Rows: 24}) {
		t.Fatal("no terminal")
	}
	if _, err := io.ReadAll(session); err != nil { // to the end of the session
		t.Error(err)
	}
	if err := c.asksAnything(); err != nil {
		t.Errorf("the connection was closed as well: %v", err)
	}
}

func TestAConsoleEndsWithItsSession(t *testing.T) {
	p := newPlace(t, nil)
	p.backend.Session("Hotseat Runner")
	c := p.dial("viewer")
	const rounds = 2 * maxConsoles
	for n := range rounds {
		channel := c.mustSession()
		if n%2 == 0 && !c.asks(channel, "pty-req", terminal{Term: "xterm-256color", Columns: 80, Rows: 24}) {
			t.Fatal("no terminal")
		}
		if !c.asks(channel, "shell", nil) {
			t.Fatal("no shell")
		}
		p.until("a console opened", func() bool { return strings.Count(p.log.String(), "a console was opened") == n+1 })
		_ = channel.Close()
		p.until("the console closed", func() bool { return strings.Count(p.log.String(), "a console was closed") == n+1 })
	}
	if strings.Contains(p.log.String(), "did not end") {
		t.Errorf("a console was ended by force:\n%s", p.log)
	}
}
