package appsync_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hotseat/backend/events"
	"hotseat/backend/local/appsync"
)

func TestAnEventTravelsFromPublisherToSubscriber(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	ws.say(`{"type":"connection_init"}`)
	if text, _ := ws.hear(); text != `{"type":"connection_ack","connectionTimeoutMs":300000}` {
		t.Fatalf("acknowledged with %s", text)
	}
	ws.subscribe("sub", "playtest/s-1/", s.token("viewer"))
	const event = `{"message":"<b>\"quoted\"</b> & \u2028 é 🎮"}`
	ws.publish("pub", "/playtest/s-1", s.token("viewer"), event)
	if got := ws.expectEvent("sub"); got != event {
		t.Errorf("got %s, want %s", got, event)
	}
	answer := ws.expect(events.TypePublishSuccess)
	if answer.ID != "pub" || len(answer.Successful) != 1 || answer.Successful[0].Index != 0 || answer.Successful[0].Identifier == "" {
		t.Errorf("answer %+v", answer)
	}
	ws.say(`{"type":"unsubscribe","id":"sub"}`)
	ws.expect(events.TypeUnsubscribeSuccess)
	ws.publish("pub2", "/playtest/s-1", s.token("viewer"), event)
	ws.expect(events.TypePublishSuccess) // and no data before it
}

func TestConnectionInitIsOptional(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/s-1", s.token("viewer"))
}

func TestAWildcardHearsEveryDepthBelowAndNothingElse(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("lead"))
	ws.subscribe("all", "/playtest/*", s.token("lead"))
	ws.subscribe("deep", "/playtest/a/b/*", s.token("lead"))
	for _, channel := range []string{"/playtest", "/playtest/a", "/playtest/a/b", "/playtest/a/b/c", "/playtestx/a"} {
		if err := s.Broadcast(channel, []byte(strconv.Quote(channel))); err != nil {
			t.Fatal(err)
		}
	}
	heard := map[string]string{}
	for range 4 {
		frame := ws.expect(events.TypeData)
		found, _ := frame.DataEvents()
		heard[frame.ID] += string(found[0])
	}
	if heard["all"] != `"/playtest/a""/playtest/a/b""/playtest/a/b/c"` || heard["deep"] != `"/playtest/a/b/c"` {
		t.Errorf("heard %v", heard)
	}
	ws.say(`{"type":"unsubscribe","id":"none"}`)
	ws.expect(events.TypeUnsubscribeError) // nothing else was queued before it
}

