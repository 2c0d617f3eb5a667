package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// maxMarks is how many combining marks one character keeps. Vietnamese needs two, Hebrew with
// points and accents four; a tower of fifty covers the neighbours' lines.
const maxMarks = 4

// joiningScripts need the zero-width (non-)joiner for ordinary spelling.
var joiningScripts = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
	unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala,
}

// safe makes one line for the terminal of text from a stranger: what would move the cursor, change
// the terminal's state, reorder or hide text is shown instead of obeyed, and every character
// takes as many cells in terminals that count by grapheme (mode 2027) as in those that count by
// code point, so that no frame is pushed out of place.
//
//   - control characters become their pictures (␛ for ESC), line breaks and tabs a space
//   - bidi controls, zero-width characters, invisible fillers and tags become ‹U+202E›;
//     joiners inside scripts that are spelled with them stay
//   - joined emoji are shown as the characters that they are joined of
//   - invalid UTF-8, private and unassigned characters become �
func safe(text string) string {
	if printable(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	runes := []rune(strings.ToValidUTF8(text, string(utf8.RuneError)))
	marks := 0
	for i, r := range runes {
		combining := unicode.In(r, unicode.Mn, unicode.Me)
		if !combining {
			marks = 0
		}
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r < 0x20:
			b.WriteRune(0x2400 + r) // Control Pictures
		case r == 0x7f:
			b.WriteRune('␡')
		case (r == '\u200c' || r == '\u200d') && i > 0 && i+1 < len(runes):
			if unicode.In(runes[i-1], joiningScripts...) && unicode.In(runes[i+1], joiningScripts...) {
				b.WriteRune(r)
			} else if r == '\u200c' || !pictograph(runes[i+1]) {
				name(&b, r)
			}
		case isVariation(r) || unicode.In(r, unicode.Sk) && r >= 0x1f3fb && r <= 0x1f3ff || r == 0x20e3:
			// how the character before is drawn: without it the plain form is drawn
		case hidden(r):
			name(&b, r)
		case combining:
			if marks++; marks > maxMarks {
				continue
			}
			if i == 0 || b.Len() == 0 {
				b.WriteRune('◌') // a mark needs something to stand on
			}
			b.WriteRune(r)
		case !unicode.IsGraphic(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return evenWidth(b.String())
}

// printable tells text that has nothing to look at: printable ASCII.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}

// hidden tells characters that reorder or hide text, or are not seen themselves.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Bidi_Control, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point) ||
		r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' || r == '\u2800'
}

func isVariation(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// pictograph tells the blocks in which emoji live.
func pictograph(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2190 && r <= 0x2bff
}

// name writes a character that must not be obeyed as what it is.
func name(b *strings.Builder, r rune) {
	const hex = "0123456789ABCDEF"
	b.WriteString("‹U+")
	for shift := 20; shift >= 0; shift -= 4 {
		if digit := r >> shift & 0xf; digit != 0 || r>>shift != 0 || shift < 16 {
			b.WriteByte(hex[digit])
		}
	}
	b.WriteString("›")
}

// evenWidth replaces each cluster on whose width terminals disagree by its first character, or by
// � if they disagree even on that.
func evenWidth(text string) string {
	if ansi.StringWidth(text) == ansi.StringWidthWc(text) {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		cluster, width := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
		if cluster == "" {
			break
		}
		rest = rest[len(cluster):]
		if width != ansi.StringWidthWc(cluster) {
			first, _ := utf8.DecodeRuneInString(cluster)
			cluster = string(first)
			if ansi.StringWidth(cluster) != ansi.StringWidthWc(cluster) {
				cluster = string(utf8.RuneError)
			}
		}
		b.WriteString(cluster)
	}
	return b.String()
}
