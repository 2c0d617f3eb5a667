package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/exp/golden"

	"hotseat/backend/playtest"
)

var (
	lead    = playtest.Person{ID: "p-lead", Name: "lead", Role: playtest.RoleLead}
	player  = playtest.Person{ID: "p-player", Name: "player", Role: playtest.RolePlayer}
	viewer  = playtest.Person{ID: "p-viewer", Name: "viewer", Role: playtest.RoleViewer}
	viewer2 = playtest.Person{ID: "6f1c2d3e-aaaa", Name: "viewer", Role: playtest.RoleViewer} // of the same name
	steward = playtest.Person{ID: "backend", Name: "hotseat", Role: playtest.RoleBackend}
)

// start is the first moment of every script.
var start = time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC)

// script writes a log, each line some time after the start.
type script struct{ events []playtest.Event }

func (s *script) add(after time.Duration, e playtest.Event) *script {
	e.Seq, e.Session, e.Timestamp = int64(len(s.events)+1), "s-7h2k9x4q1m", start.Add(after).UnixMilli()
	s.events = append(s.events, e)
	return s
}

func (s *script) began() *script {
	return s.add(0, playtest.Event{Action: playtest.ActionSessionStarted, Actor: steward, Title: "Hotseat Runner", Application: "a-demo", Width: 1280, Height: 720, Framerate: 30})
}

func (s *script) chat(after time.Duration, who playtest.Person, text string) *script {
	return s.add(after, playtest.Event{Action: playtest.ActionChat, Actor: who, Message: text})
}

func (s *script) state(after time.Duration, status string) *script {
	return s.add(after, playtest.Event{Action: playtest.ActionSessionState, Actor: steward, Status: status})
}

func (s *script) request(after time.Duration, who playtest.Person, id string) *script {
	return s.add(after, playtest.Event{Action: playtest.ActionTakeoverRequest, Actor: who, RequestID: id, Requester: &who})
}

func (s *script) decide(after time.Duration, action playtest.Action, by, who playtest.Person, from *playtest.Person, id, reason string) *script {
	return s.add(after, playtest.Event{Action: action, Actor: by, RequestID: id, Requester: &who, From: from, Reason: reason})
}

func (s *script) taken(after time.Duration, who playtest.Person, epoch, took int64) *script {
	return s.add(after, playtest.Event{Action: playtest.ActionSeatTaken, Actor: steward, Epoch: epoch, Holder: &who, TookMs: took})
}

// rich is a playtest in which everything happens once.
func rich() []playtest.Event {
	const s, ms = time.Second, time.Millisecond
	l := (&script{}).began()
	l.state(2*s, "ACTIVATING").state(9*s, "ACTIVE")
	l.add(20*s, playtest.Event{Action: playtest.ActionArrived, Actor: lead})
	l.add(31*s, playtest.Event{Action: playtest.ActionArrived, Actor: player})
	l.request(60*s, player, "r-1")
	l.decide(60*s+20*ms, playtest.ActionTakeoverApprove, playtest.Rules, player, nil, "r-1", "")
	l.state(60*s+400*ms, "CONNECTED").taken(60*s+404*ms, player, 1, 384)
	l.add(70*s, playtest.Event{Action: playtest.ActionArrived, Actor: viewer})
	l.add(75*s, playtest.Event{Action: playtest.ActionArrived, Actor: viewer2})
	l.chat(110*s, viewer, "the double jump feels late")
	l.chat(118*s, viewer2, "look at [this](https://example.com) | `code` <b>bold</b>")
	l.add(125*s, playtest.Event{Action: playtest.ActionSessionMark, Actor: lead, Message: "crash on *jump*", At: start.Add(120 * s).UnixMilli()})
	l.chat(128*s, player, "it froze for a moment")
	l.chat(190*s, lead, "noted")
	l.request(200*s, viewer, "r-2").request(210*s, viewer2, "r-3")
	l.decide(230*s, playtest.ActionTakeoverDeny, lead, viewer2, nil, "r-3", "let viewer go first")
	l.decide(240*s, playtest.ActionTakeoverApprove, lead, viewer, &player, "r-2", "")
	l.state(240*s+90*ms, "PENDING_CLIENT_RECONNECTION").state(240*s+300*ms, "CONNECTED").taken(240*s+312*ms, viewer, 2, 312)
	l.state(300*s, "PENDING_CLIENT_RECONNECTION").state(312*s, "CONNECTED") // dropped out, and came back
	l.request(330*s, viewer2, "r-4")
	l.decide(345*s, playtest.ActionTakeoverApprove, viewer, viewer2, &viewer, "r-4", "")
	l.add(355*s, playtest.Event{Action: playtest.ActionHandoverFailed, Actor: steward, RequestID: "r-4", Requester: &viewer2, Reason: "the new client did not connect", Holder: &viewer, Epoch: 2})
	l.request(400*s, player, "r-5")
	l.decide(460*s, playtest.ActionTakeoverCancel, steward, player, nil, "r-5", "expired")
	l.add(470*s, playtest.Event{Action: playtest.ActionMute, Actor: lead, Person: &viewer2, Reason: "spoilers"})
	l.add(471*s, playtest.Event{Action: playtest.ActionSlowMode, Actor: lead, Seconds: 10})
	l.add(472*s, playtest.Event{Action: playtest.ActionLock, Actor: lead})
	l.decide(480*s, playtest.ActionTakeoverApprove, lead, viewer2, &viewer, "g-1", "")
	l.taken(480*s+250*ms, viewer2, 3, 250)
	l.add(540*s, playtest.Event{Action: playtest.ActionSessionMark, Actor: lead})
	l.add(600*s, playtest.Event{Action: playtest.ActionSeatReleased, Actor: lead, Epoch: 4, Previous: &viewer2, Reason: "taken back by lead"})
	l.request(700*s, player, "r-6")
	l.state(725*s, "TERMINATED")
	return l.add(726*s, playtest.Event{Action: playtest.ActionSessionEnded, Actor: lead, Reason: "ended by lead"}).events
}

