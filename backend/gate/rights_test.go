package gate

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hotseat/backend/auth"
	"hotseat/backend/playtest"
)

// Each row is an action, a situation, and for each column what becomes of it: "ok" is an event, "–" nothing
// at all (it is so already), "no" NotAllowed, anything else the code of the refusal. The table of
// docs/protocol.md says the same in words.
const logRights = `
action               situation viewer          waiting         holder          lead            sidecar      backend         banned       removed      muted
SESSION_STARTED      usual     no              no              no              no              no           BadRequest      Banned       Removed      no
SESSION_STARTED      unstarted no              no              no              no              no           ok              no           no           no
SESSION_STARTED      ended     SessionEnded    SessionEnded    SessionEnded    SessionEnded    SessionEnded SessionEnded    SessionEnded SessionEnded SessionEnded
SESSION_STATE        usual     no              no              no              no              no           ok              Banned       Removed      no
SESSION_MARK         usual     no              no              no              ok              ok           no              Banned       Removed      no
SESSION_ENDED        usual     no              no              no              no              no           ok              Banned       Removed      no
SESSION_ENDED        unstarted BadRequest      BadRequest      BadRequest      BadRequest      BadRequest   BadRequest      BadRequest   BadRequest   BadRequest
SESSION_ENDED        ended     SessionEnded    SessionEnded    SessionEnded    SessionEnded    SessionEnded SessionEnded    SessionEnded SessionEnded SessionEnded
STREAM_SUBSCRIBE     usual     –               –               –               –               no           no              Banned       ok           –
USER_CHAT_MESSAGE    usual     ok              ok              ok              ok              no           no              Banned       Removed      Muted
USER_CHAT_MESSAGE    unstarted BadRequest      BadRequest      BadRequest      BadRequest      BadRequest   BadRequest      BadRequest   BadRequest   BadRequest
USER_CHAT_MESSAGE    ended     SessionEnded    SessionEnded    SessionEnded    SessionEnded    SessionEnded SessionEnded    SessionEnded SessionEnded SessionEnded
TAKEOVER_REQUEST     usual     ok              RequestPending  AlreadyHolder   ok              no           no              Banned       Removed      ok
TAKEOVER_REQUEST     locked    RequestsLocked  RequestPending  AlreadyHolder   ok              no           no              Banned       Removed      RequestsLocked
TAKEOVER_CANCELLED   usual     no              ok              no              no              no           BadRequest      Banned       Removed      no
TAKEOVER_CANCELLED   running   AlreadyDecided  AlreadyDecided  AlreadyDecided  AlreadyDecided  no           AlreadyDecided  Banned       Removed      AlreadyDecided
TAKEOVER_CANCELLED   expired   no              ok              no              no              no           ok              Banned       Removed      no
TAKEOVER_APPROVED    usual     no              no              ok              ok              no           no              Banned       Removed      no
TAKEOVER_APPROVED    running   no              no              AlreadyDecided  AlreadyDecided  no           no              Banned       Removed      no
TAKEOVER_APPROVED    expired   no              no              AlreadyDecided  AlreadyDecided  no           no              Banned       Removed      no
TAKEOVER_APPROVED    empty     no              no              no              ok              no           ok              Banned       Removed      no
TAKEOVER_DENIED      usual     no              no              ok              ok              no           no              Banned       Removed      no
TAKEOVER_DENIED      running   no              no              AlreadyDecided  AlreadyDecided  no           no              Banned       Removed      no
TAKEOVER_DENIED      expired   no              no              AlreadyDecided  AlreadyDecided  no           no              Banned       Removed      no
SEAT_TAKEN           usual     no              no              no              no              no           NoSuchRequest   Banned       Removed      no
SEAT_TAKEN           running   no              no              no              no              no           ok              Banned       Removed      no
SEAT_RELEASED        usual     no              no              ok              ok              no           ok              Banned       Removed      no
SEAT_RELEASED        running   HandoverRunning HandoverRunning HandoverRunning HandoverRunning no           HandoverRunning Banned       Removed      HandoverRunning
SEAT_RELEASED        empty     BadRequest      BadRequest      BadRequest      BadRequest      no           –               Banned       Removed      BadRequest
HANDOVER_FAILED      usual     no              no              no              no              no           NoSuchRequest   Banned       Removed      no
HANDOVER_FAILED      running   no              no              no              no              no           ok              Banned       Removed      no
HANDOVER_CONNECTING  usual     no              no              no              no              no           NoSuchRequest   Banned       Removed      no
HANDOVER_CONNECTING  running   no              no              no              no              no           ok              Banned       Removed      no
PARTICIPANT_LEFT     usual     ok              ok              ok              ok              no           no              Banned       Removed      ok
PARTICIPANT_MUTED    usual     no              no              no              ok              no           no              Banned       Removed      no
PARTICIPANT_UNMUTED  usual     no              no              no              ok              no           no              Banned       Removed      no
PARTICIPANT_REMOVED  usual     no              no              no              ok              no           no              Banned       Removed      no
PARTICIPANT_BANNED   usual     no              no              no              ok              no           no              Banned       Removed      no
PARTICIPANT_UNBANNED usual     no              no              no              ok              no           no              Banned       Removed      no
REQUESTS_LOCKED      usual     no              no              no              ok              no           no              Banned       Removed      no
REQUESTS_LOCKED      locked    no              no              no              –               no           no              Banned       Removed      no
REQUESTS_UNLOCKED    usual     no              no              no              –               no           no              Banned       Removed      no
REQUESTS_UNLOCKED    locked    no              no              no              ok              no           no              Banned       Removed      no
SLOW_MODE            usual     no              no              no              ok              no           no              Banned       Removed      no
SEAT_GIVE            usual     no              no              no              ok              no           no              Banned       Removed      no
SEAT_GIVE            running   no              no              no              HandoverRunning no           no              Banned       Removed      no
STREAM_REACT         usual     ok              ok              ok              ok              no           no              Banned       Removed      Muted
PRESENCE             usual     no              no              no              no              no           no              Banned       Removed      no
SIDECAR_HEALTH       usual     no              no              no              no              no           no              Banned       Removed      no
THUMBNAIL            usual     no              no              no              no              no           no              Banned       Removed      no
HANDOVER_STEP        usual     no              no              no              no              no           no              Banned       Removed      no
GAME_CAPTION         usual     no              no              no              no              no           no              Banned       Removed      no
GAME_STATE           usual     no              no              no              no              no           no              Banned       Removed      no
SPAWN_PLAYER         usual     no              no              no              no              no           no              Banned       Removed      no
MOVE_PLAYER          usual     no              no              no              no              no           no              Banned       Removed      no
DESPAWN_PLAYER       usual     no              no              no              no              no           no              Banned       Removed      no
NO_SUCH_ACTION       usual     no              no              no              no              no           no              Banned       Removed      no
`

