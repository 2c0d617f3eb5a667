package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"hotseat/tui/client"
	"hotseat/tui/prefs"
)

// startForm chooses what a new playtest is; every field is a choice, so nothing can be mistyped. What
// was chosen last is what it begins with.
type startForm struct {
	fields       []field
	at           int
	applications []string // ids, as the first field's choices
	locations    []string // as the last field's choices; the field is there if there is more than one
	location     string   // that was chosen last, perhaps on another server
}

// field is a line of the form. Its values are what its choices mean.
type field struct {
	label   string
	choices []string
	values  []int
	chosen  int
}

func (f *field) move(by int) { f.chosen = (f.chosen + by + len(f.choices)) % len(f.choices) }

func (f *field) value() int { return f.values[f.chosen] }

// The form's fields, in their order.
const (
	fieldGame = iota
	fieldSize
	fieldRate
	fieldBitrate
	fieldEncoder
	fieldLength
	fieldLocation
)

// The choices of the form. Sizes and rates are those that IVS Real-Time takes (up to 1280×720 at
// 60 fps and 8,500 kbps, https://docs.aws.amazon.com/ivs/latest/RealTimeUserGuide/service-quotas.html).
var (
	sizes    = [][2]int{{1280, 720}, {960, 540}, {640, 360}}
	rates    = []int{30, 60}
	bitrates = []int{1500, 3000, 6000, 8500}
	lengths  = []int{30, 60, 120, 240} // minutes
)

// choices makes a field of numbers with one of them chosen, which is put in if it is not among them: a
// person's preferences may hold any.
func choices(label string, list []int, chosen int, word func(int) string) field {
	values := slices.Clone(list)
	if chosen > 0 && !slices.Contains(values, chosen) {
		values = append(values, chosen)
		slices.Sort(values)
	}
	f := field{label: label, values: values, chosen: max(0, slices.Index(values, chosen))}
	for _, v := range values {
		f.choices = append(f.choices, word(v))
	}
	return f
}

// newStartForm makes the form from what can be started and what was chosen last.
func newStartForm(offered client.Catalogue, last prefs.StartForm) startForm {
	f := startForm{location: last.Location, locations: offered.Locations}
	game := field{label: "game"}
	for i, a := range offered.Applications {
		name := a.Description
		if name == "" {
			name = a.ID
		}
		if a.ID == last.Application {
			game.chosen = i
		}
		game.choices, game.values = append(game.choices, safe(name)), append(game.values, i)
		f.applications = append(f.applications, a.ID)
	}
	size := field{label: "picture"}
	shapes := sizes
	if last.Width > 0 && last.Height > 0 && !slices.Contains(shapes, [2]int{last.Width, last.Height}) {
		shapes = append([][2]int{{last.Width, last.Height}}, shapes...)
	}
	for i, s := range shapes {
		if s == [2]int{last.Width, last.Height} {
			size.chosen = i
		}
		size.choices, size.values = append(size.choices, fmt.Sprintf("%d × %d", s[0], s[1])), append(size.values, s[0]<<16|s[1])
	}
	encoder := field{label: "encoder", choices: prefs.Encoders, chosen: max(0, slices.Index(prefs.Encoders, last.Encoder))}
	f.fields = []field{
		fieldGame: game, fieldSize: size,
		fieldRate:    choices("frames", rates, last.Framerate, func(v int) string { return fmt.Sprintf("%d fps", v) }),
		fieldBitrate: choices("bitrate", bitrates, last.BitrateKbps, func(v int) string { return thousands(float64(v)) + " kbps" }),
		fieldEncoder: encoder,
		fieldLength:  choices("length", lengths, int(last.Length.Minutes()), func(v int) string { return fmt.Sprintf("%d min", v) }),
	}
	if len(f.locations) > 1 {
		where := field{label: "location", chosen: max(0, slices.Index(f.locations, last.Location))}
		for i, l := range f.locations {
			where.choices, where.values = append(where.choices, safe(l)), append(where.values, i)
		}
		f.fields = append(f.fields, where)
	}
	return f
}

// choice is what the form stands on, as it is remembered.
func (f *startForm) choice() prefs.StartForm {
	if len(f.fields) > fieldLocation {
		f.location = f.locations[f.fields[fieldLocation].chosen]
	}
	size := f.fields[fieldSize].value()
	return prefs.StartForm{
		Application: f.applications[f.fields[fieldGame].chosen], Location: f.location, Width: size >> 16, Height: size & 0xffff,
		Framerate: f.fields[fieldRate].value(), BitrateKbps: f.fields[fieldBitrate].value(),
		Encoder: prefs.Encoders[f.fields[fieldEncoder].chosen],
		Length:  prefs.Duration{Duration: time.Duration(f.fields[fieldLength].value()) * time.Minute},
	}
}

