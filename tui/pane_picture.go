package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"hotseat/tui/client"
	"hotseat/tui/graphics"
)

const (
	// stalePicture: a thumbnail comes once a second; one that is older than this, in seconds, is said to be.
	stalePicture = 5
	// afterFrame is when the frame with the place of a sixel picture is on the terminal for certain.
	afterFrame = 3 * time.Second / framesPerSecond
)

// picturePane: the game, as far as a terminal can show it.
func (m *Model) picturePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	switch {
	case !m.picture:
		return "off", []string{s.muted.Render(m.keys[actPicture].Help().Key + " turns it on")}
	case m.protocol == graphics.ProtocolBlocks && m.profile < colorprofile.ANSI256:
		return "", []string{s.muted.Render("a picture needs 256 colours,"), s.muted.Render("and this terminal has fewer")}
	case b.picture == nil:
		lines := make([]string, max(0, h/2-1))
		say := "no picture yet"
		if b.ended() {
			say = "the playtest is over"
		}
		return "", append(lines, centre(s.muted.Render(say), w))
	}
	film := m.film(b, w, h)
	for range max(0, (h-len(film))/2) {
		body = append(body, "")
	}
	for _, l := range film {
		body = append(body, centre(l, w))
	}
	if age := int(m.at.Sub(b.picture.At).Seconds()); age >= stalePicture {
		right = s.warn.Render("! " + thousands(float64(age)) + " s old")
	}
	return right, body
}

// film is a session's picture as lines of text. In half blocks it is drawn here, anew when the picture or
// its place changes and not whenever something else on the screen does; what is drawn past the frame
// leaves its place empty, or full of what stands for the picture.
func (m *Model) film(b *board, w, h int) []string {
	f := &b.film
	switch {
	case m.protocol == graphics.ProtocolBlocks:
		if f.of != b.picture || f.width != w || f.height != h || f.profile != m.profile {
			f.stream.Profile = m.profile
			if m.remote() {
				f.stream.Budget = graphics.SSHBudget
			}
			f.of, f.width, f.height, f.profile = b.picture, w, h, m.profile
			f.lines = f.stream.Blocks(b.picture.Image, w, h)
		}
		return f.lines
	case m.protocol == graphics.ProtocolKitty && !m.covered() && m.drawn.session == b.info.ID && m.drawn.w == w && m.drawn.h == h:
		return m.drawn.cells
	}
	return nil
}

// film keeps the last drawing of a picture.
type film struct {
	of            *client.Picture
	width, height int
	profile       colorprofile.Profile
	lines         []string
	stream        graphics.Stream
}

// remote reports whether what is drawn travels: over SSH a picture has a budget.
func (m *Model) remote() bool { return m.opts.Resize != nil || m.opts.env("SSH_CONNECTION") != "" }

// covered reports whether a box stands over the screen.
func (m *Model) covered() bool { return m.overlay != overlayNone || m.chooser != nil || m.line != nil }

// drawing is the picture that is drawn past the frame, and where.
type drawing struct {
	rect
	session string
	of      *client.Picture
	cells   []string // of Kitty's protocol: what stands for the picture in the frame
	turn    int      // which of the names for pictures it has
}

// drawnMsg says that the terminal has a picture which the frame can now show.
type drawnMsg struct{ drawing }

// pictureRect is the inner part of the screen in which a picture is, and whose it is.
func (m *Model) pictureRect() (*board, rect) {
	b := m.subject()
	switch {
	case b == nil || b.picture == nil || !m.picture || m.report != nil || m.width < minWidth || m.height < minHeight:
		return nil, rect{}
	case m.open == "":
		_, preview, _ := m.lobbyLayout(m.sorted(), m.width, m.height-3)
		if preview.w == 0 {
			return nil, rect{}
		}
		w, h := previewFilm(preview)
		return b, rect{preview.x + 2, preview.y + 2, w, h}
	}
	for _, s := range layout(m.width, m.height, m.picture, m.view) {
		if s.pane == panePicture {
			return b, rect{s.x + 2, s.y + 1, s.w - 4, s.h - 2}
		}
	}
	return nil, rect{}
}

// draw brings the picture to terminals that draw it past the frame, when it or its place has changed.
func (m *Model) draw() tea.Cmd {
	if m.protocol != graphics.ProtocolKitty && m.protocol != graphics.ProtocolSixel {
		return nil
	}
	b, r := m.pictureRect()
	if b == nil || m.covered() {
		if m.protocol == graphics.ProtocolSixel && m.drawn.of != nil {
			m.drawn = drawing{}
			return tea.ClearScreen // what was drawn past the frame is not known to it
		}
		m.drawn.of = nil
		return nil
	}
	if m.drawn.of == b.picture && m.drawn.rect == r && m.drawn.session == b.info.ID {
		return nil
	}
	if m.protocol == graphics.ProtocolSixel {
		return m.drawSixel(b, r)
	}
	next := drawing{rect: r, session: b.info.ID, of: b.picture, turn: 1 - m.drawn.turn}
	if m.drawn.rect != r || m.drawn.session != b.info.ID {
		m.drawn.cells = nil // they stand for another place
	}
	m.drawn.of, m.drawn.rect, m.drawn.session = b.picture, r, b.info.ID // so that it is sent once
	m.drawn.turn = next.turn
	img := b.picture.Image
	return func() tea.Msg {
		transmit, cells := graphics.Kitty(graphics.KittyIDs[next.turn], img, r.w, r.h)
		next.cells = cells
		return tea.Sequence(tea.Raw(transmit), func() tea.Msg { return drawnMsg{next} })()
	}
}

// drawSixel writes the picture once the frame with its empty place is out.
func (m *Model) drawSixel(b *board, r rect) tea.Cmd {
	moved := m.drawn.of != nil && (m.drawn.rect != r || m.drawn.session != b.info.ID)
	m.drawn = drawing{rect: r, session: b.info.ID, of: b.picture}
	img, done := b.picture.Image, m.ctx.Done()
	show := func() tea.Msg {
		c, rows := graphics.Fit(img.Bounds(), r.w, r.h, 0, 0)
		what := graphics.Sixel(img, r.w, r.h, 0, 0)
		timer := time.NewTimer(afterFrame)
		defer timer.Stop()
		select {
		case <-timer.C:
			return tea.RawMsg{Msg: graphics.At(r.x+(r.w-c)/2, r.y+(r.h-rows)/2, what)}
		case <-done:
			return nil
		}
	}
	if moved {
		return tea.Sequence(tea.ClearScreen, show)
	}
	return show
}

// forgetPictures makes the terminal forget what it keeps of pictures.
func (m *Model) forgetPictures() tea.Cmd {
	if m.protocol != graphics.ProtocolKitty {
		return nil
	}
	return tea.Raw(graphics.KittyDelete(graphics.KittyIDs[0]) + graphics.KittyDelete(graphics.KittyIDs[1]))
}

// previewFilm is how large the picture of the lobby's preview is.
func previewFilm(preview rect) (w, h int) {
	inner, rows := preview.w-4, preview.h-2
	if preview.x > 0 { // beside the list: above the words
		return inner, min((inner*9+31)/32, preview.h/2)
	}
	return min(rows*32/9, inner/2), rows
}

func centre(line string, w int) string {
	line = strings.TrimRight(line, " ")
	return strings.Repeat(" ", max(0, (w-width(line))/2)) + line
}
