package stage

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// offers returns a publishing and a subscribing offer as a real client makes them.
func offers(t testing.TB, api *webrtc.API) (publish, subscribe string) {
	t.Helper()
	for direction, to := range map[webrtc.RTPTransceiverDirection]*string{
		webrtc.RTPTransceiverDirectionSendonly: &publish, webrtc.RTPTransceiverDirectionRecvonly: &subscribe,
	} {
		pc, err := api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
			if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction}); err != nil {
				t.Fatal(err)
			}
		}
		o, err := pc.CreateOffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		*to = o.SDP
		if err := pc.GracefulClose(); err != nil {
			t.Fatal(err)
		}
	}
	return publish, subscribe
}

func refusedWith(t *testing.T, response *http.Response, status int, code ErrorCode) {
	t.Helper()
	var p problem
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%s with content type %q", response.Status, got)
	}
	if err := json.NewDecoder(response.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || p.Code != code || p.Detail == "" || p.Status != status {
		t.Errorf("%s with %+v, want %d %s", response.Status, p, status, code)
	}
}

func TestATokenOpensOnlyItsOwnDoor(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, subscribe := offers(t, loopbackAPI(t))
	s.tokens["old"] = Token{ParticipantID: "game", StageID: "st", Publish: true, Subscribe: true, Expires: time.Now().Add(-time.Second)}
	game := s.invite("st", "game", "publish")
	viewer := s.invite("st", "viewer", "subscribe")
	for _, c := range []struct {
		name, path, token, offer string
		status                   int
		code                     ErrorCode
	}{
		{"no token", "/st/publish/game", "", publish, 401, tokenMissing},
		{"unknown token", "/st/publish/game", "x", publish, 401, tokenInvalid},
		{"expired token", "/st/publish/game", "old", publish, 401, tokenExpired},
		{"expired token at the global endpoint", "/", "old", publish, 401, tokenExpired},
		{"publishing with a token to subscribe", "/st/publish/viewer", viewer, publish, 403, InsufficientCapabilities},
		{"the global endpoint with a token to subscribe", "/", viewer, publish, 403, InsufficientCapabilities},
		{"publishing as another", "/st/publish/other", game, publish, 403, InsufficientCapabilities},
		{"publishing on another stage", "/xx/publish/game", game, publish, 403, InsufficientCapabilities},
		{"subscribing with a token to publish", "/st/subscribe/game", game, subscribe, 403, InsufficientCapabilities},
		{"subscribing on another stage", "/xx/subscribe/game", viewer, subscribe, 403, InsufficientCapabilities},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusedWith(t, s.request(http.MethodPost, s.url+c.path, c.token, c.offer), c.status, c.code)
		})
	}
	if e := s.awaitEvent(SubscribeError, "viewer", 1); e.Code != InsufficientCapabilities || e.From != "game" {
		t.Errorf("the observer heard %+v", e)
	}
}

func TestSubscribingBeforeAnyPublisherSaysTryAgain(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	_, subscribe := offers(t, loopbackAPI(t))
	response := s.request(http.MethodPost, s.url+"/st/subscribe/game", s.invite("st", "viewer", "subscribe"), subscribe)
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	refusedWith(t, response, http.StatusNotFound, PublisherNotFound)
	if e := s.awaitEvent(SubscribeError, "viewer", 1); e.Code != PublisherNotFound {
		t.Errorf("the observer heard %+v", e)
	}
}

func TestTheGlobalEndpointRedirectsToTheTokensOwnPlace(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	for _, path := range []string{"", "/"} {
		response := s.request(http.MethodPost, s.url+path, s.invite("st", "game", "publish"), "any")
		if got, want := response.Header.Get("Location"), s.url+"/st/publish/game"; response.StatusCode != 307 || got != want {
			t.Errorf("%q: %s to %q, want 307 to %q", path, response.Status, got, want)
		}
	}
}

func TestAnswersFollowRFC9725(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, _ := offers(t, loopbackAPI(t))
	token := s.invite("st", "game", "publish")
	response := s.request(http.MethodPost, s.url+"/st/publish/game", token, publish)
	body, _ := io.ReadAll(response.Body)
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusCreated || response.Header.Get("Content-Type") != "application/sdp" ||
		!strings.HasPrefix(location, s.url+"/st/publish/game/") || response.Header.Get("ETag") == "" {
		t.Fatalf("%s %v: %s", response.Status, response.Header, body)
	}
	if answer := string(body); !strings.Contains(answer, "a=setup:passive") || !strings.Contains(answer, "127.0.0.1") || strings.Contains(answer, "VP8") {
		t.Errorf("unexpected answer:\n%s", answer)
	}
	preflight := s.request(http.MethodOptions, location, "", "")
	if preflight.StatusCode != http.StatusOK || preflight.Header.Get("Accept-Post") != "application/sdp" ||
		!strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("OPTIONS answers %s %v", preflight.Status, preflight.Header)
	}
	refusedWith(t, s.request(http.MethodDelete, location, "", ""), http.StatusUnauthorized, tokenMissing)
	refusedWith(t, s.request(http.MethodDelete, location, s.invite("st", "other", "publish"), ""), http.StatusNotFound, "")
	if got := s.request(http.MethodDelete, location, token, "").StatusCode; got != http.StatusOK {
		t.Errorf("DELETE answers %d", got)
	}
	refusedWith(t, s.request(http.MethodDelete, location, token, ""), http.StatusNotFound, "")
	s.awaitEvent(Left, "game", 1)
}

