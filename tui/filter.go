package tui

import (
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// A filter is words with spaces between: a line passes if it holds all of them, whatever their case; a
// word after "!" must not be in it. The chat is not filtered but searched: its lines stay, since they
// answer each other.

// passes reports whether a text gets through a filter.
func passes(text, filter string) bool {
	if filter == "" {
		return true
	}
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(filter)) {
		without, not := strings.CutPrefix(word, "!")
		if without != "" && strings.Contains(text, without) == not {
			return false
		}
	}
	return true
}

// filtering is the line after "/".
type filtering struct {
	pane   pane // 0: the lobby
	before string
	input  textinput.Model
}

// listed reports whether a pane is a list that can be filtered or searched.
func (p pane) listed() bool {
	return p == paneQueue || p == paneChat || p == panePeople || p == paneTimeline
}

func (m *Model) openFilter() {
	f := &filtering{}
	label := "playtests with"
	if m.open != "" {
		f.pane = m.view.focus
		label = f.pane.String() + " with"
		if f.pane == paneChat {
			label = "search the chat for"
		}
	}
	f.before = m.filter(f.pane)
	f.input = m.newInput(" / " + label + " › ")
	f.input.Placeholder = "words; !word leaves out"
	f.input.SetValue(f.before)
	f.input.CursorEnd()
	m.filtering = f
}

func (m *Model) filter(p pane) string {
	if p == 0 {
		return m.lobbyFilter
	}
	return m.view.filters[p]
}

func (m *Model) setFilter(p pane, words string) {
	if p == 0 {
		m.lobbyFilter = words
		return
	}
	if words == "" {
		delete(m.view.filters, p)
		return
	}
	m.view.filters[p] = words
}

// pressFilter takes a key into the filter; the list follows each letter.
func (m *Model) pressFilter(msg tea.KeyPressMsg) tea.Cmd {
	f := m.filtering
	switch msg.String() {
	case "esc":
		m.filtering = nil
		m.setFilter(f.pane, f.before)
		return nil
	case "enter":
		m.filtering = nil
		if f.pane == paneChat && m.filter(paneChat) != "" {
			m.view.chatEnd = -1
			m.nextMatch(m.board(m.open), -1)
		}
		return nil
	}
	f.input, _ = f.input.Update(msg)
	m.setFilter(f.pane, strings.TrimSpace(f.input.Value()))
	return nil
}

// filterWord is a filter for a frame's edge: "/word · 3 of 40".
func (m *Model) filterWord(p pane, shown, all int) string {
	words := m.filter(p)
	if words == "" {
		return ""
	}
	return m.styles.warn.Render("/" + ansi.Truncate(words, 20, "…") + " · " + thousands(float64(shown)) + " of " + thousands(float64(all)))
}

// searchText is a line of the chat as it is searched.
func (l line) searchText() string {
	if l.kind == lineReactions {
		return reactionText(l.reactions)
	}
	return l.who.Name + " " + l.text
}

// nextMatch shows the next line that was searched for, upwards with -1; at the end it goes round.
func (m *Model) nextMatch(b *board, by int) {
	words := m.view.filters[paneChat]
	n := len(b.chat)
	m.focusOn(paneChat)
	if n == 0 {
		m.say(toneQuiet, "nobody has said anything yet")
		return
	}
	at := n // the newest is looked at first
	if m.view.match > 0 {
		at = m.view.match - 1 - b.trimmed
	}
	for range n {
		at += by
		if at < 0 {
			at = n - 1
		}
		if at >= n {
			at = 0
		}
		if passes(b.chat[at].searchText(), words) {
			m.view.match = b.trimmed + at + 1
			m.view.chatEnd = min(m.view.match+2, b.trimmed+n)
			if m.view.chatEnd == b.trimmed+n {
				m.view.chatEnd = -1
			}
			return
		}
	}
	m.view.match = 0
	m.say(toneQuiet, "no line of the chat holds "+words)
}

// found is how many lines of a chat were searched for, kept until the chat or the search changes.
type found struct {
	session, words string
	newest, match  int
	at, all        int
}

// matches counts the chat's lines that were searched for, and the place of the one that is shown.
func (m *Model) matches(b *board) (at, all int) {
	now := found{session: b.info.ID, words: m.view.filters[paneChat], newest: b.trimmed + len(b.chat), match: m.view.match}
	if f := m.found; f.session == now.session && f.words == now.words && f.newest == now.newest && f.match == now.match {
		return f.at, f.all
	}
	for i, l := range b.chat {
		if passes(l.searchText(), now.words) {
			now.all++
			if b.trimmed+i+1 == now.match {
				now.at = now.all
			}
		}
	}
	m.found = now
	return now.at, now.all
}
