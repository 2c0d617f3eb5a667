package stage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// networkClient makes a connection that uses these networks only.
func networkClient(t *testing.T, types ...webrtc.NetworkType) *webrtc.PeerConnection {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.LoggerFactory = pionLogs{slog.New(slog.NewTextHandler(io.Discard, nil))}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes(types)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if slices.Contains(types, webrtc.NetworkTypeUDP6) {
		// The stack gathers no ::1 by itself.
		socket, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
		if err != nil {
			t.Skipf("no IPv6 here: %v", err)
		}
		mux := webrtc.NewICEUDPMux(nil, socket)
		settings.SetICEUDPMux(mux)
		t.Cleanup(func() { _ = mux.Close() })
	}
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

// watch subscribes with a given connection. through may change the answer.
func (s *testStage) watch(pc *webrtc.PeerConnection, stageID, participant, token string, through func(string) string) *subscriber {
	s.t.Helper()
	v := &subscriber{pc: pc, packets: make(chan *rtp.Packet, 4096)}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		s.t.Fatal(err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case v.packets <- p:
			default:
			}
		}
	})
	response := s.post(s.url+"/"+stageID+"/subscribe/"+participant, token, gatheredOffer(s.t, pc))
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusCreated {
		s.t.Fatalf("%s %v: %s", response.Status, err, answer)
	}
	v.location = response.Header.Get("Location")
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: through(string(answer))}); err != nil {
		s.t.Fatal(err)
	}
	return v
}

func asItIs(answer string) string { return answer }

func TestWhereUDPIsBlockedMediaComesOverTCP(t *testing.T) {
	t.Parallel()
	s := newTestStageWith(t, func(c *Config) { c.TCPAddress = "127.0.0.1:0" })
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.watch(networkClient(t, webrtc.NetworkTypeTCP4), "st", "game", s.invite("st", "viewer", "subscribe"), asItIs)
	for range 15 {
		v.next(t, "frames over TCP", func(p *rtp.Packet) bool { return p.Marker })
	}
	if got := s.server.Stats().Stages[0].Feeds[0].Viewers[0].Transport; got != "tcp" {
		t.Errorf("transport %q", got)
	}
}

// tap is a TCP way through which a test can let less and less.
type tap struct {
	net.Listener
	shut chan struct{} // closed: nothing more is read from the server
	open chan struct{} // closed: everything is
	work sync.WaitGroup
	mu   sync.Mutex
	all  []net.Conn
}