// liveRights is the same on /live. Nothing of the log can be published there.
const liveRights = `
action               situation viewer waiting holder lead sidecar backend banned removed muted
SESSION_STARTED      usual     no     no      no     no   no      no      Banned Removed no
SESSION_STATE        usual     no     no      no     no   no      no      Banned Removed no
SESSION_MARK         usual     no     no      no     no   no      no      Banned Removed no
SESSION_ENDED        usual     no     no      no     no   no      no      Banned Removed no
STREAM_SUBSCRIBE     usual     no     no      no     no   no      no      Banned Removed no
USER_CHAT_MESSAGE    usual     no     no      no     no   no      no      Banned Removed no
TAKEOVER_REQUEST     usual     no     no      no     no   no      no      Banned Removed no
TAKEOVER_CANCELLED   usual     no     no      no     no   no      no      Banned Removed no
TAKEOVER_APPROVED    usual     no     no      no     no   no      no      Banned Removed no
TAKEOVER_DENIED      usual     no     no      no     no   no      no      Banned Removed no
SEAT_TAKEN           usual     no     no      no     no   no      no      Banned Removed no
SEAT_RELEASED        usual     no     no      no     no   no      no      Banned Removed no
HANDOVER_FAILED      usual     no     no      no     no   no      no      Banned Removed no
HANDOVER_CONNECTING  usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_LEFT     usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_MUTED    usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_UNMUTED  usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_REMOVED  usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_BANNED   usual     no     no      no     no   no      no      Banned Removed no
PARTICIPANT_UNBANNED usual     no     no      no     no   no      no      Banned Removed no
REQUESTS_LOCKED      usual     no     no      no     no   no      no      Banned Removed no
REQUESTS_UNLOCKED    usual     no     no      no     no   no      no      Banned Removed no
SLOW_MODE            usual     no     no      no     no   no      no      Banned Removed no
SEAT_GIVE            usual     no     no      no     no   no      no      Banned Removed no
STREAM_REACT         usual     ok     ok      ok     ok   no      no      Banned Removed Muted
STREAM_REACT         ended     ok     ok      ok     ok   no      no      Banned Removed Muted
PRESENCE             usual     ok     ok      ok     ok   no      no      Banned Removed ok
SIDECAR_HEALTH       usual     no     no      no     no   ok      no      Banned Removed no
SIDECAR_HEALTH       ended     no     no      no     no   ok      no      Banned Removed no
THUMBNAIL            usual     no     no      no     no   ok      no      Banned Removed no
HANDOVER_STEP        usual     no     no      no     no   no      ok      Banned Removed no
GAME_CAPTION         usual     no     no      no     no   ok      no      Banned Removed no
GAME_STATE           usual     no     no      no     no   ok      no      Banned Removed no
SPAWN_PLAYER         usual     ok     ok      ok     ok   no      no      Banned Removed ok
MOVE_PLAYER          usual     ok     ok      ok     ok   no      no      Banned Removed ok
DESPAWN_PLAYER       usual     ok     ok      ok     ok   no      no      Banned Removed ok
NO_SUCH_ACTION       usual     no     no      no     no   no      no      Banned Removed no
`

func TestWhoMayPublishWhatOnTheLog(t *testing.T) { rights(t, NamespacePlaytest, logRights) }
func TestWhoMayPublishWhatOnLive(t *testing.T)   { rights(t, NamespaceLive, liveRights) }

