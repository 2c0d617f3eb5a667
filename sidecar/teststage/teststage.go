// Package teststage is a WHIP server on real sockets for tests of publishers: it answers one
// publisher at a time with pion, counts what arrives, asks for key frames, and can refuse,
// redirect, lose packets, restart ICE, vanish, be killed and come back. It is for tests only.
package teststage

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Token is what a publisher must present, until Accept says otherwise.
const Token = "stage-token-of-the-test"

// Options of a Stage.
type Options struct {
	IP          string           // to listen on; "": 127.0.0.1
	MediaIP     string           // of the media's socket; "": IP
	Certificate *tls.Certificate // serve https; nil: http
	Restarts    bool             // ETag and ICE restarts (RFC 9725 section 4.3.3)
	Trickle     bool             // takes candidates by PATCH and says so
	Links       []string         // Link headers of a 201
	FirstOnly   bool             // candidates in the first section only, as IVS answers
}

// Stage is the server.
type Stage struct {
	URL     string // where publishers POST: a server that redirects to another one
	Frames  chan Frame
	Audio   chan *rtp.Packet
	Deleted chan struct{}
	Patches chan Patch

	t       testing.TB
	options Options

	mu           sync.Mutex // protects the rest
	node, global *httptest.Server
	token        string
	refusal      Refusal
	redirects    int // redirects before the node
	peer         *webrtc.PeerConnection
	line         *line // of peer
	impair       Impairment
	posts        int
	deletes      int
	resource     int
	tag          int
	offers       []string
	tokens       []string // Authorization of every request
}

// Refusal is an answer instead of 201; Status 0: none.
type Refusal struct {
	Status int
	Header map[string]string
	Body   string
}

// Patch is a PATCH as it came.
type Patch struct{ ContentType, IfMatch, Body string }

// Frame is one access unit as it arrived, in Annex B form.
type Frame struct {
	Data      []byte
	Timestamp uint32
	At        time.Time
}

// Key says whether the frame holds an IDR slice.
func (f Frame) Key() bool {
	for i := 0; i+4 < len(f.Data); i++ {
		if f.Data[i] == 0 && f.Data[i+1] == 0 && f.Data[i+2] == 1 && f.Data[i+3]&0x1f == 5 {
			return true
		}
	}
	return false
}

// New starts a stage that redirects once, from one host to another.
func New(t testing.TB) *Stage {
	t.Helper()
	return Start(t, Options{})
}

// Start starts a stage with options.
func Start(t testing.TB, o Options) *Stage {
	t.Helper()
	if o.IP == "" {
		o.IP = "127.0.0.1"
	}
	if o.MediaIP == "" {
		o.MediaIP = o.IP
	}
	s := &Stage{
		t: t, options: o, redirects: 1, token: Token,
		Frames: make(chan Frame, 1000), Audio: make(chan *rtp.Packet, 1000), Deleted: make(chan struct{}, 100), Patches: make(chan Patch, 100),
	}
	s.node = s.listen(":0", s.serveNode)
	s.global = s.listen(":0", s.serveGlobal)
	s.URL = s.global.URL + "/"
	if o.Certificate == nil && o.IP == "127.0.0.1" {
		// Another host name, so that a client that forgets its token on redirects is caught.
		_, port, _ := net.SplitHostPort(s.global.Listener.Addr().String())
		s.URL = "http://localhost:" + port + "/"
	}
	t.Cleanup(func() {
		s.Vanish()
		s.global.Close()
		s.node.Close()
	})
	return s
}

func (s *Stage) listen(port string, h http.HandlerFunc) *httptest.Server {
	s.t.Helper()
	l, err := net.Listen("tcp", s.options.IP+port)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = l
	if s.options.Certificate != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*s.options.Certificate}}
		server.StartTLS()
	} else {
		server.Start()
	}
	return server
}

// Refuse makes the stage answer offers with a status; 0 accepts again.
func (s *Stage) Refuse(status int) {
	s.RefuseWith(Refusal{Status: status, Body: "refused by the test"})
}

// RefuseWith makes the stage answer offers with a refusal.
func (s *Stage) RefuseWith(r Refusal) { s.mu.Lock(); s.refusal = r; s.mu.Unlock() }

// Accept makes token the only one that is taken.
func (s *Stage) Accept(token string) { s.mu.Lock(); s.token = token; s.mu.Unlock() }

// Redirects sets how many redirects a publisher has to follow.
func (s *Stage) Redirects(n int) { s.mu.Lock(); s.redirects = n; s.mu.Unlock() }

// Counts of requests.
func (s *Stage) Counts() (posts, deletes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts, s.deletes
}

// Offer is the last offer that came.
func (s *Stage) Offer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.offers) == 0 {
		return ""
	}
	return s.offers[len(s.offers)-1]
}

// Tokens are the Authorization headers of all requests.
func (s *Stage) Tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.tokens...)
}

// Vanish ends the media connection as a stage that is stopped does.
func (s *Stage) Vanish() {
	s.mu.Lock()
	p := s.peer
	s.peer = nil
	s.mu.Unlock()
	if p != nil {
		_ = p.Close()
	}
}

// Kill ends the whole stage without a goodbye, as kill -9 of a server does: media falls silent, and
// connections are refused until the returned function starts it again on the same ports.
func (s *Stage) Kill() (startAgain func()) {
	s.Silence()
	s.mu.Lock()
	peer := s.peer
	s.peer = nil
	nodePort, globalPort := port(s.node), port(s.global)
	s.mu.Unlock()
	for _, server := range []*httptest.Server{s.global, s.node} {
		server.CloseClientConnections()
		server.Close()
	}
	return func() {
		if peer != nil {
			_ = peer.Close() // its line is cut: nobody hears this
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.node, s.global = s.listen(nodePort, s.serveNode), s.listen(globalPort, s.serveGlobal)
	}
}

func port(s *httptest.Server) string {
	return fmt.Sprintf(":%d", s.Listener.Addr().(*net.TCPAddr).Port)
}

// Silence cuts the line of the media connection, as a stage that crashed or a broken network
// does: nothing comes or goes, and nobody says goodbye.
func (s *Stage) Silence() { s.setCut(true) }

// Mend undoes Silence.
func (s *Stage) Mend() { s.setCut(false) }

func (s *Stage) setCut(cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil {
		s.line.cut.Store(cut)
	}
}

// Impair makes the network of this and later connections bad, in both directions.
func (s *Stage) Impair(i Impairment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.impair = i
	if s.line != nil {
		s.line.impair.Store(&i)
	}
}

// AskForKeyFrame sends n PLIs.
func (s *Stage) AskForKeyFrame(n int) {
	s.mu.Lock()
	p := s.peer
	s.mu.Unlock()
	if p == nil {
		s.t.Error("no publisher to ask for a key frame")
		return
	}
	for _, r := range p.GetReceivers() {
		if tr := r.Track(); tr != nil && tr.Kind() == webrtc.RTPCodecTypeVideo {
			for range n {
				_ = p.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}})
			}
		}
	}
}
