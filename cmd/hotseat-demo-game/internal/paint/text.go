package paint

import (
	"image"
	"math"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/vector"
)

// weight of the letters.
type weight int

const (
	medium weight = iota
	bold
)

// maxTexts bounds the texts kept as masks. A screen shows about twenty; what
// changes each frame (the score) would otherwise fill memory.
const maxTexts = 200

type textKey struct {
	text   string
	size   float64
	weight weight
}

// typesetter turns lines of text into masks and remembers them.
type typesetter struct {
	faces [2]*face
	texts map[textKey]*Mask
}

func newTypesetter() (*typesetter, error) {
	t := &typesetter{texts: map[textKey]*Mask{}}
	for i, ttf := range [][]byte{gomedium.TTF, gobold.TTF} {
		f, err := parseFace(ttf)
		if err != nil {
			return nil, err
		}
		t.faces[i] = f
	}
	return t, nil
}

// line gives the mask of one line of text; size is the em in pixels. The mask is
// as high as ascent and descent of the font.
func (t *typesetter) line(text string, size float64, w weight) *Mask {
	key := textKey{text, size, w}
	if m, ok := t.texts[key]; ok {
		return m
	}
	if len(t.texts) >= maxTexts {
		clear(t.texts)
	}
	m := t.render(text, size, t.faces[w])
	t.texts[key] = m
	return m
}

func (t *typesetter) render(text string, size float64, f *face) *Mask {
	scale := size / f.unitsPerEm
	width := 0.0
	for _, r := range text {
		width += f.advance(f.glyph(r)) * scale
	}
	w, h := int(math.Ceil(width))+2, int(math.Ceil((f.ascent+f.descent)*scale))
	ras := vector.NewRasterizer(w, h)
	x := 1.0
	for _, r := range text {
		g := f.glyph(r)
		f.outline(ras, g, transform{a: scale, d: -scale, e: x, f: f.ascent * scale}, 0)
		x += f.advance(g) * scale
	}
	return rasterized(ras, w, h)
}

// width of a text in pixels.
func (t *typesetter) width(text string, size float64, w weight) int {
	f := t.faces[w]
	width := 0.0
	for _, r := range text {
		width += f.advance(f.glyph(r))
	}
	return int(math.Ceil(width*size/f.unitsPerEm)) + 2
}

// fit shortens a text until it is no wider than limit pixels.
func (t *typesetter) fit(text string, size float64, w weight, limit int) string {
	if t.width(text, size, w) <= limit {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && t.width(string(runes)+"…", size, w) > limit {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// rasterized gives what was drawn as a mask.
func rasterized(ras *vector.Rasterizer, w, h int) *Mask {
	img := image.NewAlpha(image.Rect(0, 0, w, h))
	ras.Draw(img, img.Bounds(), image.Opaque, image.Point{})
	return newMask(img.Pix, w, h)
}
