package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hotseat/backend/local/stage"
)

func TestMediaOptionsThatReachNobodyAreRefused(t *testing.T) {
	for _, c := range []struct {
		address string
		ip      string
		says    string
	}{
		{"", "", ""},
		{"192.0.2.7:8480", "", ""},
		{"[2001:db8::7]:8480", "", ""},
		{"0.0.0.0:8480", "192.0.2.7", ""},
		{"0.0.0.0:8480", "", "--media-ip"},
		{"[::]:8480", "", "--media-ip"},
		{"8480", "", "address and port"},
		{"playtests.example:8480", "", "address and port"},
		{"192.0.2.7:0", "", "from 1 to 65528"},
		{"192.0.2.7:65528", "", ""},
		{"192.0.2.7:65529", "", "from 1 to 65528"},
		{"192.0.2.7:http", "", "from 1 to 65528"},
		{"192.0.2.7:8480", "playtests.example", "no IP address"},
		{"", "192.0.2.7", "needs --media"},
		{"[::]:8480", "192.0.2.7", "IPv6"},
	} {
		_, err := mediaOptions{address: c.address, publicIP: c.ip}.media()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("--media %q --media-ip %q: %v, want %q", c.address, c.ip, err, c.says)
		}
	}
}

func TestAMediaAddressThatTheSystemRefusesIsExplained(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, says := range map[string]string{
		"203.0.113.9:8480":    "this machine has no such address", // RFC 5737: nobody's
		taken.Addr().String(): "take another",
	} {
		_, err := stage.New(stage.Config{UDPAddress: address, TCPAddress: address, Verify: func(string) (stage.Token, error) { return stage.Token{}, nil }})
		if err = (mediaOptions{address: address}).explain(err); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "--media "+address) {
			t.Errorf("%s: %v", address, err)
		}
	}
	other := errors.New("other")
	if err := (mediaOptions{address: "192.0.2.7:8480"}).explain(other); err != other {
		t.Errorf("another error became %v", err)
	}
}

func TestICEServersAreReadAsAPageHasThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ice.json")
	text := `[{"urls": "stun:stun.example.net"}, {"urls": ["turn:turn.example.net?transport=udp", "turns:turn.example.net"], "username": "u", "credential": "p"}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := mediaOptions{iceServers: file}.media()
	if err != nil || len(m.ICEServers) != 3 || m.ICEServers[2] != (stage.ICEServer{URL: "turns:turn.example.net", Username: "u", Credential: "p"}) {
		t.Errorf("%+v, %v", m.ICEServers, err)
	}
	for _, c := range []struct{ text, says string }{
		{"", "not a list"},
		{"{}", "not a list"},
		{`[{"url": "stun:stun.example.net"}]`, "not a list"},
		{`[{}]`, "no urls"},
		{`[{"urls": "https://turn.example.net"}]`, "stuns:, turn:"},
		{`[{"urls": "turn:turn.example.net>; rel=x"}]`, "stuns:, turn:"},
		{`[{"urls": "turn:turn.example.net", "username": "u"}]`, "needs username and credential"},
		{`[{"urls": "turn:turn.example.net", "username": "u", "credential": "hush\r\nX: y"}]`, "printable"},
		{"[" + strings.Repeat(`{"urls": "stun:stun.example.net"},`, maxICEServers) + `{"urls": "stun:stun.example.net"}]`, "at most"},
	} {
		_, err := readICEServers(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", c.text, err, c.says)
		}
	}
}
