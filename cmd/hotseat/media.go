package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"hotseat/backend/local"
	"hotseat/backend/local/stage"
)

// mediaOptions say how the broadcast reaches viewers on other machines. Pages and API go where --listen says; media
// does not go through a proxy.
type mediaOptions struct {
	address    string
	publicIP   string
	iceServers string // file
}

// maxICEServers bounds the list: a browser warns beyond a handful.
const maxICEServers = 16

const lastMediaPort = 1<<16 - stage.MaxLanes

// media checks the options and reads the file.
func (o mediaOptions) media() (local.Media, error) {
	m := local.Media{Address: o.address}
	var own net.IP
	if o.address != "" {
		host, port, err := net.SplitHostPort(o.address)
		if err != nil || net.ParseIP(host) == nil || port == "" {
			return m, fmt.Errorf("--media %s is no address and port, such as 192.0.2.7:8480", o.address)
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > lastMediaPort {
			return m, fmt.Errorf("--media %s: the port is a number from 1 to %d, as up to %d ports from it are used", o.address, lastMediaPort, stage.MaxLanes)
		}
		if own = net.ParseIP(host); own.IsUnspecified() && o.publicIP == "" {
			return m, fmt.Errorf("--media %s is every address of this machine: say with --media-ip under which one viewers reach it", o.address)
		}
	}
	if o.publicIP != "" {
		switch public := net.ParseIP(o.publicIP); {
		case public == nil:
			return m, fmt.Errorf("--media-ip %s is no IP address", o.publicIP)
		case o.address == "":
			return m, errors.New("--media-ip needs --media, the address and port that it stands for")
		case (public.To4() == nil) != (own.To4() == nil):
			return m, fmt.Errorf("--media-ip %s cannot stand for --media %s: one is IPv4 and the other IPv6", o.publicIP, o.address)
		}
		m.PublicIPs = []string{o.publicIP}
	}
	if o.iceServers == "" {
		return m, nil
	}
	f, err := os.Open(o.iceServers)
	if err != nil {
		return m, fmt.Errorf("--ice-servers: %w", err)
	}
	defer f.Close()
	if m.ICEServers, err = readICEServers(f); err != nil {
		return m, fmt.Errorf("--ice-servers %s: %w", o.iceServers, err)
	}
	return m, nil
}

// explain says what to do about an address that the system refused.
func (o mediaOptions) explain(err error) error {
	if o.address == "" || !errors.Is(err, stage.ErrMediaAddress) {
		return err
	}
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--media %s: this machine has no such address (ip address lists those it has); a NAT's goes to --media-ip: %w", o.address, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--media %s: something else has a port of it, take another; this one is used for UDP and TCP, and up to %d after it for UDP: %w",
			o.address, stage.MaxLanes-1, err)
	}
	return fmt.Errorf("--media %s: %w", o.address, err)
}

// readICEServers reads the list that a page gives to RTCPeerConnection (W3C WebRTC section 4.2.4, RTCIceServer). Errors
// hold no credential.
func readICEServers(r io.Reader) ([]stage.ICEServer, error) {
	var list []struct {
		URLs       oneOrMore `json:"urls"`
		Username   string    `json:"username"`
		Credential string    `json:"credential"`
	}
	decoder := json.NewDecoder(io.LimitReader(r, 64<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf(`not a list like [{"urls": "turn:turn.example.net", "username": "…", "credential": "…"}]: %w`, err)
	}
	var servers []stage.ICEServer
	for n, s := range list {
		if len(s.URLs) == 0 {
			return nil, fmt.Errorf("server %d has no urls", n+1)
		}
		for _, url := range s.URLs {
			scheme, _, _ := strings.Cut(url, ":")
			turn := scheme == "turn" || scheme == "turns"
			switch {
			case !turn && scheme != "stun" && scheme != "stuns" || strings.ContainsAny(url, "<>\" \r\n"):
				return nil, fmt.Errorf("server %d: %q is no stun:, stuns:, turn: or turns: address (RFC 7064, RFC 7065)", n+1, url)
			case turn && (s.Username == "" || s.Credential == ""):
				return nil, fmt.Errorf("server %d: TURN needs username and credential", n+1)
			case strings.ContainsFunc(s.Username+s.Credential, func(c rune) bool { return c < ' ' || c > '~' }):
				return nil, fmt.Errorf("server %d: username and credential travel in a header: printable ASCII only", n+1)
			}
			servers = append(servers, stage.ICEServer{URL: url, Username: s.Username, Credential: s.Credential})
		}
	}
	if len(servers) > maxICEServers {
		return nil, fmt.Errorf("%d addresses; at most %d", len(servers), maxICEServers)
	}
	return servers, nil
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

// UnmarshalJSON is of json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(o))
}
