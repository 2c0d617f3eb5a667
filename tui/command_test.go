package tui

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hotseat/backend/playtest"
)

// party are people with names that a grammar could stumble over.
func party() surroundings {
	person := func(id, name string) playtest.Person {
		return playtest.Person{ID: id, Name: name, Role: playtest.RoleViewer}
	}
	people := []playtest.Person{
		person("p-1", "viewer"), person("p-2", "viewer-3"), person("p-3", "Anna B"), person("p-4", `a "quoted" one`), person("p-5", "7"),
		person("p-6", "-5s"), person("p-7", `back\slash`), person("p-8", "twin"), person("p-9", "twin"),
	}
	in := surroundings{people: people}
	for i, p := range []playtest.Person{people[1], people[2], people[0]} {
		in.queue = append(in.queue, playtest.Request{ID: "r-" + string(rune('1'+i)), Person: p})
	}
	for _, id := range []string{"s-one", "s-two"} {
		b := newBoard(id)
		b.info.Title = "Maze " + id[2:]
		in.sessions = append(in.sessions, b)
	}
	return in
}

func TestACommandMeansWhatItSays(t *testing.T) {
	for _, row := range []struct {
		line string
		want func(order) bool
	}{
		{"approve", func(o order) bool { return o.request.ID == "" }},
		{"approve 2", func(o order) bool { return o.request.ID == "r-2" }},
		{"approve Anna B", func(o order) bool { return o.request.ID == "r-2" }},
		{"deny viewer-3 the level is not over", func(o order) bool { return o.request.ID == "r-1" && o.text == "the level is not over" }},
		{"deny viewer not yet", func(o order) bool { return o.request.ID == "r-3" && o.text == "not yet" }},
		{`give "Anna B" your turn`, func(o order) bool { return o.person.ID == "p-3" && o.text == "your turn" }},
		{"give Anna B your turn", func(o order) bool { return o.person.ID == "p-3" && o.text == "your turn" }},
		{"give VIEWER-3", func(o order) bool { return o.person.ID == "p-2" }},
		{`give "7"`, func(o order) bool { return o.person.ID == "p-5" }},
		{"give p-9", func(o order) bool { return o.person.ID == "p-9" }},
		{`mute "a \"quoted\" one" spoilers`, func(o order) bool { return o.person.ID == "p-4" && o.text == "spoilers" }},
		{"kick viewer", func(o order) bool { return o.cmd.name == "remove" && o.person.ID == "p-1" }},
		{"slow 10s", func(o order) bool { return o.pause == 10*time.Second }},
		{"slow 45", func(o order) bool { return o.pause == 45*time.Second }},
		{"slow off", func(o order) bool { return o.pause == 0 }},
		{"mark", func(o order) bool { return o.ago == markBack && o.text == "" }},
		{"mark -2m crash on jump", func(o order) bool { return o.ago == 2*time.Minute && o.text == "crash on jump" }},
		{"mark crash - again", func(o order) bool { return o.ago == markBack && o.text == "crash - again" }},
		{`chat "as it is"`, func(o order) bool { return o.text == "as it is" }},
		{`chat he said "go"`, func(o order) bool { return o.text == `he said "go"` }},
		{"back", func(o order) bool { return o.cmd.name == "reclaim" }},
		{":lock until later", func(o order) bool { return o.cmd.name == "lock" && o.text == "until later" }},
		{"open s-two", func(o order) bool { return o.session == "s-two" }},
		{"open maze two", func(o order) bool { return o.session == "s-two" }},
		{"report csv", func(o order) bool { return o.choice == "csv" }},
	} {
		o, err := parseOrder(row.line, party())
		if err != nil || !row.want(o) {
			t.Errorf("%q means %+v, %v", row.line, o, err)
		}
	}
}

