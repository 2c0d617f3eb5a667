package paint

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/image/vector"
)

// face reads glyph outlines from a TrueType font that is part of the program:
// just enough of the OpenType specification (tables head, hhea, hmtx, maxp,
// cmap format 4, loca, glyf) for the Go fonts, which need no hinting at the
// sizes used here. Fonts of strangers are none of its business.
type face struct {
	glyf, loca, hmtx []byte
	cmap             []byte // one format 4 subtable
	longLoca         bool
	advances         int // entries of hmtx
	glyphs           int
	unitsPerEm       float64
	ascent, descent  float64 // font units
}

func parseFace(ttf []byte) (*face, error) {
	u16 := func(b []byte, i int) int { return int(binary.BigEndian.Uint16(b[i:])) }
	if len(ttf) < 12 {
		return nil, fmt.Errorf("font of %d bytes is too short", len(ttf))
	}
	tables := map[string][]byte{}
	for i := range u16(ttf, 4) {
		at := 12 + 16*i
		if at+16 > len(ttf) {
			return nil, fmt.Errorf("font table directory is cut off")
		}
		from := int(binary.BigEndian.Uint32(ttf[at+8:]))
		size := int(binary.BigEndian.Uint32(ttf[at+12:]))
		if from < 0 || size < 0 || from+size > len(ttf) {
			return nil, fmt.Errorf("font table %q is cut off", ttf[at:at+4])
		}
		tables[string(ttf[at:at+4])] = ttf[from : from+size]
	}
	for name, least := range map[string]int{"head": 54, "hhea": 36, "hmtx": 4, "maxp": 6, "cmap": 4, "loca": 4, "glyf": 1} {
		if len(tables[name]) < least {
			return nil, fmt.Errorf("font table %q is missing or too short", name)
		}
	}
	f := &face{
		glyf: tables["glyf"], loca: tables["loca"], hmtx: tables["hmtx"],
		longLoca:   u16(tables["head"], 50) == 1,
		advances:   u16(tables["hhea"], 34),
		glyphs:     u16(tables["maxp"], 4),
		unitsPerEm: float64(u16(tables["head"], 18)),
		ascent:     float64(int16(u16(tables["hhea"], 4))),
		descent:    float64(-int16(u16(tables["hhea"], 6))),
	}
	cmap := tables["cmap"]
	for i := range u16(cmap, 2) {
		at := 4 + 8*i
		if at+8 > len(cmap) {
			break
		}
		from := int(binary.BigEndian.Uint32(cmap[at+4:]))
		if from >= 0 && from+14 <= len(cmap) && u16(cmap, from) == 4 {
			f.cmap = cmap[from:]
		}
	}
	if f.cmap == nil || f.unitsPerEm == 0 || f.advances == 0 || f.advances*4 > len(f.hmtx) {
		return nil, fmt.Errorf("font has no character map of format 4 or no metrics")
	}
	return f, nil
}

// glyph gives the number of the glyph for a character; 0 is the font's "not
// here" box. (OpenType specification, cmap, "Format 4".)
func (f *face) glyph(r rune) int {
	if r > 0xffff || r < 0 {
		return 0
	}
	u16 := func(i int) int {
		if i < 0 || i+2 > len(f.cmap) {
			return 0
		}
		return int(binary.BigEndian.Uint16(f.cmap[i:]))
	}
	segments2 := u16(6) // twice the number of segments
	for i := 0; i < segments2; i += 2 {
		if int(r) > u16(14+i) {
			continue
		}
		first := u16(16 + segments2 + i)
		if int(r) < first {
			return 0
		}
		delta := u16(16 + 2*segments2 + i)
		rangeAt := 16 + 3*segments2 + i
		offset := u16(rangeAt)
		if offset == 0 {
			return (int(r) + delta) & 0xffff
		}
		g := u16(rangeAt + offset + 2*(int(r)-first))
		if g == 0 {
			return 0
		}
		return (g + delta) & 0xffff
	}
	return 0
}

// advance is the width of a glyph in font units.
func (f *face) advance(glyph int) float64 {
	i := min(glyph, f.advances-1) * 4
	return float64(binary.BigEndian.Uint16(f.hmtx[i:]))
}

// data gives the description of a glyph, nil for an empty one such as a space.
func (f *face) data(glyph int) []byte {
	if glyph < 0 || glyph >= f.glyphs {
		return nil
	}
	var from, to int
	if f.longLoca {
		if glyph*4+8 > len(f.loca) {
			return nil
		}
		from, to = int(binary.BigEndian.Uint32(f.loca[glyph*4:])), int(binary.BigEndian.Uint32(f.loca[glyph*4+4:]))
	} else {
		if glyph*2+4 > len(f.loca) {
			return nil
		}
		from, to = 2*int(binary.BigEndian.Uint16(f.loca[glyph*2:])), 2*int(binary.BigEndian.Uint16(f.loca[glyph*2+2:]))
	}
	if from < 0 || to-from < 10 || to > len(f.glyf) {
		return nil
	}
	return f.glyf[from:to]
}

// transform maps font units to pixels: x' = a·x + c·y + e, y' = b·x + d·y + f.
type transform struct{ a, b, c, d, e, f float64 }

