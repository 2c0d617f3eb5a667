package stage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func TestAThousandMayJoinInASecondButNotOneAThousandTimes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limit := newThrottle(joinsPerSecond, joinBurst)
	for n := range 1000 {
		if !limit.allow(fmt.Sprintf("viewer-%d", n), now) {
			t.Fatalf("viewer %d was refused", n)
		}
	}
	one := 0
	for range 1000 {
		if limit.allow("hammer", now) {
			one++
		}
	}
	if one != joinBurst {
		t.Errorf("one joined %d times at once, want %d", one, joinBurst)
	}
	if !limit.allow("hammer", now.Add(time.Second)) {
		t.Error("a second later it is still refused")
	}
}

func TestWhatThrottlesRememberIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limit := newThrottle(1, 1)
	for n := range maxThrottled {
		limit.allow(fmt.Sprint(n), now)
	}
	if limit.allow("one more", now) || len(limit.seen) > maxThrottled {
		t.Errorf("remembers %d", len(limit.seen))
	}
	if !limit.allow("one more", now.Add(2*time.Second)) || len(limit.seen) > 1 {
		t.Errorf("those who may do everything again are not forgotten: %d", len(limit.seen))
	}
}

func TestOneTokenThatHammersIsToldToWait(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	token := s.invite("st", "game", "publish")
	for range 2 * joinBurst {
		if response := s.request(http.MethodPost, s.url+"/st/publish/game", token, "no offer"); response.StatusCode == http.StatusTooManyRequests {
			if response.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			publish, _ := offers(t, loopbackAPI(t))
			if got := s.request(http.MethodPost, s.url+"/st/publish/other", s.invite("st", "other", "publish"), publish).StatusCode; got != http.StatusCreated {
				t.Errorf("another token was answered with %d", got)
			}
			s.server.DisconnectStage("st")
			return
		}
	}
	t.Error("never told to wait")
}

func TestAnAddressThatGuessesTokensIsToldToWait(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	for range 2 * failureBurst {
		r := httptest.NewRequest(http.MethodPost, "/st/publish/game", strings.NewReader(""))
		r.Header.Set("Authorization", "Bearer guess")
		w := httptest.NewRecorder()
		s.server.Handler().ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("never told to wait")
}

func TestAServerThatClosesOrHasNoRoomSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	publish, _ := offers(t, loopbackAPI(t))
	s.server.mu.Lock()
	s.server.joining += maxJoining
	s.server.mu.Unlock()
	response := s.request(http.MethodPost, s.url+"/st/publish/game", s.invite("st", "game", "publish"), publish)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("no room: %s, Retry-After %q", response.Status, response.Header.Get("Retry-After"))
	}
	s.server.mu.Lock()
	s.server.joining -= maxJoining
	s.server.closed = true
	s.server.mu.Unlock()
	response = s.request(http.MethodPost, s.url+"/st/publish/game", s.invite("st", "game", "publish"), publish)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("closing: %s, Retry-After %q", response.Status, response.Header.Get("Retry-After"))
	}
}

func TestALaneThatStaysBehindTakesNobodyElse(t *testing.T) {
	l := &lane{}
	now := time.Unix(1_800_000_000, 0)
	for range 20 { // drops twice a second for ten seconds
		if l.behind(now) != (now.Sub(time.Unix(1_800_000_000, 0)) > behindTime) {
			t.Fatalf("after %v: behind %t", now.Sub(time.Unix(1_800_000_000, 0)), l.behind(now))
		}
		l.drop(now)
		now = now.Add(500 * time.Millisecond)
	}
	if l.behind(now.Add(2 * breathGap)) {
		t.Error("still behind when it has kept up for long")
	}
}

