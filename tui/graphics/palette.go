package graphics

import "sync"

// sixteen are xterm's defaults for the first 16 colours. Other terminals have other ones, but not by so
// much that a picture would be another.
var sixteen = [16][3]int{
	{0, 0, 0}, {205, 0, 0}, {0, 205, 0}, {205, 205, 0}, {0, 0, 238}, {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
	{127, 127, 127}, {255, 0, 0}, {0, 255, 0}, {255, 255, 0}, {92, 92, 255}, {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
}

// cubeLevels are the levels of xterm's 6×6×6 cube, entries 16 to 231 of the 256 colours; 232 to 255 are
// greys from 8 in steps of 10 (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html).
var cubeLevels = [6]int{0, 95, 135, 175, 215, 255}

// parts are a colour's red, green and blue, as far as they are known.
func (i ink) parts() (r, g, b int) {
	switch {
	case i >= rgb:
		return int(i >> 16 & 255), int(i >> 8 & 255), int(i & 255)
	case i >= 232:
		v := 8 + 10*int(i-232)
		return v, v, v
	case i >= 16:
		n := int(i - 16)
		return cubeLevels[n/36], cubeLevels[n/6%6], cubeLevels[n%6]
	}
	c := sixteen[i]
	return c[0], c[1], c[2]
}

// The nearest of few colours for every colour of 15 bits, made when first needed. Of the 256, the first
// 16 are left out: what they look like is their owner's choice.
var (
	nearest256 = sync.OnceValue(func() *[1 << 15]ink { return nearest(16, 255) })
	nearest16  = sync.OnceValue(func() *[1 << 15]ink { return nearest(0, 15) })
)

// fifteen is a pixel's colour in 15 bits.
func fifteen(pixel []uint8) int {
	return int(pixel[0]>>3)<<10 | int(pixel[1]>>3)<<5 | int(pixel[2]>>3)
}

func nearest(first, last ink) *[1 << 15]ink {
	var table [1 << 15]ink
	for i := range table {
		least := 1 << 30
		for c := first; c <= last; c++ {
			r, g, b := c.parts()
			if d := distance(i>>10<<3|4-r, i>>5&31<<3|4-g, i&31<<3|4-b); d < least {
				table[i], least = c, d
			}
		}
	}
	return &table
}

// distance is how far two colours are apart whose parts differ by so much: in brightness and, with twice
// the weight, in the two differences of colour of JPEG (ITU-R BT.601). By red, green and blue alone the
// greys, which are finer than the cube, would take every dark colour for themselves, and the night sky
// of a game is to stay blue.
func distance(dr, dg, db int) int {
	y := (299*dr + 587*dg + 114*db) / 1000
	cb, cr := 564*(db-y)/1000, 713*(dr-y)/1000
	return y*y + 2*(cb*cb+cr*cr)
}

// apart is how much a cell's change is seen.
func apart(a, b duo) int {
	return inksApart(a.upper, b.upper) + inksApart(a.lower, b.lower)
}

func inksApart(a, b ink) int {
	r, g, bl := a.parts()
	r2, g2, b2 := b.parts()
	return distance(r-r2, g-g2, bl-b2)
}
