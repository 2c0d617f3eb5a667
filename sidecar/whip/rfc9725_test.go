package whip_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hotseat/sidecar/teststage"
	"hotseat/sidecar/whip"
)

func TestAnAnswerWithCandidatesInItsFirstSectionOnlyIsEnough(t *testing.T) {
	t.Parallel()
	stage := teststage.Start(t, teststage.Options{FirstOnly: true})
	run(t, stage, nil)
	next(t, stage.Frames, "picture")
	next(t, stage.Audio, "sound")
}

func TestASilentConnectionIsMendedByAnICERestart(t *testing.T) {
	t.Parallel()
	stage := teststage.Start(t, teststage.Options{Restarts: true, Links: []string{`<stun:127.0.0.1:9>; rel="ice-server"`}})
	p, _, _ := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	for round := 1; round <= 2; round++ {
		stage.Silence()
		gone := time.Now()
		patch := next(t, stage.Patches, "PATCH")
		stage.Mend()
		if patch.IfMatch != "*" || patch.ContentType != "application/trickle-ice-sdpfrag" || !strings.Contains(patch.Body, "a=ice-ufrag:") ||
			!strings.Contains(patch.Body, "a=candidate:") || strings.Contains(patch.Body, "a=fingerprint") {
			t.Errorf("PATCH %+v", patch)
		}
		until(t, "mended", func() bool { return p.Stats().ICERestarts >= round })
		for {
			if f := next(t, stage.Frames, "picture"); f.At.After(gone) && f.Key() {
				t.Logf("the picture was back after %v", f.At.Sub(gone).Round(time.Millisecond))
				break
			}
		}
	}
	if posts, _ := stage.Counts(); posts != 1 || p.Stats().Restarts != 0 || p.Stats().State != whip.StateLive {
		t.Errorf("%d offers, stats %+v; want the one session to go on", posts, p.Stats())
	}
}

func TestARestartThatFailsIsFollowedByANewSession(t *testing.T) {
	t.Parallel()
	stage := teststage.Start(t, teststage.Options{Restarts: true})
	p, _, _ := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	gone := time.Now()
	stage.Silence() // and stays so: the restart's checks reach nobody
	next(t, stage.Patches, "PATCH")
	until(t, "on the air again", func() bool { return p.Stats().Restarts >= 1 })
	for {
		if f := next(t, stage.Frames, "picture"); f.At.After(gone) && f.Key() {
			t.Logf("the picture was back after %v", f.At.Sub(gone).Round(time.Millisecond))
			return
		}
	}
}

// silentSTUN is a STUN server that never answers, so that gathering goes on for seconds. It tells when it was asked.
func silentSTUN(t *testing.T) (url string, asked <-chan time.Time) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	questions := make(chan time.Time, 1000)
	go func() {
		for {
			if _, _, err := c.ReadFrom(make([]byte, 2048)); err != nil {
				return
			}
			select {
			case questions <- time.Now():
			default:
			}
		}
	}()
	t.Cleanup(func() { c.Close() })
	return "stun:" + c.LocalAddr().String(), questions
}

// heldUp: what waits for a silent server waits until that is given up, 3 s after it was asked, each time. What does not wait
// may be late by chance.
const heldUp = 2 * time.Second

func TestServersOfTheStageAreUsedFromTheNextConnectionOnAndSlowOnesHoldNothingUp(t *testing.T) {
	t.Parallel()
	for try := 1; ; try++ {
		offered, stopped := askSilentSTUN(t)
		t.Logf("the offer came %v after the STUN server was asked, stopping took %v", offered.Round(time.Millisecond), stopped.Round(time.Millisecond))
		if offered < heldUp && stopped < heldUp {
			return
		}
		if try == 3 {
			t.Fatalf("the silent STUN server holds things up: the offer came after %v, stopping took %v", offered, stopped)
		}
	}
}

