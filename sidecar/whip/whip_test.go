package whip_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotseat/sidecar/teststage"
	"hotseat/sidecar/whip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second
	// backMost is what being back on the air may take on a machine that is busy with other tests.
	backMost = 10 * time.Second
)

// encoder writes made-up access units, a key frame when it is asked for one.
type encoder struct {
	asked atomic.Int64
	want  atomic.Bool
}

func (e *encoder) forceKeyFrame() { e.asked.Add(1); e.want.Store(true) }

var (
	// SPS, PPS and an IDR slice of 3000 bytes, so that it takes fragments.
	keyUnit = append([]byte{
		0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xd9, 0, 0xa0, 0x47, 0xfe, 0xc8,
		0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
		0, 0, 0, 1, 0x65}, []byte(strings.Repeat("k", 3000))...)
	deltaUnit = append([]byte{0, 0, 0, 1, 0x41}, []byte(strings.Repeat("d", 500))...)
)

// taken is how access units end: with when their picture was taken.
const taken = "%016d"

func unit(kind []byte, at time.Duration) []byte {
	return fmt.Appendf(slices.Clip(kind), taken, int64(at))
}

func takenAt(t *testing.T, f teststage.Frame) time.Duration {
	t.Helper()
	text := f.Data[max(0, len(f.Data)-len(fmt.Sprintf(taken, 0))):]
	at, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Fatalf("a picture ends with %q: %v", text, err)
	}
	return time.Duration(at)
}

// run publishes made-up media until the test ends or stop is called.
func run(t *testing.T, stage *teststage.Stage, change func(*whip.Config)) (p *whip.Publisher, e *encoder, stop func() error) {
	t.Helper()
	e = &encoder{}
	cfg := whip.Config{Endpoint: stage.URL, Tokens: whip.OneToken(teststage.Token), Audio: true, KeyFrame: e.forceKeyFrame}
	if change != nil {
		change(&cfg)
	}
	p, err := whip.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	result := make(chan error, 1)
	wg.Go(func() { result <- p.Run(ctx) })
	wg.Go(func() {
		start := time.Now()
		tick := time.NewTicker(33 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				at := time.Since(start)
				if e.want.CompareAndSwap(true, false) {
					p.WriteVideo(unit(keyUnit, at), at, true)
				} else {
					p.WriteVideo(unit(deltaUnit, at), at, false)
				}
				p.WriteAudio([]byte{0xfc, 1, 2, 3}, at)
			}
		}
	})
	stop = sync.OnceValue(func() error {
		cancel()
		wg.Wait()
		return <-result
	})
	t.Cleanup(func() { _ = stop() })
	return p, e, stop
}

func next[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// until polls a condition; the publisher has no events for these.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func TestPublisherFollowsRedirectsWithItsTokenAndSaysGoodbye(t *testing.T) {
	stage := teststage.New(t)
	stage.Redirects(3)
	p, _, stop := run(t, stage, nil)

	first := next(t, stage.Frames, "picture")
	if !first.Key() {
		t.Error("the first picture is no key frame")
	}
	next(t, stage.Audio, "sound")
	if s := p.Stats(); s.State != whip.StateLive || s.Error != "" {
		t.Errorf("stats say %+v, want live", s)
	}
	if err := stop(); err != nil {
		t.Errorf("Run ended with %v", err)
	}
	next(t, stage.Deleted, "DELETE")
	tokens := stage.Tokens()
	if len(tokens) != 5 {
		t.Errorf("%d requests, want 3 redirected, 1 POST, 1 DELETE", len(tokens))
	}
	for i, token := range tokens {
		if token != "Bearer "+teststage.Token {
			t.Errorf("request %d came with Authorization %q", i, token)
		}
	}
}