func TestAConnectionWithoutAuthorityIsToldAndClosed(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) {
		cfg.ConnectionModes = []appsync.AuthMode{appsync.ModeCognito, appsync.ModeLambda, appsync.ModeIAM}
	})
	header := func(text string) string { return "header-" + base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, protocol := range map[string]string{
		"none":             "chat",
		"not base64":       "header-!!!",
		"not JSON":         header("hello"),
		"empty":            header("{}"),
		"null":             header("null"),
		"unknown token":    events.EncodeAuthProtocol(events.TokenAuthorization(s.host, "forged")),
		"other host":       events.EncodeAuthProtocol(events.TokenAuthorization("example.com", "token-viewer")),
		"no host":          header(`{"Authorization":"token-viewer"}`),
		"expired key":      events.EncodeAuthProtocol(events.KeyAuthorization(s.host, expiredKey)),
		"unknown key":      events.EncodeAuthProtocol(events.KeyAuthorization(s.host, "da2-unknown")),
		"mode not allowed": events.EncodeAuthProtocol(events.KeyAuthorization(s.host, goodKey)),
		"no signatures":    events.EncodeAuthProtocol(events.Authorization{"host": s.host, "Authorization": "AWS4-HMAC-SHA256 x"}),
		"too long":         header(`{"host":"` + strings.Repeat("x", events.MaxAuthProtocolBytes) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			dialer := websocket.Dialer{Subprotocols: []string{events.Subprotocol, protocol}}
			conn, _, err := dialer.Dial(s.realtimeURL, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ws := socket{t, conn}
			text, _ := ws.hear()
			if text != `{"type":"connection_error","errors":[{"errorType":"UnauthorizedException","message":"You are not authorized to make this call.","errorCode":401}]}` {
				t.Errorf("heard %s", text)
			}
			if code := ws.expectClose(); code != appsync.CloseUnauthorized {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

func TestWhatIsNoEventsWebSocketIsRefusedBeforeTheUpgrade(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) {
		cfg.CheckOrigin = func(r *http.Request) bool { return r.Header.Get("Origin") == "" }
	})
	refused := func(dialer websocket.Dialer, header http.Header, status int) {
		t.Helper()
		_, response, err := dialer.Dial(s.realtimeURL, header)
		if !errors.Is(err, websocket.ErrBadHandshake) || response.StatusCode != status {
			t.Errorf("got %v, %v, want %d", err, response, status)
		}
	}
	auth := events.EncodeAuthProtocol(s.token("viewer"))
	refused(websocket.Dialer{Subprotocols: []string{auth}}, nil, http.StatusBadRequest)
	refused(websocket.Dialer{Subprotocols: []string{auth, events.Subprotocol}}, http.Header{"Origin": {"https://example.com"}}, http.StatusForbidden)
	response, err := http.Get(s.httpURL + "/realtime")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestEachBadFrameGetsItsError(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.EventBytes = 100 })
	a := `"authorization":{"host":"` + s.host + `","Authorization":"token-viewer"}`
	for name, test := range map[string]struct{ frame, kind, id, errorType string }{
		"not JSON":                {`{"type":`, "error", "", events.ErrorTypeBadRequest},
		"not an object":           {`[1]`, "error", "", events.ErrorTypeBadRequest},
		"id is a number":          {`{"type":"publish","id":1}`, "error", "", events.ErrorTypeBadRequest},
		"events not strings":      {`{"type":"publish","id":"i","channel":"/playtest/a","events":[{}],` + a + `}`, "error", "i", events.ErrorTypeBadRequest},
		"events not a list":       {`{"type":"publish","id":"i","channel":"/playtest/a","events":"{}",` + a + `}`, "error", "i", events.ErrorTypeBadRequest},
		"authorization a string":  {`{"type":"publish","id":"i","authorization":"token-viewer"}`, "error", "", events.ErrorTypeBadRequest},
		"unknown type":            {`{"type":"start","id":"i"}`, "error", "i", events.ErrorTypeUnsupported},
		"no type":                 {`{}`, "error", "", events.ErrorTypeUnsupported},
		"a frame of the server":   {`{"type":"data","id":"i","event":"1"}`, "error", "i", events.ErrorTypeUnsupported},
		"unsubscribe unknown":     {`{"type":"unsubscribe","id":"i"}`, "unsubscribe_error", "i", events.ErrorTypeUnknownOperation},
		"unsubscribe bad id":      {`{"type":"unsubscribe","id":"\"}"}`, "unsubscribe_error", "", events.ErrorTypeUnknownOperation},
		"subscribe no id":         {`{"type":"subscribe","channel":"/playtest/a",` + a + `}`, "subscribe_error", "", events.ErrorTypeBadRequest},
		"subscribe bad id":        {`{"type":"subscribe","id":"a b","channel":"/playtest/a",` + a + `}`, "subscribe_error", "", events.ErrorTypeBadRequest},
		"subscribe long id":       {`{"type":"subscribe","id":"` + strings.Repeat("i", 129) + `","channel":"/playtest/a",` + a + `}`, "subscribe_error", "", events.ErrorTypeBadRequest},
		"subscribe bad channel":   {`{"type":"subscribe","id":"i","channel":"/playtest/*/a",` + a + `}`, "subscribe_error", "i", events.ErrorTypeBadRequest},
		"subscribe no authority":  {`{"type":"subscribe","id":"i","channel":"/playtest/a"}`, "subscribe_error", "i", events.ErrorTypeUnauthorizedException},
		"subscribe no namespace":  {`{"type":"subscribe","id":"i","channel":"/nowhere/a",` + a + `}`, "subscribe_error", "i", events.ErrorTypeBadRequest},
		"subscribe other mode":    {`{"type":"subscribe","id":"i","channel":"/keys/a",` + a + `}`, "subscribe_error", "i", events.ErrorTypeUnauthorizedException},
		"subscribe twice":         {`{"type":"subscribe","id":"there","channel":"/playtest/a",` + a + `}`, "subscribe_error", "there", events.ErrorTypeDuplicatedOperation},
		"publish no id":           {`{"type":"publish","channel":"/playtest/a","events":["1"],` + a + `}`, "publish_error", "", events.ErrorTypeBadRequest},
		"publish bad channel":     {`{"type":"publish","id":"i","channel":"/play test","events":["1"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish to a wildcard":   {`{"type":"publish","id":"i","channel":"/playtest/*","events":["1"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish no authority":    {`{"type":"publish","id":"i","channel":"/playtest/a","events":["1"]}`, "publish_error", "i", events.ErrorTypeUnauthorizedException},
		"publish no namespace":    {`{"type":"publish","id":"i","channel":"/nowhere/a","events":["1"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish other mode":      {`{"type":"publish","id":"i","channel":"/keys/a","events":["1"],` + a + `}`, "publish_error", "i", events.ErrorTypeUnauthorizedException},
		"publish nothing":         {`{"type":"publish","id":"i","channel":"/playtest/a","events":[],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish six":             {`{"type":"publish","id":"i","channel":"/playtest/a","events":["1","2","3","4","5","6"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish no JSON":         {`{"type":"publish","id":"i","channel":"/playtest/a","events":["1","{"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
		"publish too large event": {`{"type":"publish","id":"i","channel":"/playtest/a","events":["` + strings.Repeat("1", 101) + `"],` + a + `}`, "publish_error", "i", events.ErrorTypeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			ws := s.dial(t, s.token("viewer"))
			ws.subscribe("there", "/playtest/a", s.token("viewer"))
			ws.say(test.frame)
			frame := ws.expect(test.kind)
			expectErrorType(t, frame, test.errorType)
			if frame.ID != test.id {
				t.Errorf("id %q, want %q", frame.ID, test.id)
			}
			// The connection lives on.
			ws.publish("after", "/playtest/a", s.token("viewer"), `1`)
			ws.expectEvent("there")
			ws.expect(events.TypePublishSuccess)
		})
	}
}

func TestABinaryFrameIsUnsupported(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	ws.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"connection_init"}`))
	expectErrorType(t, ws.expect(events.TypeError), events.ErrorTypeUnsupported)
}

func TestAFrameThatIsTooLargeClosesTheConnection(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.FrameBytes = 10_000 })
	ws := s.dial(t, s.token("viewer"))
	ws.WriteMessage(websocket.TextMessage, make([]byte, 1_000_000))
	if code := ws.expectClose(); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
}

func TestFiveEventsOfTheLargestSizeFit(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/a", s.token("viewer"))
	event := `"` + strings.Repeat("x", events.MaxEventBytes-2) + `"`
	ws.publish("pub", "/playtest/a", s.token("viewer"), event, event, event, event, event)
	for range 5 {
		if ws.expectEvent("sub") != event {
			t.Fatal("another event")
		}
	}
	ws.expect(events.TypePublishSuccess)
}

func TestKeepAlivesCome(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.KeepAlive = 5 * time.Millisecond })
	ws := s.dial(t, s.token("viewer"))
	for range 3 {
		ws.SetReadDeadline(time.Now().Add(patience))
		_, data, err := ws.ReadMessage()
		if err != nil || string(data) != `{"type":"ka"}` {
			t.Fatalf("heard %s, %v", data, err)
		}
	}
}

func TestAnOldConnectionIsClosed(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.ConnectionLife = time.Millisecond })
	if code := s.dial(t, s.token("viewer")).expectClose(); code != websocket.CloseGoingAway {
		t.Errorf("closed with %d", code)
	}
}

func TestCloseSaysGoodbyeToEveryone(t *testing.T) {
	s := serve(t, hooks{})
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("sub", "/playtest/a", s.token("viewer"))
	s.Close()
	if code := ws.expectClose(); code != websocket.CloseGoingAway {
		t.Errorf("closed with %d", code)
	}
	dialer := websocket.Dialer{Subprotocols: []string{events.Subprotocol, events.EncodeAuthProtocol(s.token("viewer"))}}
	if _, response, err := dialer.Dial(s.realtimeURL, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a closed server answered %v, %v", response, err)
	}
}

func TestSeveralModesWorkOnOneConnection(t *testing.T) {
	seen := make(chan appsync.Publish, 4)
	s := serve(t, hooks{publish: recordTo(seen)}, func(cfg *appsync.Config) {
		cfg.VerifyIAM = func(headers map[string]string, payload []byte) error {
			if headers["x-amz-date"] != "20261122T120000Z" || string(payload) != `{"channel":"/playtest/s-1","events":["4"]}` {
				return errors.New("the signature covers something else")
			}
			return nil
		}
	})
	ws := s.dial(t, events.KeyAuthorization(s.host, goodKey))
	iam := events.Authorization{"host": s.host, "x-amz-date": "20261122T120000Z", "Authorization": "AWS4-HMAC-SHA256 Credential=…"}
	ws.publish("1", "/playtest/s-1", events.KeyAuthorization(s.host, goodKey), `1`)
	ws.publish("2", "/playtest/s-1", events.TokenAuthorization(s.host, "Bearer token-lead"), `2`)
	ws.publish("3", "/playtest/s-1", s.token("sidecar"), `3`)
	ws.publish("4", "/playtest/s-1", iam, `4`)
	ws.publish("5", "/playtest/s-1", iam, `5`) // another payload than was signed
	for _, want := range []struct {
		mode appsync.AuthMode
		id   string
	}{{appsync.ModeAPIKey, ""}, {appsync.ModeCognito, "u-2"}, {appsync.ModeLambda, "sidecar-s-1"}, {appsync.ModeIAM, ""}} {
		ws.expect(events.TypePublishSuccess)
		if got := <-seen; got.AuthMode != want.mode || got.Identity.ID != want.id {
			t.Errorf("published by %q with %s, want %q with %s", got.Identity.ID, got.AuthMode, want.id, want.mode)
		}
	}
	expectErrorType(t, ws.expect(events.TypePublishError), events.ErrorTypeUnauthorizedException)
}

func TestThereIsALimitOfSubscriptions(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.Subscriptions = 2 })
	ws := s.dial(t, s.token("viewer"))
	ws.subscribe("a", "/playtest/s-1", s.token("viewer"))
	ws.subscribe("b", "/playtest/s-1", s.token("viewer"))
	ws.say(events.ClientFrame{Type: events.TypeSubscribe, ID: "c", Channel: "/playtest/s-1", Authorization: s.token("viewer")})
	expectErrorType(t, ws.expect(events.TypeSubscribeError), events.ErrorTypeLimitExceeded)
	ws.say(`{"type":"unsubscribe","id":"a"}`)
	ws.expect(events.TypeUnsubscribeSuccess)
	ws.subscribe("c", "/playtest/s-1", s.token("viewer"))
}

func TestThereIsALimitOfConnections(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.Connections = 1 })
	s.dial(t, s.token("viewer"))
	dialer := websocket.Dialer{Subprotocols: []string{events.Subprotocol, events.EncodeAuthProtocol(s.token("viewer"))}}
	if _, response, err := dialer.Dial(s.realtimeURL, nil); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v", response, err)
	}
}

func TestAPublisherBeyondItsRateIsRefusedAndOthersAreNot(t *testing.T) {
	s := serve(t, hooks{}, func(cfg *appsync.Config) { cfg.Limits.PublishRate, cfg.Limits.PublishBurst = 0.001, 2 })
	fast, slow := s.dial(t, s.token("viewer")), s.dial(t, s.token("viewer"))
	for _, kind := range []string{events.TypePublishSuccess, events.TypePublishSuccess, events.TypePublishError} {
		fast.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
		fast.expect(kind)
	}
	slow.publish("p", "/playtest/s-1", s.token("viewer"), `1`)
	slow.expect(events.TypePublishSuccess)
}
