package backend

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve is a backend with one answer; it keeps the last request's line.
func serve(t *testing.T, status int, body string) (*Client, *string) {
	t.Helper()
	asked := new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization")
		if status/100 == 3 {
			w.Header().Set("Location", body)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return &Client{URL: s.URL + "/", Session: "s-1", Token: func() string { return "machine" }}, asked
}

func TestTheSidecarAsksAboutItsOwnSessionWithItsOwnToken(t *testing.T) {
	c, asked := serve(t, 200, `{"lastSeq":42,"seat":{"epoch":3,"holder":{"id":"u1"}},"other":[1,2]}`)
	s, err := c.State(t.Context())
	if err != nil || s.LastSeq != 42 || s.Seat.Epoch != 3 || string(s.Seat.Holder) != `{"id":"u1"}` || *asked != "GET /api/sessions/s-1 Bearer machine" {
		t.Errorf("%+v, %v, asked %q", s, err, *asked)
	}
	c, asked = serve(t, 200, `{"events":[{"seq":8},{"seq":9}],"next":9,"more":true}`)
	events, more, err := c.Log(t.Context(), 7)
	if err != nil || len(events) != 2 || !more || *asked != "GET /api/sessions/s-1/log?after=7&limit=1000 Bearer machine" {
		t.Errorf("%s, %v, %v, asked %q", events, more, err, *asked)
	}
	c, asked = serve(t, 200, `{"token":"fresh"}`)
	if token, err := c.StageToken(t.Context()); err != nil || token != "fresh" || *asked != "POST /api/sessions/s-1/broadcast-token Bearer machine" {
		t.Errorf("%q, %v, asked %q", token, err, *asked)
	}
}

func TestWhatABackendMayAnswerBesides(t *testing.T) {
	for _, status := range []int{403, 404, 405} {
		c, _ := serve(t, status, "{}")
		if _, err := c.State(t.Context()); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"trouble": {503, "{}"}, "elsewhere": {307, "http://127.0.0.1:1/"}, "no JSON": {200, "<html>"}, "endless": {200, `"` + strings.Repeat("x", maxAnswer+10)},
		"no token": {200, `{}`},
	} {
		c, _ := serve(t, row.status, row.body)
		if _, err := c.StageToken(t.Context()); err == nil || errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "Bearer") {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
}