func newTap(t *testing.T, to string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{Listener: l, shut: make(chan struct{}), open: make(chan struct{})}
	p.work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			_ = server.(*net.TCPConn).SetReadBuffer(128 << 10)
			p.mu.Lock()
			p.all = append(p.all, client, server)
			p.mu.Unlock()
			p.work.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
			p.work.Go(func() { p.copy(client, server); _ = client.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.all {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.work.Wait()
	})
	return p
}

func (p *tap) copy(client, server net.Conn) {
	buffer := make([]byte, 4096)
	for {
		select {
		case <-p.shut:
			<-p.open
		default:
		}
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestAViewerWithANarrowLineIsDroppedToAKeyFrameAndDelaysNobody(t *testing.T) {
	t.Parallel()
	var said atomic.Int64
	s := newTestStageWith(t, func(c *Config) {
		c.TCPAddress = "127.0.0.1:0"
		c.Log = slog.New(slog.NewTextHandler(lineCounter{&said, "dropped to the next key frame"}, nil))
	})
	s.publish("st", "game", s.invite("st", "game", "publish"), picture{sps: standard.sps, bytes: 25_000}) // 6 Mbit/s
	s.awaitEvent(PublishStarted, "game", 1)
	port := s.server.engine.tcp.LocalAddr().(*net.TCPAddr).Port
	way := newTap(t, fmt.Sprintf("127.0.0.1:%d", port))
	through := way.Addr().(*net.TCPAddr).Port
	narrow := s.watch(networkClient(t, webrtc.NetworkTypeTCP4), "st", "game", s.invite("st", "narrow", "subscribe"), func(answer string) string {
		return strings.ReplaceAll(answer, fmt.Sprintf(" 127.0.0.1 %d typ", port), fmt.Sprintf(" 127.0.0.1 %d typ", through))
	})
	narrow.next(t, "a first packet", anyPacket)
	quick := s.subscribe("st", "game", s.invite("st", "quick", "subscribe"))
	last := quick.next(t, "a first packet", anyPacket)

	close(way.shut)
	viewer := func() ViewerStats { return s.server.Stats().Stages[0].Feeds[0].Viewers[0] }
	for deadline := time.Now().Add(patience); !viewer().Video.Waiting; {
		if time.Now().After(deadline) {
			t.Fatalf("the narrow line was never full: %+v", viewer())
		}
		p := quick.next(t, "the stream meanwhile", anyPacket)
		if p.SequenceNumber != last.SequenceNumber+1 {
			t.Fatalf("the other viewer lost packets: %d follows %d", p.SequenceNumber, last.SequenceNumber)
		}
		last = p
	}
	close(way.open)
	for deadline := time.Now().Add(patience); viewer().Video.Waiting; {
		if time.Now().After(deadline) {
			t.Fatalf("the picture did not come back: %+v", viewer())
		}
		quick.next(t, "the stream meanwhile", func(p *rtp.Packet) bool { return p.Marker })
	}
	if viewer().Video.Drops == 0 || said.Load() == 0 {
		t.Errorf("it was dropped, and counted %d times and said %d times", viewer().Video.Drops, said.Load())
	}
}

// lineCounter counts log lines that contain a text.
type lineCounter struct {
	n    *atomic.Int64
	text string
}

func (c lineCounter) Write(line []byte) (int, error) {
	if strings.Contains(string(line), c.text) {
		c.n.Add(1)
	}
	return len(line), nil
}

func TestAStageIsReachedOverIPv6Alone(t *testing.T) {
	t.Parallel()
	s := newTestStageWith(t, func(c *Config) { c.UDPAddress = "[::1]:0" })
	s.publishWith(networkClient(t, webrtc.NetworkTypeUDP6), "st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.watch(networkClient(t, webrtc.NetworkTypeUDP6), "st", "game", s.invite("st", "viewer", "subscribe"), asItIs)
	for range 10 {
		v.next(t, "frames over IPv6", func(p *rtp.Packet) bool { return p.Marker })
	}
}

func TestAPublicAddressStandsForTheSocketsOwn(t *testing.T) {
	t.Parallel()
	s := newTestStageWith(t, func(c *Config) { c.TCPAddress, c.PublicIPs = "127.0.0.1:0", []string{"203.0.113.7"} })
	publish, _ := offers(t, loopbackAPI(t))
	response := s.request(http.MethodPost, s.url+"/st/publish/game", s.invite("st", "game", "publish"), publish)
	answer, _ := io.ReadAll(response.Body)
	candidates := 0
	for line := range strings.Lines(string(answer)) {
		if strings.HasPrefix(line, "a=candidate:") {
			candidates++
			if !strings.Contains(line, " 203.0.113.7 ") {
				t.Errorf("the NAT's inside shows: %s", line)
			}
		}
	}
	if candidates == 0 || !strings.Contains(string(answer), "tcptype passive") {
		t.Errorf("%d candidates in\n%s", candidates, answer)
	}
	s.server.DisconnectStage("st")
}

func TestAnAddressThatCannotBeUsedIsAnError(t *testing.T) {
	verify := func(string) (Token, error) { return Token{}, nil }
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]Config{
		"UDP":    {UDPAddress: "nowhere"},
		"TCP":    {TCPAddress: taken.Addr().String()},
		"public": {PublicIPs: []string{"home"}},
	} {
		c.Verify, c.PublicURL = verify, "http://127.0.0.1/whip"
		server, err := New(c)
		if err == nil {
			t.Errorf("%s: no error", name)
			_ = server.Close()
		} else if errors.Is(err, ErrMediaAddress) != (len(c.PublicIPs) == 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLanesTakeThePortsThatFollow(t *testing.T) {
	for _, c := range []struct {
		address string
		lane    int
		want    string
	}{
		{"192.0.2.7:8480", 0, "192.0.2.7:8480"}, {"192.0.2.7:8480", 2, "192.0.2.7:8482"}, {"[2001:db8::7]:8480", 1, "[2001:db8::7]:8481"},
		{"127.0.0.1:0", 1, "127.0.0.1:0"}, {"", 1, ""},
	} {
		if got := lanePort(c.address, c.lane); got != c.want {
			t.Errorf("lane %d of %s is at %s, want %s", c.lane, c.address, got, c.want)
		}
	}
}
