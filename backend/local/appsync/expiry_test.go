package appsync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/auth"
	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

// clock is one that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func TestAnExpiredTokenIsRefusedEverywhereAndAnOpenSocketIsNotCut(t *testing.T) {
	var clock clock
	expires := clock.Now().Add(15 * time.Minute)
	s := serve(t, hooks{}, func(cfg *appsync.Config) {
		cfg.Verify = func(ctx context.Context, token string) (auth.Identity, error) {
			if token == "token-lead" && !clock.Now().Before(expires) {
				return auth.Identity{}, auth.ErrExpired
			}
			return verify(ctx, token)
		}
		cfg.Now = clock.Now
		cfg.Limits.KeepAlive = 5 * time.Millisecond
	})
	open := s.dial(t, s.token("lead"))
	open.subscribe("sub", "/playtest/s-1", s.token("lead"))

	clock.advance(16 * time.Minute)
	open.say(events.ClientFrame{Type: events.TypeSubscribe, ID: "late", Channel: "/playtest/s-1", Authorization: s.token("lead")})
	expectErrorType(t, open.expect(events.TypeSubscribeError), events.ErrorTypeUnauthorizedException)
	open.publish("late", "/playtest/s-1", s.token("lead"), `1`)
	expectErrorType(t, open.expect(events.TypePublishError), events.ErrorTypeUnauthorizedException)
	again := s.dial(t, s.token("lead"))
	expectErrorType(t, again.expect(events.TypeConnectionError), events.ErrorTypeUnauthorizedException)
	if code := again.expectClose(); code != appsync.CloseUnauthorized {
		t.Errorf("closed with %d", code)
	}
	body, err := json.Marshal(events.PublishRequest{Channel: "/playtest/s-1", Events: []string{"1"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.httpURL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token-lead")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("HTTP publish answered %s", response.Status)
	}

	// The socket that was opened while the token was good hears on, and serves other tokens.
	open.publish("other", "/playtest/s-1", s.token("viewer"), `2`)
	if got := open.expectEvent("sub"); got != "2" {
		t.Errorf("heard %s", got)
	}
	open.expect(events.TypePublishSuccess)
}

func TestAConnectionIsADayOldAtMostByTheClock(t *testing.T) {
	var clock clock
	s := serve(t, hooks{}, func(cfg *appsync.Config) {
		cfg.Now = clock.Now
		cfg.Limits.KeepAlive = 5 * time.Millisecond
	})
	ws := s.dial(t, s.token("viewer"))
	clock.advance(events.MaxConnectionLife - time.Minute)
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))
	if err := s.Broadcast("/playtest/s-1", []byte(`1`)); err != nil {
		t.Fatal(err)
	}
	ws.expectEvent("sub")
	clock.advance(time.Minute)
	if code := ws.expectClose(); code != websocket.CloseGoingAway {
		t.Errorf("closed with %d", code)
	}
	s.dial(t, s.token("viewer")).subscribe("sub", "/playtest/s-1", s.token("viewer")) // and may come back
}

func TestTheQuotasOfTheServiceAreTheDefaults(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	for i := range 100 {
		ws.subscribe(fmt.Sprint("sub-", i), fmt.Sprint("/playtest/s-", i), s.token("viewer"))
	}
	ws.say(events.ClientFrame{Type: events.TypeSubscribe, ID: "one-too-many", Channel: "/playtest/x", Authorization: s.token("viewer")})
	expectErrorType(t, ws.expect(events.TypeSubscribeError), events.ErrorTypeLimitExceeded)

	ws.publish("five", "/playtest/x", s.token("viewer"), `1`, `2`, `3`, `4`, `5`)
	ws.expect(events.TypePublishSuccess)
	ws.publish("six", "/playtest/x", s.token("viewer"), `1`, `2`, `3`, `4`, `5`, `6`)
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeBadRequest)

	text := func(size int) string { return `"` + string(bytes.Repeat([]byte{'x'}, size-2)) + `"` }
	ws.publish("largest", "/playtest/x", s.token("viewer"), text(240*1024))
	ws.expect(events.TypePublishSuccess)
	ws.publish("larger", "/playtest/x", s.token("viewer"), text(240*1024+1))
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeBadRequest)
}

func TestThePublishRateOfAConnectionFillsUpAgain(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.PublishRate, cfg.Limits.PublishBurst = 200, 1 })
	ws := s.dial(t, s.token("viewer"))
	deadline := time.Now().Add(patience)
	for refused, accepted := 0, 0; refused == 0 || accepted < 3; {
		ws.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
		if _, frame := ws.hear(); frame.Type == events.TypePublishSuccess {
			accepted++
		} else {
			expectErrorType(t, frame, events.ErrorTypeLimitExceeded)
			refused++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d accepted, %d refused", accepted, refused)
		}
	}
}