func TestAMistakeSaysWhatToDo(t *testing.T) {
	for line, want := range map[string]string{
		"":                 "type a command; help lists them",
		"aprove":           `no command "aprove"; did you mean approve?`,
		"frobnicate":       `no command "frobnicate"; help lists them`,
		"give":             "give needs a name: give <name> [reason]",
		"give nobody":      "nobody here is called nobody; there are viewer, viewer-3, Anna B, a \"quoted\" one, 7, -5s, back\\slash, twin and 1 more",
		"give twin":        "2 people are called twin; use one of the ids p-8, p-9",
		`give "Anna`:       `a quote is not closed: end the name with "`,
		"approve 9":        "the queue has the places 1 to 3",
		"approve stranger": "nobody of that name waits; these do: viewer-3, Anna B, viewer",
		"slow lots":        `slow mode is off, or a pause up to 600 s such as 10s; not "lots"`,
		"slow 2h":          `slow mode is off, or a pause up to 600 s such as 10s; not "2h"`,
		"mark -2h x":       "a mark points at most an hour back",
		"end now":          "end takes no more than that; it is written end",
		"theme pink":       `theme is one of auto, dark, light, colour-blind, not "pink"`,
		"open nothing":     "no playtest nothing; there are s-one, s-two",
	} {
		if _, err := parseOrder(line, party()); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestEveryExampleCanBeRead(t *testing.T) {
	in := party()
	in.sessions = append(in.sessions, newBoard("s-7h2k9x4q1m"))
	for _, c := range Commands() {
		if len(c.Examples) == 0 || c.Summary == "" {
			t.Errorf("%s has no example or no summary", c.Name)
		}
		for _, example := range c.Examples {
			if o, err := parseOrder(example, in); err != nil || o.cmd.name != c.Name {
				t.Errorf("%q: %v", example, err)
			}
		}
	}
}

func TestCommandsAskForActionsThatExist(t *testing.T) {
	for _, c := range commands {
		if c.action != "" && actionNamed(c.action) == nil {
			t.Errorf("%s is the action %q, which there is not", c.name, c.action)
		}
	}
}

func shown(list []completion) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.line)
	}
	return out
}

func TestCompletionOffersWhatCanFollow(t *testing.T) {
	all := func(*command) bool { return true }
	for _, row := range []struct {
		line  string
		want  []string
		usage string
	}{
		{"un", []string{"unlock ", "unmute ", "unban ", "undo"}, ""},
		{"kick", []string{"remove "}, ""},
		{"give A", []string{`give "Anna B" `, `give "a \"quoted\" one" `}, "give <name> [reason]"},
		{`give "ann`, []string{`give "Anna B" `}, "give <name> [reason]"},
		{"give tw", []string{"give p-8 ", "give p-9 "}, "give <name> [reason]"},
		{"approve ", []string{"approve viewer-3 ", `approve "Anna B" `, "approve viewer "}, "approve [name or place]"},
		{"deny viewer-3 ", nil, "deny [name or place] [reason]"},
		{"slow 1", []string{"slow 10s "}, "slow <off or pause>"},
		{"mark ", []string{"mark -5s "}, "mark [-time] [word]"},
		{"theme l", []string{"theme light "}, "theme <theme>"},
		{"open ", []string{"open s-one ", "open s-two "}, "open <session>"},
		{"nonsense ", nil, ""},
	} {
		list, usage := complete(row.line, party(), all)
		if got := shown(list); !slices.Equal(got, row.want) || usage != row.usage {
			t.Errorf("%q: %q %q, want %q %q", row.line, got, usage, row.want, row.usage)
		}
	}
}

func TestAQuotedNameIsReadBack(t *testing.T) {
	in := party()
	for _, p := range in.people {
		if p.Name == "twin" {
			continue
		}
		if o, err := parseOrder("give "+quote(p.Name)+" why", in); err != nil || o.person != p || o.text != "why" {
			t.Errorf("%s: %+v, %v", quote(p.Name), o.person, err)
		}
	}
}

// FuzzCommand: whatever is typed, the grammar answers with an order or with a sentence, and what
// completion offers is a line that begins as the typed one means to.
func FuzzCommand(f *testing.F) {
	for _, c := range commands {
		for _, e := range c.examples {
			f.Add(e, "viewer-3")
		}
	}
	f.Add(`give "`, `a "b" \`)
	f.Add("deny \x00\xff", " ")
	f.Add("mark -", "-1")
	f.Fuzz(func(t *testing.T, line, name string) {
		in := party()
		name = safe(name)
		who := playtest.Person{ID: "p-fuzz", Name: name, Role: playtest.RoleViewer}
		in.people = append(in.people, who)
		o, err := parseOrder(line, in)
		if err == nil && o.cmd == nil {
			t.Fatalf("%q is no order and no mistake", line)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Fatalf("%q has an empty mistake", line)
		}
		list, _ := complete(line, in, func(*command) bool { return true })
		for _, c := range list {
			if utf8.ValidString(line) && !utf8.ValidString(c.line) {
				t.Fatalf("%q completes to %q", line, c.line)
			}
		}
		known := slices.ContainsFunc(party().people, func(p playtest.Person) bool { return strings.EqualFold(p.Name, name) || p.ID == name })
		if name == "" || known {
			return
		}
		if o, err := parseOrder("give "+quote(name), in); err != nil || o.person.ID != who.ID {
			t.Fatalf("quoted, %q is %+v, %v", name, o.person, err)
		}
	})
}
