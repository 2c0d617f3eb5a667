package paint

import (
	"math"
	"strconv"

	"hotseat/cmd/hotseat-demo-game/internal/world"
	"hotseat/sidecar/timecode"
)

// Title of the game, as shown while nobody plays.
const Title = "HOTSEAT RUNNER"

const (
	panelColor = 0x140b2a
	panelAlpha = 0.58
	softWhite  = 0xf3ecff
	dimWhite   = 0xc9bbe3
)

// hud draws everything that is told rather than seen.
func (p *Painter) hud(c *Canvas, w *world.World, controls *world.Controls) {
	if p.reserved > 0 { // a frame for the time code
		edge := p.px(6)
		c.stamp(p.shapes.panel(p.reserved+2*edge, timecode.Height+2*edge, edge), -edge, -edge, panelColor, panelAlpha)
	}
	p.score(c, w)
	p.seat(c, w)
	p.nameTag(c, w)
	p.notices(c, w)
	p.chat(c, w)
	p.hints(c, w)
	if at, ok := controls.Pointer(); ok && w.Pilot == world.Human {
		x, y := at.X*p.scale, at.Y*p.scale
		c.ring(x, y, 13*p.scale, 2.4*p.scale, 0xffffff, 0.9)
		c.stampAt(p.shapes.get(shapeDisc, 2.6*p.scale, 0), x, y, uint32(w.Plane.Color), 1)
	}
}

// px turns points into pixels.
func (p *Painter) px(points float64) int { return int(points*p.scale + 0.5) }

// write puts a line of text with its top left corner at x, y (pixels) and gives
// its width.
func (p *Painter) write(c *Canvas, text string, x, y int, size float64, wt weight, color uint32, alpha float64) int {
	m := p.text.line(text, size*p.scale, wt)
	c.stamp(m, x, y, color, alpha)
	return m.Width
}

// shout writes large letters with a shadow, centred on a point of the world.
func (p *Painter) shout(c *Canvas, text string, x, y, size float64, color world.Color, alpha float64) {
	size = math.Round(size) // few sizes: each is kept
	m := p.text.line(text, size*p.scale, bold)
	px, py := p.px(x)-m.Width/2, p.px(y)-m.Height/2
	shift := max(1, p.px(size/18))
	c.stamp(m, px+shift, py+shift, panelColor, alpha*0.7)
	c.stamp(m, px, py, uint32(color), alpha)
}

func (p *Painter) panel(c *Canvas, x, y, w, h int, alpha float64) {
	c.stamp(p.shapes.panel(w, h, min(h/2, p.px(16))), x, y, panelColor, panelAlpha*alpha)
}

// score, in the top right corner: stars, what the next is worth, shields.
func (p *Painter) score(c *Canvas, w *world.World) {
	width, height := p.px(292), p.px(60)
	x, y := p.width-width-p.px(18), p.px(14)
	p.panel(c, x, y, width, height, 1)
	p.at(c, shapeStar, float64(x)/p.scale+32, float64(y)/p.scale+30, 15, 0, 0xffd75e, 1)
	after := x + p.px(54) + p.write(c, strconv.Itoa(w.Score), x+p.px(54), y+p.px(11), 32, bold, 0xffffff, 1)
	if m := w.Multiplier(); m > 1 {
		p.write(c, "×"+strconv.Itoa(m), after+p.px(6), y+p.px(20), 20, bold, 0xffd75e, 1)
	}
	for i := range world.MaxShields {
		color, alpha := world.Color(0xff6f8d), 1.0
		if i >= w.Shields {
			color, alpha = 0xffffff, 0.18
		}
		p.at(c, shapeHeart, float64(x)/p.scale+206+28*float64(i), float64(y)/p.scale+22, 10, 0, color, alpha)
	}
	p.write(c, "best "+strconv.Itoa(w.Best), x+p.px(196), y+p.px(35), 15, medium, dimWhite, 1)
}

// seat, in the middle of the top row: who plays.
func (p *Painter) seat(c *Canvas, w *world.World) {
	left := p.px(18)
	if p.reserved > 0 {
		left = p.reserved + p.px(18)
	}
	right := p.width - p.px(292+18+14)
	if right-left < p.px(140) {
		return // a small picture with a time code has no room
	}
	label, name, color := "PLAYING", "", world.DefaultColor
	switch {
	case !w.Seat.Known && w.Pilot == world.Auto:
		label, name = "DEMO", "press a key to fly"
	case !w.Seat.Known:
		label, name = "SOLO", "local keyboard"
	case w.Seat.Holder == nil:
		label, name = "HOT SEAT", "seat free"
	default:
		label, name, color = "HOT SEAT", w.Seat.Holder.Name, w.Plane.Color
	}
	name = p.text.fit(name, 22*p.scale, bold, right-left-p.px(66))
	width := p.px(66) + max(p.text.width(name, 22*p.scale, bold), p.text.width(label, 13*p.scale, bold))
	height, y := p.px(60), p.px(14)
	p.panel(c, left, y, width, height, 1)
	pulse := 0.0
	if since := w.Now - w.Seat.At; w.Seat.Known && since < 3 {
		pulse = (1 - since/3) * math.Abs(math.Sin(since*5))
	}
	x0, y0 := float64(left)/p.scale, float64(y)/p.scale
	p.at(c, shapeGlow, x0+29, y0+30, 24+10*pulse, 0, color, 0.5)
	p.at(c, shapeDisc, x0+29, y0+30, 10+2*pulse, 0, color, 1)
	p.write(c, label, left+p.px(52), y+p.px(9), 13, bold, dimWhite, 1)
	p.write(c, name, left+p.px(52), y+p.px(24), 22, bold, 0xffffff, 1)
}

