package world

import (
	"math"
	"strconv"
	"strings"
)

// Reaction is one of the reactions of the channel.
type Reaction string

// The reactions a page offers.
const (
	Like     Reaction = "like"
	Fire     Reaction = "fire"
	StarUp   Reaction = "star"
	LaughOut Reaction = "laugh"
	Applause Reaction = "clap"
	Amazed   Reaction = "wow"
)

// Line is a chat line.
type Line struct {
	Name, Text string
	Color      Color
	At         float64 // world time
}

// Notice is a short announcement.
type Notice struct {
	Text  string
	Color Color
	At    float64 // world time
}

// Seat is who plays. Known is false for a game without a bridge.
type Seat struct {
	Known  bool
	Epoch  uint64
	Holder *Person // nil: the seat is free
	At     float64 // world time of the last change
}

const (
	maxLines   = 4
	maxNotices = 3
	noticeLife = 4.0 // seconds
)

// SetSeat tells who holds the seat. The caller clears its Controls when the
// answer is true: another person, or another epoch, must not inherit keys.
func (w *World) SetSeat(epoch uint64, holder *Person) (changed bool) {
	old := w.Seat
	w.Seat = Seat{Known: true, Epoch: epoch, Holder: holder, At: old.At}
	if old.Known && old.Epoch == epoch && samePerson(old.Holder, holder) {
		return false
	}
	w.Seat.At = w.Now
	w.lastInput = -1e9
	if holder != nil {
		w.Plane.Color = ColorOf(holder.ID)
		w.Notice(holder.Name+" has the seat", w.Plane.Color)
		w.ring(Ring{X: w.Plane.X, Y: w.Plane.Y, Speed: 300, Life: 0.8, Color: w.Plane.Color})
		w.Plane.SafeUntil = max(w.Plane.SafeUntil, w.Now+2)
	} else {
		w.Plane.Color = DefaultColor
		if old.Holder != nil {
			w.Notice(old.Holder.Name+" leaves the seat", 0xffffff)
		}
	}
	return true
}

func samePerson(a, b *Person) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// Notice shows a short announcement.
func (w *World) Notice(text string, color Color) {
	if len(w.Notices) >= maxNotices {
		w.Notices = append(w.Notices[:0], w.Notices[1:]...)
	}
	w.Notices = append(w.Notices, Notice{Text: text, Color: color, At: w.Now})
}

func (w *World) forget() {
	for len(w.Notices) > 0 && w.Now-w.Notices[0].At > noticeLife {
		w.Notices = append(w.Notices[:0], w.Notices[1:]...)
	}
}

// Say adds a chat line and obeys it when it is a command.
func (w *World) Say(person Person, text string) {
	w.Counts.ChatLines++
	if len(w.Lines) >= maxLines {
		w.Lines = append(w.Lines[:0], w.Lines[1:]...)
	}
	w.Lines = append(w.Lines, Line{Name: person.Name, Text: text, Color: ColorOf(person.ID), At: w.Now})
	if command, ok := strings.CutPrefix(text, "!"); ok {
		w.obey(person, command)
	}
}

// shower is a run of bonus stars that falls over a while.
type shower struct {
	left int
	next float64
}

// obey runs a chat command. Unknown ones are chat, nothing else.
func (w *World) obey(person Person, command string) {
	fields := strings.Fields(strings.ToLower(command))
	if len(fields) == 0 {
		return
	}
	switch fields[0] {
	case "star", "stars":
		if len(w.bonus) < 3 {
			w.bonus = append(w.bonus, shower{left: 9, next: w.Now})
			w.Notice(person.Name+" sends stars", 0xffe08a)
		}
	case "rain":
		w.RainUntil = min(max(w.RainUntil, w.Now)+8, w.Now+16)
		w.Notice(person.Name+" makes it rain", 0xa9d4ff)
	case "boost":
		w.BoostUntil = min(max(w.BoostUntil, w.Now)+4, w.Now+8)
		w.Notice(person.Name+" sends a tailwind", 0xb6ffd8)
		w.ring(Ring{X: w.Plane.X, Y: w.Plane.Y, Speed: 420, Life: 0.5, Color: 0xb6ffd8})
	case "color", "colour":
		if len(fields) > 1 {
			if c, ok := ParseColor(fields[1]); ok {
				w.Plane.Color = c
			}
		}
	}
}

// shower drops bonus stars ahead of the plane.
func (w *World) shower() {
	kept := w.bonus[:0]
	for _, s := range w.bonus {
		if w.Now >= s.next && len(w.Stars) < maxStars {
			s.left--
			s.next = w.Now + 0.22
			x := w.Plane.X + 120 + w.show.Float64()*420
			w.Stars = append(w.Stars, Star{X: x, Y: 60, Bonus: true, Phase: w.show.Float64() * 6, vy: 40 + w.show.Float64()*60})
		}
		if s.left > 0 {
			kept = append(kept, s)
		}
	}
	w.bonus = kept
	if w.Raining() && w.steps%2 == 0 {
		w.emit(Particle{Kind: Drop, X: w.show.Float64() * (w.Width + 200), Y: -20, VX: -130, VY: 760, Life: 1.2, Size: 9 + w.show.Float64()*7, Color: 0xbfdcff})
	}
}

