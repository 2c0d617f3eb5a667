package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"hotseat/tui/client"
)

// stalePicture: a thumbnail comes once a second; one that is older than this is said to be.
const stalePicture = 5

// picturePane: the game, as far as a terminal can show it.
func (m *Model) picturePane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	switch {
	case !m.picture:
		return "off", []string{s.muted.Render("p turns it on")}
	case m.profile < colorprofile.ANSI256:
		return "", []string{s.muted.Render("a picture needs 256 colours,"), s.muted.Render("and this terminal has fewer")}
	case b.picture == nil:
		lines := make([]string, max(0, h/2-1))
		say := "no picture yet"
		if b.ended() {
			say = "the playtest is over"
		}
		return "", append(lines, centre(s.muted.Render(say), w))
	}
	film := b.film.draw(b.picture, w, h, m.profile)
	for range max(0, (h-len(film))/2) {
		body = append(body, "")
	}
	for _, l := range film {
		body = append(body, centre(l, w))
	}
	if age := int(m.at.Sub(b.picture.At).Seconds()); age >= stalePicture {
		right = s.warn.Render(fmt.Sprintf("! %d s old", age))
	}
	return right, body
}

// film keeps the last drawing of a picture: it is drawn anew when the picture or its place changes,
// not whenever something else on the screen does.
type film struct {
	of            *client.Picture
	width, height int
	profile       colorprofile.Profile
	lines         []string
}

func (f *film) draw(p *client.Picture, width, height int, profile colorprofile.Profile) []string {
	if f.of != p || f.width != width || f.height != height || f.profile != profile {
		*f = film{p, width, height, profile, halfBlocks(p.Image, width, height, profile)}
	}
	return f.lines
}

func centre(line string, w int) string {
	line = strings.TrimRight(line, " ")
	return strings.Repeat(" ", max(0, (w-width(line))/2)) + line
}