func TestICEServersAreHandedOutToThoseWithAToken(t *testing.T) {
	t.Parallel()
	server, err := New(Config{
		PublicURL: "http://127.0.0.1/whip", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		ICEServers: []ICEServer{{URL: "stun:stun.example.net"}, {URL: "turn:turn.example.net?transport=udp", Username: "user", Credential: `pass"word`}},
		Verify: func(token string) (Token, error) {
			if token != "good" {
				return Token{}, errors.New("unknown")
			}
			return Token{ParticipantID: "game", StageID: "st", Publish: true}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	publish, _ := offers(t, loopbackAPI(t))
	links := func(method, token, body string) []string {
		r := httptest.NewRequest(method, "/st/publish/game", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/sdp")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		return w.Header().Values("Link")
	}
	want := []string{
		`<stun:stun.example.net>; rel="ice-server"`,
		`<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="pass\"word"; credential-type="password"`,
	}
	if got := links(http.MethodPost, "good", publish); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("POST: %q", got)
	}
	if got := links(http.MethodOptions, "good", ""); len(got) != 2 {
		t.Errorf("OPTIONS with a token: %q", got)
	}
	for _, method := range []string{http.MethodOptions, http.MethodPost, http.MethodGet} {
		if got := append(links(method, "", ""), links(method, "bad", "")...); len(got) != 0 {
			t.Errorf("%s without a good token: %q", method, got)
		}
	}
}

// countingWriter counts what an output writes.
type countingWriter struct{ packets, room int }

func (w *countingWriter) WriteRTP(_ *rtp.Header, payload []byte) (int, error) {
	if w.room == 0 {
		return 0, nil // as a full queue answers
	}
	w.room--
	w.packets++
	return len(payload), nil
}
func (w *countingWriter) Write(b []byte) (int, error) { return len(b), nil }

func TestAViewerThatReportsEverythingMissingGetsItsShareAndNoMore(t *testing.T) {
	s := newStream(webrtc.RTPCodecTypeVideo, nil)
	var all []uint16
	for n := range uint16(ringSize) {
		s.ring.put(&packet{sequence: n, payload: []byte{1}})
		all = append(all, n)
	}
	w := &countingWriter{room: 1 << 30}
	o := newOutput(s, nil, "game", "viewer", nil)
	o.writer = w
	nack := &rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers(all)}
	began := time.Now()
	for range 100 {
		o.resend(nack)
	}
	if most := resendBurst + 1 + int(resendsPerSecond*time.Since(began).Seconds()); w.packets < resendBurst || w.packets > most {
		t.Errorf("%d packets were sent again, want %d to %d", w.packets, resendBurst, most)
	}
}

func TestAViewerWhoseWayIsFullWaitsForTheNextKeyFrame(t *testing.T) {
	l := testLane(t)
	s := newStream(webrtc.RTPCodecTypeVideo, lanes{l})
	w := &countingWriter{room: 3}
	o := newOutput(s, l, "game", "viewer", nil)
	o.writer = w
	two := func(sequence uint16, key bool) burst {
		b := frame(sequence, key)
		b.packets = append(b.packets, frame(sequence+1, false).packets...)
		return b
	}
	if !o.send(two(1, true), time.Now()) || o.waiting.Load() {
		t.Fatal("the key frame was not sent")
	}
	if o.send(two(3, false), time.Now()) || !o.waiting.Load() {
		t.Error("half a frame was taken for a whole one")
	}
	w.room = 100
	if o.send(two(5, false), time.Now()) || w.packets != 3 {
		t.Error("something was sent that no decoder can use")
	}
	if !o.send(two(7, true), time.Now()) || !o.send(two(9, false), time.Now()) || w.packets != 7 {
		t.Errorf("%d packets: the stream did not go on with the key frame", w.packets)
	}
	if got := o.stats(time.Now()); got.Drops != 1 || got.Frames != 3 || s.stats(time.Now()).ViewerDrops != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestAPublisherThatNeverSendsParameterSetsIsPutOut(t *testing.T) {
	idr := glance{keyFrame: true}
	var lucky, silent inspector
	for n := range uint32(maxBlind) {
		for range 30 { // slices of one picture
			if broken := errors.Join(problemOf(lucky.check(idr, n)), problemOf(silent.check(idr, n))); broken != nil {
				t.Fatalf("a few lost packets put a publisher out: %v", broken)
			}
		}
	}
	if silent.check(glance{}, 50) != nil {
		t.Error("put out by a picture that is no key frame")
	}
	if broken := silent.check(idr, 100); broken == nil || broken.code != InvalidVideoCodec {
		t.Errorf("a publisher without parameter sets: %+v", broken)
	}
	if broken := problemOf(lucky.check(glance{keyFrame: true, sps: standard.sps}, 100)); broken != nil {
		t.Fatal(broken)
	}
	for n := range uint32(2 * maxBlind) {
		if broken := problemOf(lucky.check(idr, 200+n)); broken != nil {
			t.Fatalf("put out after its parameter set came: %v", broken)
		}
	}
}

func problemOf(v *violation) error {
	if v == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", v.code, v.detail)
}

func TestMoreThanEverythingMayHaveArrived(t *testing.T) {
	o := newOutput(newStream(webrtc.RTPCodecTypeVideo, nil), nil, "game", "viewer", nil)
	o.heed(mustMarshal(t, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: o.header.SSRC, TotalLost: 0xffffff}}}))
	if got := o.stats(time.Now()).Lost; got != -1 {
		t.Errorf("%d packets lost, want -1: the count has a sign (RFC 3550 section 6.4.1)", got)
	}
}

func mustMarshal(t *testing.T, p rtcp.Packet) []byte {
	t.Helper()
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestABadLineDoesNotMakeKeyFramesForEverybody(t *testing.T) {
	s := newStream(webrtc.RTPCodecTypeVideo, nil)
	s.keyFrames.last = time.Now().Add(time.Hour) // no wish is served while the test looks
	o := newOutput(s, nil, "game", "viewer", nil)
	wished := func() bool {
		s.keyFrames.mu.Lock()
		defer s.keyFrames.mu.Unlock()
		pending := s.keyFrames.pending != nil
		if pending {
			s.keyFrames.pending.Stop()
			s.keyFrames.pending = nil
		}
		return pending
	}
	for range 10 {
		if o.wish(); !wished() {
			t.Fatal("one that has seen nothing yet may always wish")
		}
	}
	o.begun.Store(true)
	count := 0
	for range 100 {
		if o.wish(); wished() {
			count++
		}
	}
	if count != wishBurst {
		t.Errorf("%d of 100 wishes were passed on, want %d", count, wishBurst)
	}
}
