package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hotseat/tui/client"
	"hotseat/tui/prefs"
)

func TestTheFormAsksWhereIfThereIsAChoice(t *testing.T) {
	for _, row := range []struct {
		offered []string
		last    string
		keys    string
		asked   string
	}{
		{nil, "", "\r", "start a-demo"},
		{[]string{"us-west-2"}, "", "\r", "start a-demo"}, // the only one is as good as none
		{[]string{"us-west-2", "eu-central-1"}, "", "\r", "start a-demo us-west-2"},
		{[]string{"us-west-2", "eu-central-1"}, "eu-central-1", "\r", "start a-demo eu-central-1"},
		{[]string{"us-west-2", "eu-central-1"}, "mars-north-1", "\r", "start a-demo us-west-2"}, // of another server
		{[]string{"us-west-2", "eu-central-1"}, "", "kl\r", "start a-demo eu-central-1"},
	} {
		net := newQuiet()
		net.locations = row.offered
		m := emptyModel(net)
		m.opts.Preferences.Start.Location = row.last
		resize(m, 120, 40)
		settle(m, typed(m, "n"))
		if shown := strings.Contains(flat(m.screen()), "location"); shown != (len(row.offered) > 1) {
			t.Errorf("with %q the form shows a location: %v", row.offered, shown)
		}
		settle(m, typed(m, row.keys))
		if !slices.Contains(net.calls, row.asked) {
			t.Errorf("%q, then %q: calls %q, not %q", row.last, row.keys, net.calls, row.asked)
		}
	}
}

func TestALocationIsRememberedForTheServerThatHasIt(t *testing.T) {
	f := newStartForm(client.Catalogue{Applications: []client.Application{{ID: "a-demo"}}, Locations: []string{"us-west-2"}}, prefs.StartForm{Location: "eu-central-1"})
	choice := f.choice()
	if choice.Location != "eu-central-1" || f.startOf(choice).Location != "" {
		t.Errorf("kept %q, asked for %q", choice.Location, f.startOf(choice).Location)
	}
}

func TestTheLobbySaysWhereOnlyIfGamesRunInSeveralPlaces(t *testing.T) {
	m := severalModel(newQuiet())
	if strings.Contains(flat(resize(m, 140, 40)), "location") {
		t.Error("there is one location, or none, and a column for it")
	}
	list := []client.Session{}
	for i, b := range m.sorted() {
		info := b.info
		info.Location = []string{"us-west-2", "ap-northeast-1"}[i%2]
		list = append(list, info)
	}
	m.absorb(client.Update{Sessions: list})
	for _, size := range [][2]int{{100, 30}, {120, 40}, {140, 40}, {160, 45}, {200, 60}} {
		screen := flat(resize(m, size[0], size[1]))
		if !strings.Contains(screen, "us-west-2") {
			t.Errorf("at %v nothing tells of the location:\n%s", size, screen)
		}
	}
}

func TestAMistakeInThePreferencesIsReadInTheLobby(t *testing.T) {
	o := demoOptions()
	o.Access, o.Banner = nil, "/home/lead/.config/hotseat/console.toml, line 3: no theme \"drak\""
	for _, size := range [][2]int{{60, 20}, {120, 40}} {
		m := newModel(t.Context(), newQuiet(), o)
		m.absorb(client.Update{Connection: &client.Connection{Phase: client.Live, Since: noon}, Sessions: []client.Session{}})
		screen := flat(resize(m, size[0], size[1]))
		if !strings.Contains(screen, "line 3") || len(strings.Split(strings.TrimSuffix(screen, "\n"), "\n")) != size[1] {
			t.Errorf("at %v:\n%s", size, screen)
		}
	}
	o.InitialSession = demoID
	m := newModel(t.Context(), newQuiet(), o)
	if screen := flat(resize(m, 120, 40)); !strings.Contains(screen, "line 3") || m.at.Sub(m.toast.since) > time.Second {
		t.Errorf("a session that is opened at once hides it:\n%s", screen)
	}
}