// rights holds a table against the gate, and the table against the list of all actions.
func rights(t *testing.T, namespace, table string) {
	rows := strings.Split(strings.TrimSpace(table), "\n")
	heading := strings.Fields(rows[0])[2:]
	if !slices.EqualFunc(heading, columns, func(name string, c struct {
		name string
		who  auth.Identity
	}) bool {
		return c.name == name
	}) {
		t.Fatalf("the table's columns are %v", heading)
	}
	missing := map[playtest.Action]bool{}
	for _, action := range allActions(t) {
		missing[action] = true
	}
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		action, in := playtest.Action(cells[0]), cells[1]
		delete(missing, action)
		if len(cells) != 2+len(columns) {
			t.Fatalf("%s has %d cells", action, len(cells)-2)
		}
		for i, c := range columns {
			g, log := situation(t, in)
			before := len(log.events)
			out, err := g.Publish(t.Context(), namespace, "s-1", c.who, askOf(action, log))
			got := verdictOf(out, err)
			if got != cells[2+i] {
				t.Errorf("%s (%s) by %s: %s, want %s", action, in, c.name, got, cells[2+i])
			}
			grown := len(log.events) - before
			logged := got == "ok" && namespace == NamespacePlaytest && action != playtest.ActionReact
			if (grown == 1) != logged || grown > 1 {
				t.Errorf("%s (%s) by %s: %s, and the log grew by %d", action, in, c.name, got, grown)
			}
			if got == "ok" {
				isStamped(t, out, c.who, logged, int64(len(log.events)))
			}
		}
	}
	for name, who := range strangers {
		for _, action := range allActions(t) {
			g, log := situation(t, "usual")
			before := len(log.events)
			if _, err := g.Publish(t.Context(), namespace, "s-1", who, askOf(action, log)); codeOf(err) != playtest.CodeUnauthorized || len(log.events) != before {
				t.Errorf("%s by %s: %v", action, name, err)
			}
		}
	}
	for action := range missing {
		t.Errorf("%s has no row: who may publish it on %s?", action, namespace)
	}
}

func TestWhoMayHear(t *testing.T) {
	g, _ := situation(t, "usual")
	for _, c := range columns {
		one, all := playtest.Code(""), playtest.CodeUnauthorized
		if c.name == "banned" {
			one = playtest.CodeBanned
		}
		if c.name == "lead" || c.name == "backend" {
			all = ""
		}
		for session, want := range map[string]playtest.Code{"s-1": one, "*": all} {
			if err := g.Subscribe(t.Context(), session, c.who); codeOf(err) != want || (err == nil) != (want == "") {
				t.Errorf("%s on %s: %v, want %q", c.name, session, err, want)
			}
		}
	}
	for name, who := range strangers {
		for _, session := range []string{"s-1", "*"} {
			if err := g.Subscribe(t.Context(), session, who); codeOf(err) != playtest.CodeUnauthorized {
				t.Errorf("%s on %s: %v", name, session, err)
			}
		}
	}
}

func verdictOf(out json.RawMessage, err error) string {
	var refusal *playtest.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Message == "":
		return "refused-without-a-word"
	case errors.As(err, &refusal) && refusal.Code == playtest.CodeNotAllowed:
		return "no"
	case errors.As(err, &refusal):
		return string(refusal.Code)
	case err != nil:
		return "failed"
	case out == nil:
		return "–"
	}
	return "ok"
}

// isStamped: nothing that was forged is left.
func isStamped(t *testing.T, out json.RawMessage, who auth.Identity, logged bool, seq int64) {
	t.Helper()
	var e playtest.Event
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatal(err)
	}
	if !logged {
		seq = 0
	}
	byRules := who.Role == playtest.RoleBackend && e.Actor == playtest.Rules
	if e.Seq != seq || e.Session != "s-1" || e.Timestamp < clockZero.UnixMilli() || e.Actor != who.Person && !byRules ||
		e.User != "" && e.User != e.Actor.Name || e.Epoch == 99 {
		t.Errorf("%s by %s became %s", e.Action, who.ID, out)
	}
	for _, p := range []*playtest.Person{e.Requester, e.Holder, e.From} {
		if p != nil && p.ID == lead.ID && who.ID != lead.ID {
			t.Errorf("%s by %s names the lead: %s", e.Action, who.ID, out)
		}
	}
}

// allActions are the constants of type Action that backend/playtest declares.
func allActions(t *testing.T) []playtest.Action {
	t.Helper()
	files, err := filepath.Glob("../playtest/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var actions []playtest.Action
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			constants, ok := declaration.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				actions = append(actions, actionsOf(t, spec.(*ast.ValueSpec))...)
			}
		}
	}
	if len(actions) < 20 {
		t.Fatalf("only %d actions are found: %v", len(actions), actions)
	}
	return actions
}

func actionsOf(t *testing.T, spec *ast.ValueSpec) (actions []playtest.Action) {
	if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Action" {
		return nil
	}
	for _, value := range spec.Values {
		text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		actions = append(actions, playtest.Action(text))
	}
	return actions
}
