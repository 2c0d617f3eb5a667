package stage

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// patch sends a fragment to a session.
func (s *testStage) patch(location, token, contentType, ifMatch, body string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPatch, location, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", contentType)
	if ifMatch != "" {
		r.Header.Set("If-Match", ifMatch)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// restart restarts a client's ICE and returns the ETag of the ICE session that follows.
func (s *testStage) restart(pc *webrtc.PeerConnection, location, token string) string {
	s.t.Helper()
	offer, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		s.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		s.t.Fatal(err)
	}
	<-gathered
	f, err := parseFragment(pc.LocalDescription().SDP)
	if err != nil {
		s.t.Fatal(err)
	}
	response := s.patch(location, token, fragmentType, "*", f.String())
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != fragmentType {
		s.t.Fatalf("%s: %s", response.Status, body)
	}
	fresh, err := parseFragment(string(body))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := restartOffer(pc.CurrentRemoteDescription().SDP, fresh)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		s.t.Fatal(err)
	}
	return response.Header.Get("ETag")
}

func TestAViewerWhoseAddressChangedGoesOnWithTheSameSession(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	s.publish("st", "game", s.invite("st", "game", "publish"), standard)
	s.awaitEvent(PublishStarted, "game", 1)
	token := s.invite("st", "viewer", "subscribe")
	v := s.subscribe("st", "game", token)
	last := v.next(t, "a first packet", anyPacket)

	etag := s.restart(v.pc, v.location, token)
	after := len(v.packets)
	for range after {
		last = <-v.packets
	}
	later := v.next(t, "the stream after the restart", anyPacket)
	if later.SSRC != last.SSRC || int16(later.SequenceNumber-last.SequenceNumber) <= 0 { //nolint:gosec // wraps
		t.Errorf("the stream does not go on: %v after %v", later, last)
	}
	for range 15 {
		v.next(t, "frames after the restart", func(p *rtp.Packet) bool { return p.Marker })
	}
	again := s.restart(v.pc, v.location, token)
	if again == etag || etag == "" {
		t.Errorf("ETags %s and %s", etag, again)
	}
	v.next(t, "the stream after another restart", anyPacket)
	for _, e := range s.names() {
		if strings.HasPrefix(e, "SUBSCRIBE_STOPPED") || strings.HasPrefix(e, "LEFT") {
			t.Errorf("a restart was heard of as %s", e)
		}
	}
}

func TestAPublisherWhoseAddressChangedGoesOnWithTheSameSession(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	p := s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStarted, "game", 1)
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	v.next(t, "a first packet", anyPacket)
	s.restart(p.pc, p.location, token)
	for len(v.packets) > 0 {
		<-v.packets
	}
	for range 15 {
		v.next(t, "frames after the restart", func(p *rtp.Packet) bool { return p.Marker })
	}
}

func TestAPatchIsAboutTheICESessionThatItNames(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	pc := newClient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	offer := gatheredOffer(t, pc)
	created := s.request(http.MethodPost, s.url+"/st/publish/game", token, offer)
	location, etag := created.Header.Get("Location"), created.Header.Get("ETag")
	f, err := parseFragment(offer)
	if err != nil {
		t.Fatal(err)
	}
	f.candidates = []string{"1 1 udp 2130706431 192.0.2.1 40000 typ host"}
	good := f.String()
	strange := strings.ReplaceAll(good, "udp", "sctp") + "a=candidate:2 1 udp 1 nobody.invalid 4 typ host\r\na=candidate:3 1 udp 1 x.local 4 typ what\r\n"
	short := f
	short.ufrag, short.passwd = "abcd", "short"
	many := f
	for range maxCandidates {
		many.candidates = append(many.candidates, f.candidates[0])
	}
	for _, c := range []struct {
		name, contentType, ifMatch, body string
		status                           int
	}{
		{"a candidate", fragmentType, etag, good, 204},
		{"a candidate for whatever session there is", fragmentType, "*", good, 204},
		{"one of several tags", fragmentType, `"x", ` + etag, good, 204},
		{"candidates of no use", fragmentType, etag, strange, 204},
		{"without If-Match", fragmentType, "", good, 428},
		{"of another ICE session", fragmentType, `"x"`, good, 412},
		{"a weak tag", fragmentType, "W/" + etag, good, 412},
		{"another content type", "application/sdp", etag, good, 415},
		{"no fragment", fragmentType, etag, "hello", 400},
		{"nothing", fragmentType, etag, "", 400},
		{"a password too short", fragmentType, "*", short.String(), 400},
		{"too many candidates", fragmentType, etag, many.String(), 400},
		{"too large", fragmentType, etag, good + strings.Repeat("a=x:y\r\n", maxFragmentBytes/7), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			response := s.patch(location, token, c.contentType, c.ifMatch, c.body)
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status {
				t.Errorf("%s: %s", response.Status, body)
			}
			if c.status == http.StatusNoContent && (response.Header.Get("ETag") != "" || len(body) > 0) {
				t.Errorf("204 with ETag %q and %d bytes", response.Header.Get("ETag"), len(body))
			}
		})
	}
	t.Run("of another's session", func(t *testing.T) {
		if got := s.patch(location, s.invite("st", "other", "publish"), fragmentType, etag, good).StatusCode; got != http.StatusNotFound {
			t.Errorf("answered with %d", got)
		}
	})
	t.Run("too often", func(t *testing.T) {
		for range 2 * patchBurst {
			if response := s.patch(location, token, fragmentType, etag, good); response.StatusCode == http.StatusTooManyRequests {
				if response.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				return
			}
		}
		t.Error("never told to wait")
	})
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n")
	f.Add("a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n")
	f.Add("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:+/+/\r\na=ice-pwd:++++++++++++++++++++++\r\n")
	f.Add("a=ice-ufrag:\r\n")
	f.Add("m=")
	publish, _ := offers(f, webrtc.NewAPI())
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseFragment(body)
		if err != nil {
			return
		}
		again, err := parseFragment(got.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which cannot be read: %v", body, got.String(), err)
		}
		if again.ufrag != got.ufrag || again.passwd != got.passwd || len(again.candidates) != len(got.candidates) {
			t.Errorf("%+v became %+v", got, again)
		}
		offer, err := restartOffer(publish, got)
		if err != nil {
			t.Fatal(err)
		}
		if checked, p := checkOffer(offer, publishing); p != nil || checked.ufrag != got.ufrag {
			t.Errorf("the offer of a restart is refused: %+v", p)
		}
	})
}

func TestARestartThatLeadsNowhereEndsTheSession(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	p := s.publish("st", "game", token, standard)
	s.awaitEvent(PublishStarted, "game", 1)
	nobody := fragment{ufrag: "nobody", passwd: strings.Repeat("x", minPassword), media: "video 9 UDP/TLS/RTP/SAVPF 102", mid: "0"}
	response := s.patch(p.location, token, fragmentType, "*", nobody.String())
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	s.awaitEvent(PublishStopped, "game", 1) // consent has expired
	s.awaitEvent(Left, "game", 1)
}