func TestBadOffersAreRefusedWithASentence(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, subscribe := offers(t, loopbackAPI(t))
	token := s.invite("st", "game", "publish")
	withoutH264 := strings.NewReplacer("H264/90000", "H265/90000").Replace(publish)
	mainOnly := strings.NewReplacer("profile-level-id=42", "profile-level-id=4d").Replace(publish)
	withoutOpus := strings.NewReplacer("opus/48000", "g722/8000").Replace(publish)
	video := publish[strings.Index(publish, "m=video"):strings.Index(publish, "m=audio")]
	data := "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:9\r\na=sctp-port:5000\r\n"
	candidate := "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host\r\n"
	for _, c := range []struct {
		name, offer string
		status      int
		code        ErrorCode
	}{
		{"empty", "", 400, InvalidInput},
		{"not SDP", "hello", 400, InvalidInput},
		{"no media", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", 400, InvalidInput},
		{"cut short", publish[:len(publish)*3/4], 400, InvalidInput},
		{"without fingerprint", strings.ReplaceAll(publish, "a=fingerprint", "a=fingertip"), 400, InvalidInput},
		{"without ICE", strings.ReplaceAll(publish, "a=ice-", "a=rice-"), 400, InvalidInput},
		{"64 KiB and more", publish + strings.Repeat("a=x:y\r\n", maxOfferBytes/7), 413, InvalidInput},
		{"two videos", publish + video, 400, InvalidInput},
		{"a data channel", publish + data, 400, InvalidInput},
		{"many candidates", publish + strings.Repeat(candidate, maxCandidates+1), 400, InvalidInput},
		{"wants to receive", subscribe, 400, InvalidInput},
		{"not bundled", strings.Replace(publish, "a=group:BUNDLE", "a=group:LS", 1), 400, InvalidInput},
		{"one section outside the bundle", strings.Replace(publish, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0", 1), 400, InvalidInput},
		{"only as a DTLS server", strings.ReplaceAll(publish, "a=setup:actpass", "a=setup:passive"), 400, InvalidInput},
		{"no H.264", withoutH264, 422, InvalidVideoCodec},
		{"no Baseline", mainOnly, 422, InvalidVideoCodec},
		{"no Opus", withoutOpus, 422, InvalidAudioCodec},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusedWith(t, s.request(http.MethodPost, s.url+"/st/publish/game", token, c.offer), c.status, c.code)
		})
	}
	t.Run("another content type", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodPost, s.url+"/st/publish/game", strings.NewReader(publish))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		refusedWith(t, response, http.StatusUnsupportedMediaType, InvalidInput)
	})
}

func TestTheThirteenthPublisherIsRefused(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, _ := offers(t, loopbackAPI(t))
	for i := range MaxPublishers {
		name := fmt.Sprintf("p%d", i)
		response := s.request(http.MethodPost, s.url+"/st/publish/"+name, s.invite("st", name, "publish"), publish)
		if response.StatusCode != http.StatusCreated {
			t.Fatalf("publisher %d: %s", i, response.Status)
		}
	}
	refusedWith(t, s.request(http.MethodPost, s.url+"/st/publish/late", s.invite("st", "late", "publish"), publish), http.StatusForbidden, QuotaExceeded)
	response := s.request(http.MethodPost, s.url+"/other/publish/late", s.invite("other", "late", "publish"), publish)
	if response.StatusCode != http.StatusCreated {
		t.Errorf("another stage is full, too: %s", response.Status)
	}
	s.server.DisconnectStage("st")
	s.server.DisconnectStage("other")
}

func TestATokenThatIsRevokedWhileItsOfferIsAnsweredDoesNotGetIn(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, _ := offers(t, loopbackAPI(t))
	token := s.invite("st", "game", "publish")
	who, p := s.server.verify(token)
	if p != nil {
		t.Fatal(p.Detail)
	}
	n, err := s.server.newSession(who.Token, publishing, newFeed("game", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := negotiate(t.Context(), n.pc, publish); err != nil {
		t.Fatal(err)
	}
	s.server.DisconnectParticipant("st", "game")
	if got := s.server.admit(n, who.asOf); got != stale {
		t.Errorf("admission %d, want stale", got)
	}
	s.server.end(n, "", "test")
}

func FuzzOffer(f *testing.F) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := New(Config{
		PublicURL: "http://127.0.0.1/whip", Log: log,
		Verify: func(string) (Token, error) {
			return Token{ParticipantID: "game", StageID: "st", Publish: true, Subscribe: true}, nil
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	s.joins = newThrottle(rate.Inf, 1) // one token, thousands of offers
	f.Cleanup(func() { _ = s.Close() })
	publish, subscribe := offers(f, webrtc.NewAPI())
	f.Add("application/sdp", publish)
	f.Add("application/sdp", subscribe)
	f.Add("application/sdp; charset=utf-8", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
	f.Add("text/plain", "")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest(http.MethodPost, "/st/publish/game", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer x")
		r.Header["Content-Type"] = []string{contentType}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusCreated && (w.Code < 400 || w.Code > 499) {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
		s.DisconnectStage("st")
	})
}
