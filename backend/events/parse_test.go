package events_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hotseat/backend/events"
)

func TestTheSignedBodyIsWhatTheClientWrote(t *testing.T) {
	for frame, want := range map[string]string{
		`{"type":"connection_init"}`:                                                      `{}`,
		`{"type":"subscribe","id":"1","channel":"/playtest/a"}`:                           `{"channel":"/playtest/a"}`,
		`{"events": [ "{\"a\":\"\u00e9<\"}" ], "channel":"\/playtest", "type":"publish"}`: `{"channel":"\/playtest","events":["{\"a\":\"\u00e9<\"}"]}`,
	} {
		parsed, err := events.ParseClientFrame([]byte(frame))
		if err != nil || string(parsed.Signed) != want {
			t.Errorf("%s: signed %s, %v", frame, parsed.Signed, err)
		}
	}
}

func TestAnEventIsAStringOrAListOfOne(t *testing.T) {
	for _, text := range []string{`{"type":"data","event":"{\"a\":1}"}`, `{"type":"data","event":["{\"a\":1}"]}`} {
		frame, err := events.ParseServerFrame([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		found, err := frame.DataEvents()
		if err != nil || len(found) != 1 || string(found[0]) != `{"a":1}` {
			t.Errorf("%s: %s, %v", text, found, err)
		}
	}
	for _, text := range []string{`{"type":"data"}`, `{"type":"data","event":{}}`, `{"type":"data","event":"{"}`, `{"type":"data","event":[1]}`} {
		frame, err := events.ParseServerFrame([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if found, err := frame.DataEvents(); !errors.Is(err, events.ErrBadFrame) {
			t.Errorf("%s: %s, %v", text, found, err)
		}
	}
}

func TestChannels(t *testing.T) {
	segment := strings.Repeat("x", 50)
	for text, want := range map[string]string{
		"/playtest/s-1": "/playtest/s-1", "playtest": "/playtest", "playtest/": "/playtest", "/a/b/c/d/e/": "/a/b/c/d/e",
		"/playtest/*": "/playtest/*", "playtest/*/": "/playtest/*", "/a/b/c/d/*": "/a/b/c/d/*", "/" + segment: "/" + segment,
		"": "", "/": "", "/*": "", "*": "", "//": "", "/a//b": "", "/a//*": "", "/-a": "", "/a-": "", "/a/*/b": "", "/a/b*": "",
		"/a/b/c/d/e/f": "", "/a/b/c/d/e/*": "", "/" + segment + "x": "", "/ä": "", "/a b": "", "/a\n": "", "/a/../b": "",
	} {
		channel, err := events.ParseChannel(text)
		if (want == "") != (err != nil) || (err == nil && channel.String() != want) {
			t.Errorf("%q: %q, %v, want %q", text, channel, err, want)
		}
	}
}

func TestTheSubprotocolMayStandAnywhere(t *testing.T) {
	want := events.TokenAuthorization("127.0.0.1:8470", "a.b.c")
	encoded := events.EncodeAuthProtocol(want)
	if strings.ContainsAny(encoded, "=+/ ,") {
		t.Errorf("%q is no subprotocol", encoded)
	}
	for _, offered := range [][]string{{encoded, events.Subprotocol}, {events.Subprotocol, encoded}, {encoded}} {
		if got, err := events.DecodeAuthProtocol(offered); err != nil || !maps.Equal(got, want) {
			t.Errorf("%v: %v, %v", offered, got, err)
		}
	}
	if got := (events.Authorization{"HOST": "x"}).Get("host"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func FuzzParseClientFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_init"}`,
		`{"type":"subscribe","id":"a","channel":"/playtest/*","authorization":{"host":"h","Authorization":"t"}}`,
		`{"type":"publish","id":"a","channel":"/playtest/a","events":["{}","1"],"authorization":{"x-api-key":"k"},"payload":{"events":[]}}`,
		`{"type":"unsubscribe","id":"a"}`, `[]`, `null`, `{"events":null}`, `{"channel":1}`, `{"type":"publish","events":["\ud800"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := events.ParseClientFrame(data)
		if err != nil {
			if !errors.Is(err, events.ErrBadFrame) || !utf8.ValidString(err.Error()) || len(err.Error()) > 500 {
				t.Fatalf("error %q", err)
			}
			return
		}
		if !json.Valid(frame.Signed) {
			t.Fatalf("signed body %q is not JSON", frame.Signed)
		}
		again, err := json.Marshal(frame)
		if err != nil {
			t.Fatal(err)
		}
		second, err := events.ParseClientFrame(again)
		if err != nil || second.Type != frame.Type || second.ID != frame.ID || second.Channel != frame.Channel || !slices.Equal(second.Events, frame.Events) {
			t.Fatalf("%+v became %+v, %v", frame, second, err)
		}
	})
}

func FuzzDecodeAuthProtocol(f *testing.F) {
	f.Add(events.EncodeAuthProtocol(events.KeyAuthorization("h", "k")))
	f.Add("header-")
	f.Add("header-e30")
	f.Add("header-bnVsbA")
	f.Add("header-" + base64.RawURLEncoding.EncodeToString([]byte(`{"a":1}`)))
	f.Fuzz(func(t *testing.T, protocol string) {
		auth, err := events.DecodeAuthProtocol([]string{events.Subprotocol, protocol})
		if err != nil {
			return
		}
		again, err := events.DecodeAuthProtocol([]string{events.EncodeAuthProtocol(auth)})
		if len(protocol) < events.MaxAuthProtocolBytes/2 && (err != nil || !maps.Equal(again, auth)) {
			t.Fatalf("%v became %v, %v", auth, again, err)
		}
	})
}

func FuzzParseServerFrame(f *testing.F) {
	for _, seed := range []string{`{"type":"ka"}`, `{"type":"data","id":"1","event":"{}"}`, `{"type":"data","event":["1"]}`,
		`{"type":"publish_success","id":"1","successful":[{"identifier":"x","index":0}],"failed":[]}`,
		`{"type":"connection_error","payload":{"errors":[{"errorType":"x","errorCode":401}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := events.ParseServerFrame(data)
		if err != nil {
			return
		}
		found, _ := frame.DataEvents()
		for _, event := range found {
			if !json.Valid(event) {
				t.Fatalf("event %q", event)
			}
		}
	})
}

func FuzzParseChannel(f *testing.F) {
	for _, seed := range []string{"/playtest/s-1", "playtest/*", "/a/b/c/d/e", "/*", "//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		channel, err := events.ParseChannel(text)
		if err != nil {
			return
		}
		again, err := events.ParseChannel(channel.String())
		if err != nil || again != channel || channel.Segments()[0] != channel.Namespace() {
			t.Fatalf("%q: %+v became %+v, %v", text, channel, again, err)
		}
	})
}