func TestOfferIsWhatIVSTakes(t *testing.T) {
	stage := teststage.New(t)
	_, _, stop := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	offer := stage.Offer()
	for _, want := range []string{
		"a=group:BUNDLE 0 1", "a=rtpmap:108 H264/90000", "packetization-mode=1", "profile-level-id=42e01f",
		"a=rtpmap:111 opus/48000/2", "a=sendonly", "a=candidate:", "a=end-of-candidates",
		"a=rtcp-fb:108 nack pli", "a=rtcp-fb:108 ccm fir", "a=setup:actpass",
	} {
		if !strings.Contains(offer, want) {
			t.Errorf("offer lacks %q:\n%s", want, offer)
		}
	}
	if strings.Contains(offer, "recv") || strings.Contains(offer, ".local") {
		t.Errorf("offer would receive, or hides addresses behind mDNS:\n%s", offer)
	}
	if audio, video := strings.Index(offer, "m=audio"), strings.Index(offer, "m=video"); audio > video {
		t.Error("video comes before audio; the candidates of an IVS answer are in its first section, audio")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestWithoutAudioOnlyVideoIsOffered(t *testing.T) {
	stage := teststage.New(t)
	run(t, stage, func(c *whip.Config) { c.Audio = false })
	next(t, stage.Frames, "picture")
	if strings.Contains(stage.Offer(), "m=audio") {
		t.Errorf("the offer has an audio section:\n%s", stage.Offer())
	}
}

func TestTimestampsFollowTheCaptureClock(t *testing.T) {
	stage := teststage.New(t)
	run(t, stage, nil)
	first := next(t, stage.Frames, "picture")
	for range 10 {
		f := next(t, stage.Frames, "picture")
		later := takenAt(t, f) - takenAt(t, first)
		want := int64(later) * 90_000 / int64(time.Second)
		if ticks := int64(f.Timestamp - first.Timestamp); later <= 0 || ticks < want-1 || ticks > want+1 { // both stamps are rounded
			t.Errorf("a picture taken %v later has an RTP time stamp %d ticks later, want %d", later, ticks, want)
		}
	}
}

func TestKeyFrameRequestsReachTheEncoderThrottled(t *testing.T) {
	stage := teststage.New(t)
	p, e, _ := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	asked := e.asked.Load()
	start := time.Now()
	for range 10 {
		stage.AskForKeyFrame(5)
	}
	until(t, "50 requests heard", func() bool { return p.Stats().KeyRequests >= 50 })
	until(t, "the encoder asked", func() bool { return e.asked.Load() > asked })
	if n, most := e.asked.Load()-asked, int64(time.Since(start)/(300*time.Millisecond))+2; n > most {
		t.Errorf("the encoder was asked %d times for 50 requests within %v, want at most %d", n, time.Since(start), most)
	}
	for deadline := time.Now().Add(patience); ; {
		if next(t, stage.Frames, "picture").Key() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no key frame came")
		}
	}
}

func TestRoundTripTimeIsMeasured(t *testing.T) {
	stage := teststage.New(t)
	p, _, _ := run(t, stage, nil)
	until(t, "a round trip time", func() bool { return p.Stats().RTT > 0 })
	if s := p.Stats(); s.RTT > 5000 || s.LossPercent > 5 {
		t.Errorf("on loopback: round trip %.1f ms, loss %.1f %%", s.RTT, s.LossPercent)
	}
}

func TestBackOnTheAirAfterTheStageWasLost(t *testing.T) {
	for name, lose := range map[string]func(*teststage.Stage){
		"after the stage said goodbye": (*teststage.Stage).Vanish,
		"after the line went silent":   (*teststage.Stage).Silence,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stage := teststage.New(t)
			p, _, stop := run(t, stage, nil)
			next(t, stage.Frames, "picture")

			gone := time.Now()
			lose(stage)
			until(t, "on the air again", func() bool { return p.Stats().Restarts >= 1 })
			for {
				if f := next(t, stage.Frames, "picture"); f.At.After(gone) && f.Key() {
					took := f.At.Sub(gone)
					t.Logf("the picture was back after %v", took.Round(time.Millisecond))
					if took > backMost {
						t.Errorf("that is later than %v", backMost)
					}
					break
				}
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStageInTroubleIsTriedAgain(t *testing.T) {
	stage := teststage.New(t)
	stage.Refuse(http.StatusServiceUnavailable)
	p, _, _ := run(t, stage, nil)
	until(t, "two refused offers", func() bool { posts, _ := stage.Counts(); return posts >= 2 })
	if s := p.Stats(); s.State != whip.StateFailing || !strings.Contains(s.Error, "503") {
		t.Errorf("stats say %+v, want failing with 503", s)
	}
	stage.Refuse(0)
	next(t, stage.Frames, "picture")
}

func TestRefusalsForGoodEndThePublisherAndSayWhatToDo(t *testing.T) {
	for _, row := range []struct {
		status int
		hint   string
	}{
		{http.StatusUnauthorized, "create a new one"},
		{http.StatusForbidden, "PUBLISH capability"},
		{http.StatusNotFound, "check the address"},
		{http.StatusBadRequest, "does not understand the offer"},
		{http.StatusNotAcceptable, "codecs"},
		{http.StatusMethodNotAllowed, "no WHIP endpoint"},
	} {
		t.Run(http.StatusText(row.status), func(t *testing.T) {
			stage := teststage.New(t)
			stage.Refuse(row.status)
			p, err := whip.New(whip.Config{Endpoint: stage.URL, Tokens: whip.OneToken(teststage.Token)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err = p.Run(ctx)
			var refused *whip.StatusError
			if !errors.As(err, &refused) || refused.Status != row.status || !strings.Contains(err.Error(), row.hint) {
				t.Errorf("Run ended with %v, want status %d and %q", err, row.status, row.hint)
			}
			if err != nil && strings.Contains(err.Error(), teststage.Token) {
				t.Error("the error holds the token")
			}
		})
	}
}

// serve answers each request with a fixed response.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestOddAnswersOfAStageAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"redirect loop": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}, "more than 5 redirects"},
		"redirect to clear text": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://stage.example/x", http.StatusFound)
		}, "clear text"},
		"redirect to a file": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "no http address"},
		"no location": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) }, "without a Location"},
		"huge answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/r")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(make([]byte, 100<<10))
		}, "more than 65536 bytes"},
		"no SDP": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/r")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte("<html>"))
		}, "the answer of the stage"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := whip.New(whip.Config{Endpoint: serve(t, row.answer), Tokens: whip.OneToken(teststage.Token)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx) }()
			until(t, "failing", func() bool { return p.Stats().State == whip.StateFailing })
			cancel()
			if err := next(t, done, "end of Run"); err != nil {
				t.Errorf("Run ended with %v", err)
			}
			if got := p.Stats().Error; !strings.Contains(got, row.want) {
				t.Errorf("error %q, want %q in it", got, row.want)
			}
		})
	}
}

func TestTokenIsNeverSentInClearTextOverANetwork(t *testing.T) {
	for _, endpoint := range []string{"http://stage.example/", "ftp://127.0.0.1/", "stage.example", ""} {
		if _, err := whip.New(whip.Config{Endpoint: endpoint, Tokens: whip.OneToken("t")}); err == nil {
			t.Errorf("endpoint %q was accepted", endpoint)
		}
	}
}