func TestTheReportOfARichPlaytest(t *testing.T) {
	r := Build(rich())
	t.Run("markdown", func(t *testing.T) { golden.RequireEqual(t, r.Markdown()) })
	t.Run("json", func(t *testing.T) {
		data, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		golden.RequireEqual(t, data)
	})
	t.Run("csv", func(t *testing.T) {
		data, err := r.CSV()
		if err != nil {
			t.Fatal(err)
		}
		golden.RequireEqual(t, data)
	})
}

func TestTurnsFollowEachOtherAndSumUp(t *testing.T) {
	r := Build(rich())
	if len(r.Stays) != 3 {
		t.Fatalf("%+v", r.Stays)
	}
	var sum Ms
	for i, s := range r.Stays {
		if s.Length() <= 0 || i > 0 && s.From < r.Stays[i-1].To || s.Epoch != int64(i+1) {
			t.Errorf("turn %d: %+v", i, s)
		}
		sum += s.Length()
	}
	if sum != r.Seated || r.Seated > r.Length {
		t.Errorf("%d ms in the seat, %d in the turns, of %d", r.Seated, sum, r.Length)
	}
	if r.Stays[1].Person != viewer || r.Stays[1].From != 240_312 || r.Stays[1].To != 480_250 || r.Stays[2].Ended != "taken back by lead" {
		t.Errorf("%+v", r.Stays)
	}
}

func TestRequestsHaveOneOutcomeAndAWaitingTime(t *testing.T) {
	r := Build(rich())
	got := map[string]string{}
	for _, q := range r.Requests {
		got[q.ID] = q.Outcome + " " + long(q.Waited)
	}
	want := map[string]string{"r-1": "approved 20 ms", "r-2": "approved 40 s", "r-3": "denied 20 s", "r-4": "approved 15 s",
		"r-5": "expired 1 min", "g-1": "given 0 ms", "r-6": "ended 26 s"}
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s: %s, not %s", id, got[id], w)
		}
	}
	if r.Waiting != (Summary{Count: 6, Median: 23_000, Longest: 60_000}) {
		t.Errorf("%+v", r.Waiting)
	}
	if r.Taking != (Summary{Count: 3, Median: 312, Longest: 384}) || r.Handovers[2].Outcome != "failed" || r.Handovers[2].Took != 10_000 {
		t.Errorf("%+v, %+v", r.Taking, r.Handovers)
	}
}

