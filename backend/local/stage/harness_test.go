package stage

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveBenchmark()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should happen in milliseconds. No test that passes waits for its end.
const patience = 30 * time.Second

// testStage is a stage server behind real HTTP, with a guest list instead of signed tokens.
type testStage struct {
	t      *testing.T
	server *Server
	url    string

	mu     sync.Mutex
	tokens map[string]Token
	events []Event
	heard  chan struct{} // closed and replaced with every event
}

func newTestStage(t *testing.T) *testStage {
	t.Helper()
	return newTestStageWith(t, func(*Config) {})
}

// newTestStageWith lets a test change the configuration.
func newTestStageWith(t *testing.T, change func(*Config)) *testStage {
	t.Helper()
	s := &testStage{t: t, tokens: make(map[string]Token), heard: make(chan struct{})}
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	s.url = front.URL + "/whip"
	config := Config{
		PublicURL: s.url, Verify: s.verify, Observer: s,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	change(&config)
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	mux.Handle("/whip/", http.StripPrefix("/whip", server.Handler()))
	mux.Handle("/whip", http.StripPrefix("/whip", server.Handler()))
	t.Cleanup(func() {
		front.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *testStage) verify(token string) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.tokens[token]
	switch {
	case !ok:
		return Token{}, fmt.Errorf("unknown token")
	case !found.Expires.After(time.Now()):
		return Token{}, fmt.Errorf("too late: %w", ErrTokenExpired)
	}
	return found, nil
}

// invite returns a token; may is any of "publish" and "subscribe".
func (s *testStage) invite(stageID, participant string, may ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Token{ParticipantID: participant, StageID: stageID, Expires: time.Now().Add(time.Hour)}
	for _, m := range may {
		t.Publish = t.Publish || m == "publish"
		t.Subscribe = t.Subscribe || m == "subscribe"
	}
	raw := fmt.Sprintf("token-%d", len(s.tokens))
	s.tokens[raw] = t
	return raw
}

func (s *testStage) Observe(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.heard)
	s.heard = make(chan struct{})
}

// awaitEvent waits for the n-th event (from 1) of this name and participant.
func (s *testStage) awaitEvent(name EventName, participant string, n int) Event {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		found := 0
		for _, e := range s.events {
			if e.Name == name && e.Token.ParticipantID == participant {
				if found++; found == n {
					s.mu.Unlock()
					return e
				}
			}
		}
		heard := s.heard
		s.mu.Unlock()
		select {
		case <-heard:
		case <-deadline:
			s.t.Fatalf("no %s number %d of %s; heard %v", name, n, participant, s.names())
		}
	}
}

func (s *testStage) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, fmt.Sprintf("%s/%s/%s", e.Name, e.Token.ParticipantID, e.Code))
	}
	return out
}

func (s *testStage) request(method, url, token, body string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/sdp")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// loopbackAPI makes client connections that stay on this machine.
func loopbackAPI(t *testing.T) *webrtc.API {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.LoggerFactory = pionLogs{slog.New(slog.NewTextHandler(io.Discard, nil))}
	network, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	settings.SetNet(roomyNet{network})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.DisableSRTPReplayProtection(true) // a packet that is sent again on purpose must be seen
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media))
}

// roomyNet gives connections sockets with room.
type roomyNet struct{ *stdnet.Net }

func (n roomyNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	socket, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	makeRoom(socket)
	return socket, nil
}

func newClient(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	pc, err := loopbackAPI(t).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func gatheredOffer(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

// post makes an offer. Who is turned away because the machine is busy comes again, as it is told to.
func (s *testStage) post(url, token, offer string) *http.Response {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		response := s.request(http.MethodPost, url, token, offer)
		if response.StatusCode != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return response
		}
	}
}

// connect runs the HTTP exchange and returns the session's address.
func (s *testStage) connect(pc *webrtc.PeerConnection, url, token string) string {
	s.t.Helper()
	return s.connectBy(pc, url, token, func(answer string) string { return answer })
}

// connectBy lets a test change the answer.
func (s *testStage) connectBy(pc *webrtc.PeerConnection, url, token string, change func(string) string) string {
	s.t.Helper()
	response := s.post(url, token, gatheredOffer(s.t, pc))
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusCreated {
		s.t.Fatalf("%s: %s: %s", url, response.Status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: change(string(answer))}); err != nil {
		s.t.Fatal(err)
	}
	return response.Header.Get("Location")
}
