//go:build linux

package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// The tests of this file run a stage in one network namespace and a publisher and a viewer in another, each in a
// process of its own, with a cable between them that the test can change.
const (
	nsServer = "HOTSEAT_STAGE_NS_SERVER" // in the stage's process: the address to listen on
	nsClient = "HOTSEAT_STAGE_NS_CLIENT" // in the others' process: the address of the stage
	nsSays   = "@ "                      // begins a line that is for the test
)

// cable is two namespaces and what is between them.
type cable struct {
	t            *testing.T
	server, home string // namespaces
}

var cables atomic.Int64 // so that tests may run side by side

func newCable(t *testing.T) *cable {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip program (package iproute2)")
	}
	t.Parallel()
	n := cables.Add(1)
	c := &cable{t: t, server: fmt.Sprintf("hs%d-%ds", os.Getpid(), n), home: fmt.Sprintf("hs%d-%dh", os.Getpid(), n)}
	if out, err := exec.Command("ip", "netns", "add", c.server).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	t.Cleanup(func() { c.try("netns", "del", c.server) })
	c.ip("netns", "add", c.home)
	t.Cleanup(func() { c.try("netns", "del", c.home) })
	c.ip("-n", c.server, "link", "add", "far", "type", "veth", "peer", "name", "near", "netns", c.home)
	for _, end := range [][2]string{{c.server, "lo"}, {c.server, "far"}, {c.home, "lo"}, {c.home, "near"}} {
		c.ip("-n", end[0], "link", "set", end[1], "up")
	}
	return c
}

func (c *cable) ip(arguments ...string) {
	c.t.Helper()
	if out, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
		c.t.Fatalf("ip %s: %v: %s", strings.Join(arguments, " "), err, out)
	}
}

func (c *cable) try(arguments ...string) { _ = exec.Command("ip", arguments...).Run() }

func (c *cable) addresses(server, home string) {
	c.t.Helper()
	c.ip("-n", c.server, "addr", "add", server, "dev", "far", "nodad")
	c.ip("-n", c.home, "addr", "add", home, "dev", "near", "nodad")
}

// process is a test of this program in a namespace, that is spoken with by lines.
type process struct {
	t    *testing.T
	in   io.Writer
	said chan string
}

func (c *cable) run(namespace, test string, environment ...string) *process {
	c.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0], "-test.run=^"+test+"$", "-test.timeout=180s", "-test.v")
	cmd.Env = append(os.Environ(), environment...)
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	p := &process{t: c.t, in: in, said: make(chan string, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := lines.Text()
			if said, ok := strings.CutPrefix(line, nsSays); ok {
				p.said <- said
			} else if strings.Contains(line, "_test.go") {
				c.t.Log(line)
			}
		}
	}()
	c.t.Cleanup(func() {
		_ = in.Close() // the process ends with its input
		hurry := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer hurry.Stop()
		<-read
		if err := cmd.Wait(); err != nil && !c.t.Failed() {
			c.t.Errorf("%s: %v", test, err)
		}
	})
	return p
}

// hear waits for a line that begins like this, and returns the rest.
func (p *process) hear(begin string) string {
	p.t.Helper()
	deadline := time.After(2 * patience)
	for {
		select {
		case line, ok := <-p.said:
			if !ok {
				p.t.Fatalf("the process ended before it said %q", begin)
			}
			if rest, found := strings.CutPrefix(line, begin); found {
				return strings.TrimSpace(rest)
			}
		case <-deadline:
			p.t.Fatalf("the process never said %q", begin)
		}
	}
}

func (p *process) tell(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Fatal(err)
	}
}

func say(format string, a ...any) { fmt.Printf("\n"+nsSays+format+"\n", a...) }

