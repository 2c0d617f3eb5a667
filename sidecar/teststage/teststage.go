// Package teststage is a WHIP server on real sockets for tests of publishers: it answers one
// publisher at a time with pion, counts what arrives, asks for key frames, and can refuse,
// redirect, vanish and come back. It is for tests only.
package teststage

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// Token is what a publisher must present.
const Token = "stage-token-of-the-test"

// Stage is the server. Its exported fields may be changed by the test before a request comes.
type Stage struct {
	URL string // where publishers POST: a server that redirects to another one

	t      testing.TB
	node   *httptest.Server
	global *httptest.Server

	mu        sync.Mutex
	refuse    int // status to answer instead of 201; 0: none
	redirects int // redirects before the node
	peer      *webrtc.PeerConnection
	line      *line // of peer
	posts     int
	deletes   int
	offers    []string
	tokens    []string // Authorization of every request
	Frames    chan Frame
	Audio     chan *rtp.Packet
	Deleted   chan struct{}
}

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
	s := &Stage{t: t, redirects: 1, Frames: make(chan Frame, 1000), Audio: make(chan *rtp.Packet, 1000), Deleted: make(chan struct{}, 100)}
	s.node = httptest.NewServer(http.HandlerFunc(s.serveNode))
	s.global = httptest.NewServer(http.HandlerFunc(s.serveGlobal))
	// Another host name, so that a client that forgets its token on redirects is caught.
	_, port, _ := net.SplitHostPort(s.global.Listener.Addr().String())
	s.URL = "http://localhost:" + port + "/"
	t.Cleanup(func() {
		s.Vanish()
		s.global.Close()
		s.node.Close()
	})
	return s
}

// Refuse makes the stage answer offers with a status; 0 accepts again.
func (s *Stage) Refuse(status int) { s.mu.Lock(); s.refuse = status; s.mu.Unlock() }

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

// Silence cuts the line of the media connection, as a stage that crashed or a broken network
// does: nothing comes or goes, and nobody says goodbye.
func (s *Stage) Silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil {
		s.line.cut.Store(true)
	}
}

// line is a UDP socket that can be cut.
type line struct {
	net.PacketConn
	cut atomic.Bool
}

func (l *line) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(b)
		if err != nil || !l.cut.Load() {
			return n, from, err
		}
	}
}

func (l *line) WriteTo(b []byte, to net.Addr) (int, error) {
	if l.cut.Load() {
		return len(b), nil
	}
	return l.PacketConn.WriteTo(b, to)
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

func (s *Stage) serveGlobal(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	left := s.redirects
	s.mu.Unlock()
	hop, _ := strconv.Atoi(r.URL.Query().Get("hop"))
	if hop+1 < left {
		w.Header().Set("Location", "/?hop="+strconv.Itoa(hop+1)) // relative, on purpose
	} else {
		w.Header().Set("Location", s.node.URL+"/publish")
	}
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (s *Stage) serveNode(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	refuse := s.refuse
	s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+Token:
		http.Error(w, "token missing", http.StatusUnauthorized)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		s.deletes++
		s.mu.Unlock()
		s.Vanish()
		s.Deleted <- struct{}{}
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/sdp":
		http.Error(w, "not an offer", http.StatusUnsupportedMediaType)
	default:
		s.mu.Lock()
		s.posts++
		s.offers = append(s.offers, string(body))
		s.mu.Unlock()
		if refuse != 0 {
			http.Error(w, "refused by the test", refuse)
			return
		}
		answer, err := s.answer(string(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "/resource/1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}
}

func (s *Stage) answer(offer string) (string, error) {
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		return "", err
	}
	se := webrtc.SettingEngine{}
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	l := &line{PacketConn: socket}
	mux := webrtc.NewICEUDPMux(nil, l)
	se.SetICEUDPMux(mux)
	s.t.Cleanup(func() { _ = mux.Close() })
	// The default interceptors send receiver reports and NACK.
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		// Sender reports reach the interceptor that writes receiver reports only when read.
		go func() {
			for {
				if _, _, err := r.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		s.receive(t)
	})
	s.Vanish()
	s.mu.Lock()
	s.peer, s.line = pc, l
	s.mu.Unlock()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

func (s *Stage) receive(t *webrtc.TrackRemote) {
	if t.Kind() == webrtc.RTPCodecTypeAudio {
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			push(s.Audio, p)
		}
	}
	var unit []byte
	var h264 codecs.H264Packet
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		b, err := h264.Unmarshal(p.Payload)
		if err != nil {
			continue
		}
		unit = append(unit, b...)
		if p.Marker {
			push(s.Frames, Frame{Data: unit, Timestamp: p.Timestamp, At: time.Now()})
			unit = nil
		}
	}
}

func push[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}
