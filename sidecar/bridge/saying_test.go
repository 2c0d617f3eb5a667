package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"hotseat/sidecar/bridge"
)

// session hears what games say.
type session struct {
	mu   sync.Mutex
	said []bridge.Saying
	err  error
}

func (s *session) say(_ context.Context, said bridge.Saying) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.said = append(s.said, said)
	}
	return s.err
}

func (s *session) attach(c *bridge.Config) { c.Say = s.say }

func TestWhatAGameSaysReachesTheSessionAndIsAnswered(t *testing.T) {
	var heard session
	s := serve(t, heard.attach)
	g := connect(t, s)
	fmt.Fprintln(g.conn, `{"action":"MARK","message":" boss\ndown ","at":1790000000000,"id":1}`)
	fmt.Fprintln(g.conn, `{"action":"CAPTION","message":"Level 2","id":"cap-1"}`)
	fmt.Fprintln(g.conn, `{"action":"STATE","state":{ "hp": 3 }}`)
	g.want(`{"action":"OK","id":1}`)
	g.want(`{"action":"OK","id":"cap-1"}`)
	g.want(`{"action":"OK","id":null}`)
	heard.mu.Lock()
	defer heard.mu.Unlock()
	want := []bridge.Saying{
		{Kind: bridge.SayMark, Message: "boss down", At: 1790000000000},
		{Kind: bridge.SayCaption, Message: "Level 2"},
		{Kind: bridge.SayState, State: json.RawMessage(`{"hp":3}`)},
	}
	if !reflect.DeepEqual(heard.said, want) {
		t.Errorf("the session heard %+v, want %+v", heard.said, want)
	}
}

func TestWhatAGameMayNotSayIsRefusedWithACode(t *testing.T) {
	var heard session
	g := connect(t, serve(t, heard.attach))
	for _, row := range []struct{ line, code string }{
		{`nonsense`, "BadRequest"},
		{`{"action":"MARK"}`, "BadRequest"},
		{`{"action":"MARK","message":"x","at":-5}`, "BadRequest"},
		{`{"action":"STATE","state":[1]}`, "BadRequest"},
		{`{"action":"STATE"}`, "BadRequest"},
		{`{"action":"SEAT_TAKEN","holder":{"id":"me"}}`, "Unknown"},
		{`{"action":"MARK","message":"` + strings.Repeat("x", 201) + `"}`, "TooLarge"},
		{`{"action":"STATE","state":{"x":"` + strings.Repeat("x", 2500) + `"}}`, "TooLarge"},
		{strings.Repeat("x", 20_000), "TooLarge"},
	} {
		fmt.Fprintln(g.conn, row.line)
		if got := g.line(); !strings.Contains(got, `"action":"ERROR"`) || !strings.Contains(got, `"code":"`+row.code+`"`) {
			t.Errorf("%.60s was answered %s, want %s", row.line, got, row.code)
		}
	}
	if len(heard.said) > 0 {
		t.Errorf("the session heard %v", heard.said)
	}
}

func TestAGameThatTalksTooMuchIsSlowedAndStillServed(t *testing.T) {
	var heard session
	s := serve(t, heard.attach)
	g := connect(t, s)
	const n = 2000
	for range n {
		fmt.Fprintln(g.conn, `{"action":"MARK","message":"again"}`)
	}
	tooFast := false
	for !tooFast {
		tooFast = strings.Contains(g.line(), `"code":"TooFast"`)
	}
	offer(s, `{"action":"A"}`)
	for g.line() != `{"action":"A"}` {
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	if len(heard.said) > 20 {
		t.Errorf("%d of %d marks reached the session", len(heard.said), n)
	}
}

func TestTheSessionsNoIsToldToTheGame(t *testing.T) {
	heard := session{err: fmt.Errorf("publish: %w", &bridge.Refusal{Code: "SessionEnded", Message: "this playtest ended"})}
	g := connect(t, serve(t, heard.attach))
	fmt.Fprintln(g.conn, `{"action":"MARK","message":"x","id":9}`)
	g.want(`{"action":"ERROR","id":9,"code":"SessionEnded","message":"this playtest ended"}`)
	heard.mu.Lock()
	heard.err = errors.New("dial tcp 10.0.0.1: secret details")
	heard.mu.Unlock()
	fmt.Fprintln(g.conn, `{"action":"MARK","message":"x","id":10}`)
	g.want(`{"action":"ERROR","id":10,"code":"NoSession","message":"the session was not reached; try again later"}`)
}

func TestWithoutASessionTheGameIsToldSo(t *testing.T) {
	g := connect(t, serve(t))
	fmt.Fprintln(g.conn, `{"action":"CAPTION","message":"x"}`)
	if got := g.line(); !strings.Contains(got, `"code":"NoSession"`) {
		t.Error(got)
	}
}