// nameTag flies with the plane.
func (p *Painter) nameTag(c *Canvas, w *world.World) {
	if w.Seat.Holder == nil || w.Crashed() {
		return
	}
	name := p.text.fit(w.Seat.Holder.Name, 14*p.scale, bold, p.px(180))
	width, height := p.text.width(name, 14*p.scale, bold)+p.px(18), p.px(22)
	x, y := p.px(w.Plane.X)-width/2, p.px(w.Plane.Y+34)
	x = min(max(x, 4), p.width-width-4)
	p.panel(c, x, y, width, height, 0.9)
	p.write(c, name, x+p.px(9), y+p.px(2.5), 14, bold, uint32(w.Plane.Color), 1)
}

// notices stack under the top row.
func (p *Painter) notices(c *Canvas, w *world.World) {
	y := p.px(92)
	for i := len(w.Notices) - 1; i >= 0; i-- {
		n := w.Notices[i]
		age := w.Now - n.At
		alpha := clamp01(age*6) * clamp01((4-age)*1.6)
		text := p.text.fit(n.Text, 20*p.scale, bold, p.px(560))
		width, height := p.text.width(text, 20*p.scale, bold)+p.px(40), p.px(36)
		x := (p.width - width) / 2
		p.panel(c, x, y, width, height, alpha)
		p.write(c, text, x+p.px(20), y+p.px(6), 20, bold, uint32(n.Color), alpha)
		y += p.px(42)
	}
}

// chat shows the last lines in the bottom left corner.
func (p *Painter) chat(c *Canvas, w *world.World) {
	const lifetime = 14.0 // seconds
	y := p.height - p.px(18)
	for i := len(w.Lines) - 1; i >= 0; i-- {
		l := w.Lines[i]
		age := w.Now - l.At
		alpha := clamp01(lifetime - age)
		if alpha <= 0 {
			break
		}
		name := p.text.fit(l.Name, 17*p.scale, bold, p.px(160))
		nameWidth := p.text.width(name, 17*p.scale, bold)
		text := p.text.fit(l.Text, 17*p.scale, medium, p.px(600)-nameWidth)
		width, height := nameWidth+p.text.width(text, 17*p.scale, medium)+p.px(34), p.px(30)
		y -= height
		x := p.px(18) - int((1-clamp01(age*7))*float64(p.px(60))) // slides in
		p.panel(c, x, y, width, height, alpha)
		p.write(c, name, x+p.px(13), y+p.px(4.5), 17, bold, uint32(l.Color), alpha)
		p.write(c, text, x+p.px(21)+nameWidth, y+p.px(4.5), 17, medium, softWhite, alpha)
		y -= p.px(6)
	}
}

// hints tell what one can do right now.
func (p *Painter) hints(c *Canvas, w *world.World) {
	middle := w.Width / 2
	switch {
	case w.Crashed():
		p.shout(c, "Oops!", middle, 300, 60, 0xffffff, 1)
		p.shout(c, "fold a new one…", middle, 352, 24, softWhite, 0.9)
	case w.Pilot == world.Auto:
		glow := 0.86 + 0.14*math.Sin(w.Now*2)
		p.shout(c, Title, middle, 236, 58, 0xfff3d6, glow)
		line := "press a key to fly"
		if w.Seat.Known {
			line = "the seat is free: ask for it"
		}
		p.shout(c, line, middle, 288, 24, softWhite, glow)
	}
	text := ""
	switch {
	case w.Pilot == world.Human && w.Now-w.Seat.At < 9:
		text = "WASD or arrows fly · space or click dashes · dash through comets"
	case w.Pilot == world.Auto && w.Seat.Known:
		text = "chat:  !star   !rain   !boost   !color red"
	}
	if text == "" {
		return
	}
	m := p.text.line(text, 16*p.scale, medium)
	width, height := m.Width+p.px(32), p.px(30)
	x, y := p.width-width-p.px(18), p.height-p.px(18)-height
	p.panel(c, x, y, width, height, 0.9)
	c.stamp(m, x+p.px(16), y+p.px(5), dimWhite, 1)
}
