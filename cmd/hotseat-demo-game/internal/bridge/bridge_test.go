package bridge_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"

	"hotseat/cmd/hotseat-demo-game/internal/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseKnowsTheEventsOfTheChannel(t *testing.T) {
	for line, want := range map[string]bridge.Event{
		`{"action":"SEAT","holder":null,"epoch":4}`:                                                                             {Kind: bridge.Seat, Epoch: 4, Person: bridge.Person{Name: "someone"}},
		`{"action":"SEAT","holder":{"id":"a","name":"A"},"epoch":5}`:                                                            {Kind: bridge.Seat, Epoch: 5, Holder: &bridge.Person{ID: "a", Name: "A"}, Person: bridge.Person{Name: "someone"}},
		`{"seq":3,"action":"SEAT_TAKEN","actor":{"id":"b","name":"backend"},"epoch":6,"holder":{"id":"a","name":"A"}}`:          {Kind: bridge.Seat, Epoch: 6, Holder: &bridge.Person{ID: "a", Name: "A"}, Person: bridge.Person{ID: "b", Name: "backend"}},
		`{"action":"SEAT_RELEASED","epoch":7,"previous":{"id":"a","name":"A"},"reason":"left"}`:                                 {Kind: bridge.Seat, Epoch: 7, Person: bridge.Person{Name: "someone"}},
		`{"action":"USER_CHAT_MESSAGE","actor":{"id":"v","name":"viewer"},"user":"viewer","message":"nice jump","timestamp":9}`: {Kind: bridge.Chat, Text: "nice jump", Timestamp: 9, Person: bridge.Person{ID: "v", Name: "viewer"}},
		`{"action":"USER_CHAT_MESSAGE","user":"viewer","message":"hi"}`:                                                         {Kind: bridge.Chat, Text: "hi", Person: bridge.Person{Name: "viewer"}},
		`{"action":"STREAM_REACT","actor":{"id":"v","name":"viewer"},"reaction":"fire"}`:                                        {Kind: bridge.Reaction, Text: "fire", Person: bridge.Person{ID: "v", Name: "viewer"}},
		`{"action":"TAKEOVER_REQUEST","requester":{"id":"p","name":"player"}}`:                                                  {Kind: bridge.Request, Person: bridge.Person{ID: "p", Name: "player"}},
		`{"action":"TAKEOVER_APPROVED","requester":{"id":"p","name":"player"}}`:                                                 {Kind: bridge.Handover, Person: bridge.Person{ID: "p", Name: "player"}},
		`{"action":"HANDOVER_FAILED","requester":{"id":"p","name":"player"},"holder":null,"epoch":8}`:                           {Kind: bridge.Failed, Epoch: 8, Person: bridge.Person{ID: "p", Name: "player"}},
		`{"action":"SESSION_ENDED","reason":"done"}`:                                                                            {Kind: bridge.Ended, Text: "done", Person: bridge.Person{Name: "someone"}},
	} {
		got, ok := bridge.Parse([]byte(line))
		if !ok || got.Kind != want.Kind || got.Text != want.Text || got.Epoch != want.Epoch || got.Person != want.Person || got.Timestamp != want.Timestamp {
			t.Errorf("%s\n got %+v %v\nwant %+v", line, got, ok, want)
		}
		if (got.Holder == nil) != (want.Holder == nil) || got.Holder != nil && *got.Holder != *want.Holder {
			t.Errorf("%s: holder %v", line, got.Holder)
		}
	}
}

func TestParseIgnoresWhatTheGameHasNoUseFor(t *testing.T) {
	for _, line := range []string{
		``, `{`, `null`, `[]`, `7`, `{}`, `{"action":"THUMBNAIL"}`, `{"action":["SEAT"]}`,
		`{"action":"USER_CHAT_MESSAGE","message":"  \u202e "}`, `{"action":"SEAT","epoch":-1}`,
		`{"action":"SEAT_TAKEN","epoch":1}`, `{"action":"SEAT","epoch":1e99}`,
	} {
		if e, ok := bridge.Parse([]byte(line)); ok {
			t.Errorf("%s: %+v", line, e)
		}
	}
}

func TestCleanMakesTextsOfStrangersHarmless(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"  nice \t\n jump ", 20, "nice jump"},
		{"\u202eevil\u202c\u200b\x1b[31m", 20, "evil[31m"},
		{"a\xff\xfeb", 20, "ab"},
		{"z\u0301\u0301\u0301\u0301\u0301x", 20, "z\u0301\u0301x"},
		{"\u0301x", 20, "x"},
		{"abcdefgh", 5, "abcd…"},
		{"abcde", 5, "abcde"},
		{"abcd efgh", 5, "abcd…"},
		{"", 5, ""},
		{"Grüße Привет", 20, "Grüße Привет"},
	} {
		if got := bridge.Clean(c.in, c.limit); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestLongAndBrokenLinesAreSkipped(t *testing.T) {
	input := `{"action":"STREAM_REACT","reaction":"like"}` + "\n" +
		`{"action":"USER_CHAT_MESSAGE","message":"` + strings.Repeat("x", 300<<10) + `"}` + "\n" +
		"not json\n\n" +
		`{"action":"STREAM_REACT","reaction":"wow"}` + "\r\n" +
		`{"action":"STREAM_REACT","rea`
	var got []string
	err := bridge.Read(strings.NewReader(input), func(e bridge.Event) { got = append(got, e.Text) })
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Join(got, " ") != "like wow" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestClientComesBackAfterALostConnection(t *testing.T) {
	// given a bridge that hangs up after its first line, twice
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for epoch := range 3 {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, `{"action":"SEAT","holder":null,"epoch":`+string(rune('0'+epoch))+"}\n")
			conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var epochs []uint64
	client := bridge.Client{Addr: listener.Addr().String(), Log: slog.New(slog.DiscardHandler)}
	client.Run(ctx, func(e bridge.Event) {
		if epochs = append(epochs, e.Epoch); len(epochs) == 3 {
			cancel()
		}
	})
	<-served
	if len(epochs) != 3 || epochs[2] != 2 {
		t.Errorf("epochs %v", epochs)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"action\":\"SEAT\",\"holder\":{\"id\":\"a\",\"name\":\"b\"},\"epoch\":1}\n"))
	f.Add([]byte("{\"action\":\"USER_CHAT_MESSAGE\",\"message\":\"\\u202e\\u0301!star\",\"actor\":{\"name\":\"\"}}\n"))
	f.Add([]byte("{\"action\":\"STREAM_REACT\",\"reaction\":\"like\"}\n{\n\n\xff\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = bridge.Read(strings.NewReader(string(data)), func(e bridge.Event) {
			if n := utf8.RuneCountInString(e.Text); n > 120 {
				t.Errorf("text of %d characters", n)
			}
			if n := utf8.RuneCountInString(e.Person.Name); n == 0 || n > 24 {
				t.Errorf("name of %d characters", n)
			}
			for _, r := range e.Text + e.Person.Name {
				if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError && !strings.ContainsRune(string(data), r) && !strings.Contains(string(data), "\\u") {
					t.Errorf("character %U passed", r)
				}
			}
		})
	})
}