// React shows a reaction of the audience. Unknown ones are ignored and answered
// with false.
func (w *World) React(r Reaction) bool {
	rnd := w.show.Float64
	side := func() float64 { return w.Width * (0.1 + 0.8*rnd()) }
	switch r {
	case Like: // hearts rise from the hills
		x := side()
		for i := range 9 {
			w.emit(Particle{Kind: Heart, X: x + (rnd()-0.5)*130, Y: Height - 50, VX: (rnd() - 0.5) * 30, VY: -150 - 130*rnd(), Sway: 12 + 10*rnd(), Life: 2.6, Size: 13 + 13*rnd(), Color: pick(rnd(), 0xff5d7e, 0xff86a5, 0xff3f68), Delay: float64(i) * 0.07})
		}
	case Fire: // flames from the ground, and behind the plane
		x := side()
		for i := range 22 {
			w.emit(Particle{Kind: Flame, X: x + (rnd()-0.5)*110, Y: Height - 22, VX: (rnd() - 0.5) * 40, VY: -130 - 170*rnd(), Life: 1.1 + 0.4*rnd(), Size: 15 + 16*rnd(), Color: pick(rnd(), 0xff7a2f, 0xffb347, 0xff4e36), Delay: float64(i) * 0.03})
		}
		for i := range 10 {
			w.emit(Particle{Kind: Flame, X: w.Plane.X - 30, Y: w.Plane.Y, VX: -160 - 80*rnd(), VY: (rnd() - 0.5) * 40, Life: 0.7, Size: 9 + 8*rnd(), Color: 0xff9a3d, Delay: float64(i) * 0.05})
		}
	case StarUp: // golden dust from above
		x := side()
		for i := range 22 {
			w.emit(Particle{Kind: Gold, X: x + (rnd()-0.5)*300, Y: -16, VX: (rnd() - 0.5) * 40, VY: 120 + 150*rnd(), Gravity: 60, Sway: 8, Life: 2.4, Size: 8 + 10*rnd(), Spin: (rnd() - 0.5) * 6, Color: pick(rnd(), 0xffd95a, 0xfff0b3, 0xffc23d), Delay: float64(i) * 0.04})
		}
	case LaughOut: // faces that bounce along the ground
		for i := range 4 {
			w.emit(Particle{Kind: Laugh, X: side(), Y: Height - 60, VX: (rnd() - 0.5) * 160, VY: -430 - 130*rnd(), Gravity: 720, Life: 3, Size: 26 + 8*rnd(), Spin: (rnd() - 0.5) * 0.6, Color: 0xffd54d, Delay: float64(i) * 0.1})
		}
	case Applause: // confetti from both sides, with clapping hands
		for _, left := range []bool{true, false} {
			x, dir := -6.0, 1.0
			if !left {
				x, dir = w.Width+6, -1
			}
			for range 20 {
				w.emit(Particle{Kind: Confetti, X: x, Y: Height * 0.72, VX: dir * (160 + 380*rnd()), VY: -260 - 320*rnd(), Gravity: 420, Life: 2.4, Size: 6 + 4*rnd(), Spin: 3 + rnd()*8, Color: palette[w.show.IntN(len(palette))].color})
			}
		}
		x := side()
		for i := range 3 {
			w.emit(Particle{Kind: Clap, X: x + float64(i-1)*64, Y: Height - 60 - 20*rnd(), VY: -70, Life: 1.7, Size: 26, Color: 0xffe2b8, Delay: float64(i) * 0.12})
		}
	case Amazed: // rings and a word
		x, y := side(), 220+rnd()*220
		for i := range 3 {
			w.ring(Ring{X: x, Y: y, Radius: float64(i) * 16, Speed: 150, Life: 0.9 + 0.15*float64(i), Color: pick(rnd(), 0xd7b8ff, 0x9fe8ff, 0xffffff)})
		}
		w.emit(Particle{Kind: Wow, X: x, Y: y, VY: -26, Life: 1.5, Size: 30, Color: 0xffffff})
	default:
		return false
	}
	w.Counts.Reactions++
	return true
}

func pick(r float64, colors ...Color) Color {
	return colors[min(int(r*float64(len(colors))), len(colors)-1)]
}

// DefaultColor is the ribbon of a plane that nobody flies.
const DefaultColor Color = 0xf6e7ff

var palette = []struct {
	name  string
	color Color
}{
	{"red", 0xff6b6b}, {"orange", 0xff9f4a}, {"gold", 0xffd166}, {"green", 0x7ddf8a}, {"teal", 0x4fd8c9},
	{"blue", 0x6fb1ff}, {"violet", 0xb08cff}, {"pink", 0xff8fd0},
}

// ColorOf gives a person a colour that stays the same.
func ColorOf(id string) Color {
	h := uint32(2166136261) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return palette[(h^h>>15)%uint32(len(palette))].color
}

// ParseColor reads a colour's name or #rrggbb. Dark colours are lifted, so that
// the ribbon stays visible.
func ParseColor(s string) (Color, bool) {
	switch s {
	case "white":
		return 0xffffff, true
	case "yellow":
		s = "gold"
	case "purple":
		s = "violet"
	case "cyan":
		s = "teal"
	}
	for _, p := range palette {
		if p.name == s {
			return p.color, true
		}
	}
	hex, ok := strings.CutPrefix(s, "#")
	if !ok || len(hex) != 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return 0, false
	}
	r, g, b := float64(n>>16), float64(n>>8&255), float64(n&255)
	if light := max(r, g, b); light < 140 {
		lift := 140 - light
		r, g, b = r+lift, g+lift, b+lift
	}
	return Color(math.Round(r))<<16 | Color(math.Round(g))<<8 | Color(math.Round(b)), true
}