// TestServeInANamespace is the stage's process.
func TestServeInANamespace(t *testing.T) {
	host := os.Getenv(nsServer)
	if host == "" {
		t.Skip("a part of other tests")
	}
	front, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + front.Addr().String()
	server, err := New(Config{
		PublicURL: base, UDPAddress: net.JoinHostPort(host, "0"), TCPAddress: net.JoinHostPort(host, "0"),
		Log: slog.New(slog.DiscardHandler),
		Verify: func(token string) (Token, error) {
			return Token{ParticipantID: token, StageID: "st", Publish: true, Subscribe: true, Expires: time.Now().Add(time.Hour)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(front) }()
	say("at %s", base)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := errors.Join(web.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	<-served
}

// anywhere makes a connection that uses whatever the namespace has.
func anywhere(t *testing.T, network *stdnet.Net) *webrtc.PeerConnection {
	t.Helper()
	settings := webrtc.SettingEngine{LoggerFactory: pionLogs{slog.New(slog.DiscardHandler)}}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNet(network)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// TestPublishAndWatchInANamespace is the process of the publisher and the viewer. Each line that it hears has both
// restart ICE.
func TestPublishAndWatchInANamespace(t *testing.T) {
	url := os.Getenv(nsClient)
	if url == "" {
		t.Skip("a part of other tests")
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	network, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	s := &testStage{t: t, url: url}
	p := s.publishWith(anywhere(t, network), "st", "game", "game", standard)
	var v *subscriber
	for deadline := time.Now().Add(patience); v == nil; time.Sleep(20 * time.Millisecond) {
		if p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
			v = s.watch(anywhere(t, network), "st", "game", "viewer", asItIs)
		} else if time.Now().After(deadline) {
			t.Fatal("the publisher has no connection")
		}
	}
	watch := func() {
		for len(v.packets) > 0 {
			<-v.packets
		}
		for range 10 {
			v.next(t, "frames", func(p *rtp.Packet) bool { return p.Marker })
		}
		pair, err := v.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
		if err != nil || pair == nil {
			t.Fatalf("frames by no way: %v", err)
		}
		say("frames over %s from %s", pair.Remote.Protocol, pair.Remote.Address)
	}
	watch()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		http.DefaultClient.CloseIdleConnections() // they are bound to the address that was
		if err := network.UpdateInterfaces(); err != nil {
			t.Fatal(err)
		}
		s.restart(p.pc, p.location, "game")
		s.restart(v.pc, v.location, "viewer")
		watch()
	}
}

// play starts a stage at host and somebody who publishes to it and watches, and returns the latter.
func (c *cable) play(host string) *process {
	c.t.Helper()
	stage := c.run(c.server, "TestServeInANamespace", nsServer+"="+host)
	url := stage.hear("at")
	return c.run(c.home, "TestPublishAndWatchInANamespace", nsClient+"="+url)
}

func TestANetworkThatBlocksUDPIsServedOverTCP(t *testing.T) {
	c := newCable(t)
	c.addresses("10.77.0.1/24", "10.77.0.2/24")
	for _, end := range []string{c.server, c.home} {
		c.ip("-n", end, "rule", "add", "pref", "10", "ipproto", "udp", "prohibit")
	}
	if got := c.play("10.77.0.1").hear("frames over"); got != "tcp from 10.77.0.1" {
		t.Errorf("frames over %s", got)
	}
}

func TestAMoveToAnotherNetworkIsSurvivedByAnICERestart(t *testing.T) {
	c := newCable(t)
	c.addresses("10.77.0.1/24", "10.77.0.2/24")
	home := c.play("10.77.0.1")
	if got := home.hear("frames over"); got != "udp from 10.77.0.1" {
		t.Errorf("frames over %s", got)
	}
	c.ip("-n", c.home, "addr", "flush", "dev", "near")
	c.ip("-n", c.home, "addr", "add", "10.77.0.99/24", "dev", "near")
	home.tell("restart")
	if got := home.hear("frames over"); got != "udp from 10.77.0.1" {
		t.Errorf("frames over %s", got)
	}
}

func TestANetworkOfIPv6AloneIsServed(t *testing.T) {
	c := newCable(t)
	c.addresses("fd77::1/64", "fd77::2/64")
	if got := c.play("fd77::1").hear("frames over"); got != "udp from fd77::1" {
		t.Errorf("frames over %s", got)
	}
}

func TestANetworkOfIPv6AloneThatBlocksUDPIsServedOverTCP(t *testing.T) {
	c := newCable(t)
	c.addresses("fd77::1/64", "fd77::2/64")
	for _, end := range []string{c.server, c.home} {
		c.ip("-6", "-n", end, "rule", "add", "pref", "10", "ipproto", "udp", "prohibit")
	}
	if got := c.play("fd77::1").hear("frames over"); got != "tcp from fd77::1" {
		t.Errorf("frames over %s", got)
	}
}