func TestALostConnectionIsNoHandOver(t *testing.T) {
	r := Build(rich())
	if len(r.Drops) != 1 || r.Drops[0] != (Drop{At: 300_000, Person: viewer, Lasted: 12_000, Back: true}) {
		t.Errorf("%+v", r.Drops)
	}
}

func TestChatNearAMark(t *testing.T) {
	r := Build(rich())
	if len(r.Marks) != 2 || r.Marks[0].At != 120_000 || r.Marks[0].Holder.ID != player.ID {
		t.Fatalf("%+v", r.Marks)
	}
	var at []Ms
	for _, l := range r.Marks[0].Chat {
		at = append(at, l.At)
	}
	if len(at) != 3 || at[0] != 110_000 || at[2] != 128_000 || len(r.Marks[1].Chat) != 0 {
		t.Errorf("%v, %v", at, r.Marks[1].Chat)
	}
}

func TestReactionsAreCountedOnlyIfTheyWereKept(t *testing.T) {
	if r := Build(rich()); r.Reactions.Recorded || !strings.Contains(string(r.Markdown()), "Reactions are not recorded") {
		t.Errorf("%+v", r.Reactions)
	}
	events := append(rich(), playtest.Event{Action: playtest.ActionReact, Actor: viewer, Reaction: "fire", Timestamp: start.Add(65 * time.Second).UnixMilli()},
		playtest.Event{Action: playtest.ActionReact, Actor: viewer, Reaction: "no such", Timestamp: start.UnixMilli()})
	r := Build(events)
	if r.Reactions.Total != 1 || r.Reactions.ByKind["fire"] != 1 || r.Reactions.PerMinute[1] != 1 || !strings.Contains(string(r.Markdown()), "1 reaction: fire 1.") {
		t.Errorf("%+v", r.Reactions)
	}
}

func TestAPlaytestThatRunsIsReportedSoFar(t *testing.T) {
	all := rich()
	for n := range all {
		r := Build(all[:n+1])
		if r.Running != (n < len(all)-1) || r.Length < 0 {
			t.Errorf("after %d events: running %v, %d ms", n+1, r.Running, r.Length)
		}
		for _, s := range r.Stays {
			if s.Ended == "" || s.To < s.From {
				t.Errorf("after %d events: %+v", n+1, s)
			}
		}
		for _, h := range r.Handovers {
			if h.Outcome == "" {
				t.Errorf("after %d events: %+v", n+1, h)
			}
		}
		if md := r.Markdown(); !utf8.Valid(md) {
			t.Error("no UTF-8")
		}
	}
	if md := string(Build(nil).Markdown()); !strings.Contains(md, "The log is empty") {
		t.Error(md)
	}
	if data, err := Build(nil).JSON(); err != nil || bytes.Contains(data, []byte("null")) {
		t.Errorf("%s, %v", data, err)
	}
}

// attacks are what somebody may type to be more than text in a report.
var attacks = []string{
	"| a | b |", "`code`", "```\nfence", "[link](https://example.com)", "![image](https://example.com/a.png)", "<img src=x onerror=alert(1)>",
	"<!-- comment", "&lt;b&gt;", "https://example.com/x", "www.example.com", "qa@example.com", "@everyone", "#123", "# heading", "* item", "- item", "+ item",
	"1. item", "1) item", "> quoted", "**bold** _it_ ~~gone~~", "$$x$$", "\\", "---", "===", "    code", "\n\n# heading", "a\r\n\tb",
	"\x1b]0;title\a", "\u009b31m", "\u202egnp.exe", "\u2066isolate", "a\u200bb", "\ufeff", "\U000e0041", "\xff\xfe", "👩‍👩‍👧", "می‌خواهم",
	"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\"quoted\",cell", "=cmd|' /C calc'!A0",
}