// askSilentSTUN says how long after the question to the server the offer of the second connection came, and how long it took
// to stop meanwhile.
func askSilentSTUN(t *testing.T) (offered, stopped time.Duration) {
	t.Helper()
	stun, asked := silentSTUN(t)
	stage := teststage.Start(t, teststage.Options{Trickle: true, Links: []string{
		`<https://stage.example/events>; rel="urn:ietf:params:whip:ext:core:server-sent-events"`,
		`<` + stun + `>; rel="ice-server", <turns:127.0.0.1:9?transport=tcp>; rel="ice-server"; username="u"; credential="p,;\"x"; credential-type="password"`,
	}})
	p, _, stop := run(t, stage, nil)
	next(t, stage.Frames, "picture")
	if len(asked) > 0 {
		t.Error("the STUN server was asked before the stage named it")
	}
	stage.Vanish()
	question := next(t, asked, "question to the STUN server")
	until(t, "a second offer", func() bool { posts, _ := stage.Counts(); return posts >= 2 })
	offered = time.Since(question)
	if offered < heldUp && strings.Contains(stage.Offer(), "a=end-of-candidates") {
		t.Error("the second offer says that it is complete, while the STUN server was still asked")
	}
	until(t, "on the air again", func() bool { return p.Stats().Restarts >= 1 })
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	return offered, time.Since(began)
}

func TestAPauseThatTheStageAsksForIsKept(t *testing.T) {
	t.Parallel()
	stage := teststage.New(t)
	stage.RefuseWith(teststage.Refusal{Status: 503, Header: map[string]string{"Retry-After": "1"}})
	start := time.Now()
	p, _, _ := run(t, stage, nil)
	until(t, "a second offer", func() bool { posts, _ := stage.Counts(); return posts >= 2 })
	if took := time.Since(start); took < time.Second {
		t.Errorf("the second offer came after %v, the stage asked for 1 s", took)
	}
	stage.Refuse(0)
	next(t, stage.Frames, "picture")
	if p.Stats().State != whip.StateLive {
		t.Errorf("stats %+v", p.Stats())
	}
}

func TestAFullStageIsWaitedFor(t *testing.T) {
	t.Parallel()
	stage := teststage.New(t)
	stage.RefuseWith(teststage.Refusal{Status: 403, Body: `{"title":"Forbidden","code":"QUOTA_EXCEEDED"}`})
	p, _, _ := run(t, stage, nil)
	until(t, "two refused offers", func() bool { posts, _ := stage.Counts(); return posts >= 2 })
	if s := p.Stats(); s.State != whip.StateFailing || !strings.Contains(s.Error, "full") {
		t.Errorf("stats say %+v", s)
	}
	stage.Refuse(0)
	next(t, stage.Frames, "picture")
}

func TestARefusedTokenIsNotHammeredAndAFreshOneIsTaken(t *testing.T) {
	t.Parallel()
	stage := teststage.New(t)
	fresh, asked := make(chan string), make(chan string, 10)
	p, _, _ := run(t, stage, func(c *whip.Config) {
		token := teststage.Token
		c.Tokens = func(ctx context.Context, refused string) (string, error) {
			if refused == "" {
				return token, nil
			}
			asked <- refused
			select {
			case token = <-fresh:
				return token, nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	})
	next(t, stage.Frames, "picture")
	stage.Accept("another") // the old one has expired
	stage.Vanish()
	if refused := next(t, asked, "question for a token"); refused != teststage.Token {
		t.Errorf("asked for one instead of %q", refused)
	}
	if s := p.Stats(); s.State != whip.StateFailing || !strings.Contains(s.Error, "create a new one") {
		t.Errorf("stats say %+v", s)
	}
	before := len(stage.Tokens())
	fresh <- "another"
	gone := time.Now()
	for {
		if f := next(t, stage.Frames, "picture"); f.At.After(gone) {
			break
		}
	}
	if n := len(stage.Tokens()) - before; n > 2 {
		t.Errorf("%d requests with a fresh token, want one offer and its redirect", n)
	}
}

func TestTheTokenIsNotCarriedFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token came in clear text") }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusTemporaryRedirect)
	}))
	defer secure.Close()
	p, err := whip.New(whip.Config{Endpoint: secure.URL, Tokens: whip.OneToken(teststage.Token)})
	if err != nil {
		t.Fatal(err)
	}
	whip.Trust(p, secure.Client())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	until(t, "failing", func() bool { return p.Stats().State == whip.StateFailing })
	if !strings.Contains(p.Stats().Error, "clear text") {
		t.Errorf("error %q", p.Stats().Error)
	}
	cancel()
	<-done
}