func (t transform) at(x, y float64) (float32, float32) {
	return float32(t.a*x + t.c*y + t.e), float32(t.b*x + t.d*y + t.f)
}

// outline adds the shape of a glyph to the rasterizer.
func (f *face) outline(ras *vector.Rasterizer, glyph int, t transform, depth int) {
	g := f.data(glyph)
	if g == nil || depth > 4 {
		return
	}
	r := reader{b: g}
	contours := r.i16()
	r.skip(8) // bounding box
	if contours < 0 {
		f.composite(ras, &r, t, depth)
		return
	}
	ends := make([]int, contours)
	for i := range ends {
		ends[i] = r.u16()
	}
	if contours == 0 {
		return
	}
	r.skip(r.u16()) // instructions
	points := r.points(ends[contours-1] + 1)
	from := 0
	for _, end := range ends {
		if end+1 <= len(points) && end >= from {
			contour(ras, points[from:end+1], t)
		}
		from = end + 1
	}
}

// composite adds the parts of a glyph that is made of others.
// (OpenType specification, glyf, "Composite Glyph Description".)
func (f *face) composite(ras *vector.Rasterizer, r *reader, t transform, depth int) {
	const (
		words, xy, scale, more, scaleXY, matrix = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80
	)
	for flags := more; flags&more != 0 && !r.failed; {
		flags = r.u16()
		glyph := r.u16()
		var dx, dy float64
		if flags&words != 0 {
			dx, dy = float64(r.i16()), float64(r.i16())
		} else {
			dx, dy = float64(int8(r.u8())), float64(int8(r.u8()))
		}
		if flags&xy == 0 {
			dx, dy = 0, 0 // aligned by points: the Go fonts do not do this
		}
		a, b, c, d := 1.0, 0.0, 0.0, 1.0
		switch {
		case flags&scale != 0:
			a = r.f2dot14()
			d = a
		case flags&scaleXY != 0:
			a, d = r.f2dot14(), r.f2dot14()
		case flags&matrix != 0:
			a, b, c, d = r.f2dot14(), r.f2dot14(), r.f2dot14(), r.f2dot14()
		}
		f.outline(ras, glyph, transform{
			a: t.a*a + t.c*b, b: t.b*a + t.d*b,
			c: t.a*c + t.c*d, d: t.b*c + t.d*d,
			e: t.a*dx + t.c*dy + t.e, f: t.b*dx + t.d*dy + t.f,
		}, depth+1)
	}
}

// contour draws one closed line of straight pieces and quadratic curves; between
// two control points lies an implied point of the line.
func contour(ras *vector.Rasterizer, points []outlinePoint, t transform) {
	n := len(points)
	if n < 2 {
		return
	}
	middle := func(a, b outlinePoint) outlinePoint {
		return outlinePoint{x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, on: true}
	}
	start := points[0]
	if !start.on {
		if start = points[n-1]; !start.on {
			start = middle(points[0], points[n-1])
		}
	}
	ras.MoveTo(t.at(start.x, start.y))
	var control outlinePoint
	curved := false
	goTo := func(p outlinePoint) {
		x, y := t.at(p.x, p.y)
		if curved {
			cx, cy := t.at(control.x, control.y)
			ras.QuadTo(cx, cy, x, y)
		} else {
			ras.LineTo(x, y)
		}
		curved = false
	}
	for _, p := range points {
		if p.on {
			goTo(p)
			continue
		}
		if curved {
			goTo(middle(control, p))
		}
		control, curved = p, true
	}
	goTo(start)
	ras.ClosePath()
}

type outlinePoint struct {
	x, y float64
	on   bool
}

// reader walks a glyph description and gives zeros after its end.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) skip(n int) {
	if n > len(r.b) {
		r.b, r.failed = nil, true
		return
	}
	r.b = r.b[n:]
}

func (r *reader) u8() int {
	if len(r.b) < 1 {
		r.failed = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return int(v)
}

func (r *reader) u16() int         { return r.u8()<<8 | r.u8() }
func (r *reader) i16() int         { return int(int16(r.u16())) }
func (r *reader) f2dot14() float64 { return float64(r.i16()) / (1 << 14) }

// points reads flags and packed coordinates.
// (OpenType specification, glyf, "Simple Glyph Description".)
func (r *reader) points(n int) []outlinePoint {
	const (
		on, xShort, yShort, repeat, xSame, ySame = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
	)
	flags := make([]int, 0, n)
	for len(flags) < n && !r.failed {
		flag := r.u8()
		flags = append(flags, flag)
		if flag&repeat != 0 {
			for times := r.u8(); times > 0 && len(flags) < n; times-- {
				flags = append(flags, flag)
			}
		}
	}
	points := make([]outlinePoint, len(flags))
	axis := func(short, same int, set func(p *outlinePoint, v float64)) {
		v := 0
		for i, flag := range flags {
			switch {
			case flag&short != 0 && flag&same != 0:
				v += r.u8()
			case flag&short != 0:
				v -= r.u8()
			case flag&same == 0:
				v += r.i16()
			}
			set(&points[i], float64(v))
		}
	}
	axis(xShort, xSame, func(p *outlinePoint, v float64) { p.x = v })
	axis(yShort, ySame, func(p *outlinePoint, v float64) { p.y = v })
	for i, flag := range flags {
		points[i].on = flag&on != 0
	}
	return points
}
