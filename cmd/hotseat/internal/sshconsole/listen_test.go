package sshconsole

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotseat/cmd/hotseat/internal/standin"
)

func TestListenSaysWhatIsWrongBeforeAnythingIsServed(t *testing.T) {
	cfg := goodConfig(t)
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#\nnonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no people":    {func(c *Config) { c.PeopleFile = filepath.Join(filepath.Dir(broken), "none") }, "there is no file of people"},
		"a mistake":    {func(c *Config) { c.PeopleFile = broken }, "line 2: this is no key"},
		"a taken port": {func(c *Config) { c.Addr = taken.Addr().String() }, "another program may have the port"},
		"no address":   {func(c *Config) { c.Addr = "" }, "are needed"},
		"no host key":  {func(c *Config) { c.HostKeyFile = broken }, "is no private key"},
	} {
		changed := cfg
		c.change(&changed)
		if _, err := Listen(changed); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeWithoutABackendGivesThePortBack(t *testing.T) {
	s, err := Listen(goodConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(context.Background(), "http://127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), "are needed") {
		t.Errorf("without tokens: %v", err)
	}
	again, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = again.Close()
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestAServerWhoseContextHasEndedServesNobody(t *testing.T) {
	s, err := Listen(goodConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Serve(ctx, "http://127.0.0.1:1", (&standin.Backend{}).PersonToken); err != nil {
		t.Error(err)
	}
}

func TestTheCommandNamesTheMachineWhereItListensOnEveryAddress(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ address, host string }{
		{"127.0.0.1:2222", "127.0.0.1"}, {"[::1]:2222", "::1"}, {"0.0.0.0:2222", name}, {"[::]:2222", name},
	} {
		if got, want := (&Server{listener: at(c.address)}).Command(), "ssh -p 2222 "+c.host; got != want {
			t.Errorf("%s: %q, want %q", c.address, got, want)
		}
	}
}

// at is a listener of an address that nobody listens on: a test should not be reachable from elsewhere.
type at string

func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
func (a at) Addr() net.Addr {
	addr, _ := net.ResolveTCPAddr("tcp", string(a))
	return addr
}

// goodConfig is one with which Listen listens.
func goodConfig(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	_, key := newKey(t)
	people := filepath.Join(dir, "people")
	if err := os.WriteFile(people, []byte(`name="a",role="viewer" `+key), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Addr: "127.0.0.1:0", HostKeyFile: filepath.Join(dir, "host_key"), PeopleFile: people}
}