// hostile is a log in which every text is an attack.
func hostile(text string) []playtest.Event {
	who := playtest.Person{ID: "p-1", Name: text, Role: playtest.RoleLead}
	other := playtest.Person{ID: "p-2", Name: text, Role: playtest.RoleViewer}
	l := &script{}
	l.add(0, playtest.Event{Action: playtest.ActionSessionStarted, Actor: who, Title: text, Application: text, Width: 1})
	l.chat(time.Second, who, text)
	l.add(2*time.Second, playtest.Event{Action: playtest.ActionSessionMark, Actor: who, Message: text})
	l.request(3*time.Second, other, "r-1").decide(4*time.Second, playtest.ActionTakeoverApprove, who, other, &who, "r-1", text)
	l.taken(5*time.Second, other, 1, 5)
	l.add(6*time.Second, playtest.Event{Action: playtest.ActionHandoverFailed, Actor: who, Requester: &other, Reason: text, Holder: &other, Epoch: 1})
	l.request(7*time.Second, who, "r-2").decide(8*time.Second, playtest.ActionTakeoverDeny, other, who, nil, "r-2", text)
	l.add(9*time.Second, playtest.Event{Action: playtest.ActionBan, Actor: who, Person: &other, Reason: text})
	l.add(10*time.Second, playtest.Event{Action: playtest.ActionSessionState, Actor: who, Status: "ERROR", StatusReason: text})
	l.add(11*time.Second, playtest.Event{Action: playtest.ActionSeatReleased, Actor: who, Previous: &other, Reason: text})
	return l.add(12*time.Second, playtest.Event{Action: playtest.ActionSessionEnded, Actor: who, Reason: text}).events
}

func TestWhatPeopleTypedIsTextInEveryFormat(t *testing.T) {
	plain := lines(Build(hostile("abc")).Markdown())
	for _, attack := range attacks {
		checkHostile(t, attack, plain)
	}
}

func FuzzHostileTextInAReport(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	plain := lines(Build(hostile("abc")).Markdown())
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 2000 {
			checkHostile(t, text, plain)
		}
	})
}

// lines is the shape of Markdown: for each line how it begins, and how many cells it has.
func lines(md []byte) []string {
	var shape []string
	for _, l := range strings.Split(string(md), "\n") {
		begins := regexp.MustCompile(`^(#+ |- |> |\| |    )?`).FindString(l)
		bare := regexp.MustCompile(`\\.`).ReplaceAllString(l, "")
		shape = append(shape, begins+strings.Repeat("|", strings.Count(bare, "|")))
	}
	return shape
}

func checkHostile(t *testing.T, attack string, plain []string) {
	t.Helper()
	r := Build(hostile(attack))
	md := r.Markdown()
	if !utf8.Valid(md) {
		t.Errorf("%q: the Markdown is no UTF-8", attack)
	}
	// Text that is nothing makes other words stand in, but no other shape.
	if got := lines(md); strings.Join(got, "\n") != strings.Join(plain, "\n") {
		t.Errorf("%q: the Markdown has another shape:\n%s", attack, md)
	}
	bare := regexp.MustCompile(`\\.`).ReplaceAllString(string(md), "")
	bare = strings.ReplaceAll(bare, "session `s-7h2k9x4q1m`", "")
	for _, bad := range []string{"`", "<", "](", "://", "www.", "~~", "$$"} {
		if strings.Contains(bare, bad) {
			t.Errorf("%q: %s reaches the Markdown", attack, bad)
		}
	}
	table, err := r.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || len(rows) != len(r.Timeline)+1 {
		t.Fatalf("%q: %d rows, %v", attack, len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if i != 2 && cell != "" && strings.ContainsAny(string([]rune(cell)[:1]), "=+-@＝＋－＠\t\r") {
				t.Errorf("%q: a formula in column %d: %q", attack, i, cell)
			}
		}
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil || back.Title != strings.ToValidUTF8(attack, string(utf8.RuneError)) && utf8.ValidString(attack) {
		t.Errorf("%q: the JSON says %q, %v", attack, back.Title, err)
	}
	for name, out := range map[string][]byte{"Markdown": md, "CSV": table, "JSON": data} {
		for _, c := range string(out) {
			if c < ' ' && c != '\n' && c != '\r' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
				t.Fatalf("%q: %U reaches the %s", attack, c, name)
			}
		}
	}
}

func TestLengthsReadWell(t *testing.T) {
	for ms, want := range map[Ms]string{0: "0 ms", 312: "312 ms", 4200: "4.2 s", 4000: "4 s", 42_700: "43 s", 60_000: "1 min", 192_000: "3 min 12 s", 3_900_000: "1 h 5 min", 7_200_000: "2 h"} {
		if got := long(ms); got != want {
			t.Errorf("%d: %s, not %s", ms, got, want)
		}
	}
	if got := clock(-5000); got != "-0:00:05" {
		t.Error(got)
	}
}
