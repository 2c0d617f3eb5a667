package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
)

// pickPerson opens a picker over people. The one who is chosen in the people pane comes first to hand.
func (m *Model) pickPerson(title string, b *board, list []playtest.Person, do func(playtest.Person) tea.Cmd) tea.Cmd {
	at := 0
	rows := make([]choice, len(list))
	for i, p := range list {
		if p.ID == m.view.person && m.open == b.info.ID {
			at = i
		}
		rows[i] = choice{label: p.Name, about: roleWord(p.Role), key: m.personNote(b, p), do: func() tea.Cmd { return do(p) }}
	}
	m.choose(title, "type a name", rows, at)
	return nil
}

// personNote is what a picker tells about somebody.
func (m *Model) personNote(b *board, p playtest.Person) string {
	known := b.state.People[p.ID]
	note := ""
	switch _, waits := b.state.RequestOf(p.ID); {
	case known.Banned:
		note = "banned"
	case known.Muted:
		note = "muted"
	case b.seat().HeldBy(p.ID):
		note = "in the seat"
	case waits:
		note = "waits"
	case known.Seated > 0:
		note = fmt.Sprintf("seated ×%d", known.Seated)
	}
	return note
}

// chosenPerson is the person under the cursor of the people pane, if that pane has the keys.
func (m *Model) chosenPerson(b *board) (playtest.Person, bool) {
	if m.open != b.info.ID || m.view.focus != panePeople {
		return playtest.Person{}, false
	}
	list := m.people(b)
	if len(list) == 0 {
		return playtest.Person{}, false
	}
	return list[m.personAt(list)].person, true
}

// personAt is the row of the chosen person, the first if they are gone.
func (m *Model) personAt(list []attendee) int {
	for i, a := range list {
		if a.person.ID == m.view.person {
			return i
		}
	}
	return 0
}

func (m *Model) movePerson(b *board, by int) {
	list := m.people(b)
	if len(list) == 0 {
		m.say(toneQuiet, "nobody has come yet")
		return
	}
	m.view.person = list[min(max(m.personAt(list)+by, 0), len(list)-1)].person.ID
}

// about does something with the chosen person, or asks with whom.
func (m *Model) about(title string, b *board, list []playtest.Person, do func(playtest.Person) tea.Cmd) tea.Cmd {
	if p, ok := m.chosenPerson(b); ok {
		return do(p)
	}
	return m.pickPerson(title, b, list, do)
}

func (m *Model) pressGive(b *board) tea.Cmd {
	return m.pickPerson("give the seat to", b, b.takers(), func(p playtest.Person) tea.Cmd {
		return m.carryOut(order{cmd: commandNamed("give"), person: p}, b)
	})
}

func (m *Model) pressMute(b *board) tea.Cmd {
	return m.about("mute or unmute", b, b.subjects(), func(p playtest.Person) tea.Cmd {
		name := "mute"
		if b.state.People[p.ID].Muted {
			name = "unmute"
		}
		return m.carryOut(order{cmd: commandNamed(name), person: p}, b)
	})
}

func (m *Model) pressRemove(b *board) tea.Cmd {
	return m.about("remove", b, b.subjects(), func(p playtest.Person) tea.Cmd {
		return m.carryOut(order{cmd: commandNamed("remove"), person: p}, b)
	})
}

func (m *Model) pressBan(b *board) tea.Cmd {
	return m.about("ban, or let back in", b, b.subjects(), func(p playtest.Person) tea.Cmd {
		name := "ban"
		if b.state.People[p.ID].Banned {
			name = "unban"
		}
		return m.carryOut(order{cmd: commandNamed(name), person: p}, b)
	})
}

func (m *Model) pressLock(b *board) tea.Cmd {
	name := "lock"
	if b.state.Locked {
		name = "unlock"
	}
	return m.carryOut(order{cmd: commandNamed(name)}, b)
}

func (m *Model) pressSlow(b *board) tea.Cmd {
	at := 0
	rows := make([]choice, len(slowChoices))
	for i, c := range slowChoices {
		if c.pause == time.Duration(b.state.SlowSeconds)*time.Second {
			at = i
		}
		rows[i] = choice{label: c.word, about: c.hint, do: func() tea.Cmd {
			return m.carryOut(order{cmd: commandNamed("slow"), pause: c.pause}, b)
		}}
		if at == i && c.pause == time.Duration(b.state.SlowSeconds)*time.Second {
			rows[i].key = "as it is"
		}
	}
	m.choose("slow mode", "off, 5s, 10s, 30s; :slow takes any", rows, at)
	return nil
}
