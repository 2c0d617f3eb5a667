package stage

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"
)

// BenchmarkAnswer is what the stage does for one offer with all the codecs of a browser, until the answer is on its
// way: the handshake comes on top.
func BenchmarkAnswer(b *testing.B) {
	s, err := New(Config{
		PublicURL: "http://127.0.0.1/whip", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Verify: func(string) (Token, error) { return Token{ParticipantID: "game", StageID: "st", Publish: true}, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.joins = newThrottle(rate.Inf, 1) // one token, thousands of offers
	publish, _ := offers(b, webrtc.NewAPI())
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/st/publish/game", strings.NewReader(publish))
		r.Header.Set("Authorization", "Bearer token")
		r.Header.Set("Content-Type", "application/sdp")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			b.Fatalf("%d: %s", w.Code, w.Body)
		}
		s.DisconnectStage("st")
	}
}
