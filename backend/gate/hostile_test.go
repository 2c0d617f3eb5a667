package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// tricks is text that moves cursors, sets titles, hides and turns round what stands beside it.
const tricks = "\x1b]0;pwned\x07\x1b[2J\u202e\u2066\u2067\u2069\u202a\u009b31m\u0000\r\n\x7f\u0085"

// stringFields are the names in JSON of an event's fields that hold text.
func stringFields(of any) (names []string) {
	kind := reflect.TypeOf(of)
	for i := range kind.NumField() {
		if kind.Field(i).Type.Kind() == reflect.String {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// TestSixKilobytesOfTricksAreRefusedOrNeutralised: whatever people publish in whatever field, on either
// channel, as large as an event may be, what is broadcast and what is told to the publisher has no
// character that plays tricks, and no text longer than its field may be.
func TestSixKilobytesOfTricksAreRefusedOrNeutralised(t *testing.T) {
	fields := append(stringFields(playtest.Event{}), stringFields(playtest.Live{})...)
	slices.Sort(fields)
	fields = slices.Compact(fields)
	made := 0
	for _, action := range append(allActions(t), "NO_SUCH_ACTION") {
		for _, c := range columns[:4] { // who may do something at all
			made += tricky(t, c.name, c.who, action, fields...)
			if c.who != viewer && c.who != lead { // the others differ from a viewer by the seat alone
				continue
			}
			for _, field := range fields {
				made += tricky(t, c.name, c.who, action, field)
			}
		}
	}
	if made < 300 {
		t.Errorf("only %d events were made", made)
	}
}

// tricky publishes one such event on each channel, and returns how many were accepted.
func tricky(t *testing.T, column string, who auth.Identity, action playtest.Action, fields ...string) int {
	t.Helper()
	accepted := 0
	for _, namespace := range []string{NamespacePlaytest, NamespaceLive} {
		if logged := !slices.Contains(liveActions, action); len(fields) == 1 && logged != (namespace == NamespacePlaytest) {
			continue // refused for what it is (see the tables), whatever is in it
		}
		g, log := situation(t, "usual")
		payload := withTricks(t, askOf(action, log), fields)
		out, err := g.Publish(t.Context(), namespace, "s-1", who, payload)
		var refusal *playtest.Refusal
		told := string(out)
		switch {
		case errors.As(err, &refusal):
			told = refusal.Message
			if len(told) > 400 && refusal.Code != playtest.CodeNotAllowed {
				t.Errorf("%q of %s by %s: refused with %d bytes", fields, action, column, len(told))
			}
		case err != nil:
			t.Errorf("%q of %s by %s: %v", fields, action, column, err)
		case out != nil:
			accepted++
			if len(out) > 4*playtest.MaxChat+1000 {
				t.Errorf("%q of %s by %s: became %d bytes", fields, action, column, len(out))
			}
			told = textOf(t, out)
		}
		if at := strings.IndexFunc(told, playsTricks); at >= 0 {
			t.Errorf("%q of %s by %s on %s: %.60q", fields, action, column, namespace, told[at:])
		}
	}
	return accepted
}

// withTricks puts tricks into fields of a publication, as much of them as may be published.
func withTricks(t *testing.T, payload json.RawMessage, fields []string) json.RawMessage {
	t.Helper()
	var ask map[string]any
	if err := json.Unmarshal(payload, &ask); err != nil {
		t.Fatal(err)
	}
	some, err := json.Marshal(tricks)
	if err != nil {
		t.Fatal(err)
	}
	times := (maxPersonPayload - len(payload) - 20*len(fields)) / (len(fields) * len(some))
	for _, field := range fields {
		if len(fields) > 1 && slices.Contains([]string{"action", "requestId", "reaction", "client"}, field) {
			continue // they have few values, and all others would only be refused
		}
		ask[field] = "x" + strings.Repeat(tricks, times) + "y"
	}
	payload, err = json.Marshal(ask)
	if err != nil || times == 0 || len(payload) > maxPersonPayload {
		t.Fatalf("%d bytes with tricks %d times: %v", len(payload), times, err)
	}
	return payload
}

// liveActions are those that have a place on /live.
var liveActions = []playtest.Action{
	playtest.ActionReact, playtest.ActionPresence, playtest.ActionSidecarHealth, playtest.ActionThumbnail, playtest.ActionHandoverStep,
	playtest.ActionGameCaption, playtest.ActionGameState, playtest.ActionSpawnPlayer, playtest.ActionMovePlayer, playtest.ActionDespawnPlayer,
}

// textOf is every text of an event, decoded.
func textOf(t *testing.T, out json.RawMessage) string {
	t.Helper()
	var all any
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

func playsTricks(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
