package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"hotseat/tui/client"
)

// startForm chooses what a new playtest is; every field is a choice, so nothing can be mistyped.
type startForm struct {
	fields       []field
	at           int
	applications []string // ids, as the first field's choices
}

type field struct {
	label   string
	choices []string
	chosen  int
}

func (f *field) move(by int) { f.chosen = (f.chosen + by + len(f.choices)) % len(f.choices) }

// The choices of the form. Sizes and rates are those that IVS Real-Time takes (up to 1280×720 at
// 60 fps and 8,500 kbps, https://docs.aws.amazon.com/ivs/latest/RealTimeUserGuide/service-quotas.html).
var (
	sizes    = [][2]int{{1280, 720}, {960, 540}, {640, 360}}
	rates    = []int{30, 60}
	bitrates = []int{3000, 1500, 6000, 8500}
	lengths  = []int{60, 30, 120, 240} // minutes
	encoders = []string{"cpu", "gpu"}
)

func (m *Model) openForm(msg applicationsMsg) {
	m.toast = toast{}
	switch {
	case msg.err != nil:
		m.say(toneBad, refusalText(msg.err))
		return
	case len(msg.list) == 0:
		m.say(toneWarn, "the backend knows no games; add an application first")
		return
	}
	games := field{label: "game"}
	for _, a := range msg.list {
		name := a.Description
		if name == "" {
			name = a.ID
		}
		games.choices = append(games.choices, safe(name))
	}
	size, rate, bitrate, length := field{label: "picture"}, field{label: "frames"}, field{label: "bitrate"}, field{label: "length"}
	for _, s := range sizes {
		size.choices = append(size.choices, fmt.Sprintf("%d × %d", s[0], s[1]))
	}
	for _, r := range rates {
		rate.choices = append(rate.choices, fmt.Sprintf("%d fps", r))
	}
	for _, b := range bitrates {
		bitrate.choices = append(bitrate.choices, thousands(float64(b))+" kbps")
	}
	for _, l := range lengths {
		length.choices = append(length.choices, fmt.Sprintf("%d min", l))
	}
	fields := []field{games, size, rate, bitrate, {label: "encoder", choices: encoders}, length}
	for i, old := range m.form.fields { // the last choice is kept
		fields[i].chosen = min(old.chosen, len(fields[i].choices)-1)
	}
	ids := make([]string, len(msg.list))
	for i, a := range msg.list {
		ids[i] = a.ID
	}
	m.form = startForm{fields: fields, applications: ids}
	m.overlay = overlayForm
}

func (m *Model) formBox() []string {
	s := m.styles
	w := 30
	for _, c := range m.form.fields[0].choices {
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
		return m.start(f.start())
	}
	return nil
}

// start is what the form stands on.
func (f *startForm) start() client.Start {
	chosen := func(i int) int { return f.fields[i].chosen }
	size := sizes[chosen(1)]
	return client.Start{
		Application: f.applications[chosen(0)], Width: size[0], Height: size[1], Framerate: rates[chosen(2)],
		VideoBitrateKbps: bitrates[chosen(3)], Encoder: encoders[chosen(4)], SessionLengthSeconds: lengths[chosen(5)] * 60,
	}
}

// start asks for a new playtest and opens it when it is there.
func (m *Model) start(what client.Start) tea.Cmd {
	var started client.Session
	return m.act("starting a playtest …", "started", func(ctx context.Context) error {
		s, err := m.net.StartSession(ctx, what)
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