// startOf is a choice as the backend is asked. A location that this backend does not have is left out.
func (f *startForm) startOf(c prefs.StartForm) client.Start {
	start := client.Start{
		Application: c.Application, Width: c.Width, Height: c.Height, Framerate: c.Framerate,
		VideoBitrateKbps: c.BitrateKbps, Encoder: c.Encoder, SessionLengthSeconds: int(c.Length.Seconds()),
	}
	if slices.Contains(f.locations, c.Location) {
		start.Location = c.Location
	}
	return start
}

// gameNamed finds the game whose id or description begins with a text, or holds it.
func gameNamed(games []client.Application, text string) (client.Application, error) {
	names := make([]string, len(games))
	for i, a := range games {
		if names[i] = safe(a.Description); names[i] == "" {
			names[i] = a.ID
		}
	}
	for _, same := range []func(a, b string) bool{strings.EqualFold, func(a, b string) bool { return strings.Contains(strings.ToLower(a), strings.ToLower(b)) }} {
		for i, a := range games {
			if same(a.ID, text) || same(names[i], text) {
				return a, nil
			}
		}
	}
	return client.Application{}, fmt.Errorf("no game %s; there are %s", text, some(names))
}

func (m *Model) openForm(msg applicationsMsg) {
	m.toast = toast{}
	switch {
	case msg.err != nil:
		m.say(toneBad, refusalText(msg.err))
		return
	case len(msg.list.Applications) == 0:
		m.say(toneWarn, "the backend knows no games; add an application first")
		return
	}
	last := m.opts.Preferences.Start
	if msg.game != "" {
		game, err := gameNamed(msg.list.Applications, msg.game)
		if err != nil {
			m.say(toneWarn, err.Error())
			return
		}
		last.Application = game.ID
	}
	m.form, m.overlay = newStartForm(msg.list, last), overlayForm
}

func (m *Model) formBox() []string {
	s := m.styles
	w := 30
	for _, c := range m.form.fields[fieldGame].choices {
		w = max(w, min(ansi.StringWidth(c)+4, m.width-24))
	}
	var lines []string
	for i, f := range m.form.fields {
		value := f.choices[f.chosen]
		label := s.muted.Render(fit(f.label, 10))
		if i == m.form.at {
			lines = append(lines, s.accent.Render("▸ ")+s.bold.Render(fit(f.label, 10))+s.accent.Render("‹ ")+s.bold.Render(fit(value, w-4))+s.accent.Render(" ›"))
			continue
		}
		lines = append(lines, "  "+label+"  "+s.text.Render(fit(value, w-4)))
	}
	return m.box(s.accent.Render("new playtest"), "", lines)
}

func (m *Model) pressForm(msg tea.KeyPressMsg) tea.Cmd {
	f := &m.form
	switch msg.String() {
	case "up", "k", "shift+tab":
		f.at = (f.at - 1 + len(f.fields)) % len(f.fields)
	case "down", "j", "tab":
		f.at = (f.at + 1) % len(f.fields)
	case "left", "h":
		f.fields[f.at].move(-1)
	case "right", "l", "space":
		f.fields[f.at].move(1)
	case "esc", "q":
		m.overlay = overlayNone
	case "enter":
		m.overlay = overlayNone
		choice := f.choice()
		return m.start(choice, f.startOf(choice))
	}
	return nil
}

// start asks for a new playtest, remembers the choice, and opens it when it is there.
func (m *Model) start(what prefs.StartForm, ask client.Start) tea.Cmd {
	m.opts.Preferences.Start = what
	remember, log := m.opts.Remember, m.opts.Log
	var started client.Session
	return m.act("starting a playtest", "started", func(ctx context.Context) error {
		if remember != nil {
			if err := remember(what); err != nil { // the playtest matters more
				log.Warn("the form's choice was not kept", "error", err)
			}
		}
		s, err := m.net.StartSession(ctx, ask)
		started = s
		return err
	}, func() tea.Cmd {
		if started.ID == "" {
			return nil
		}
		cmd := m.enter(started.ID)
		m.board(started.ID).setInfo(started)
		return cmd
	})
}
