package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clock is a time since the start as people read clocks: 0:07:12. Before the start it is negative.
func clock(m Ms) string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	s := int64(m) / 1000
	return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
}

// long is a length of time in words: 312 ms, 4.2 s, 3 min 12 s, 1 h 5 min.
func long(m Ms) string {
	if m >= 10_000 {
		m += 500 // to the nearest second
	}
	s := int64(m) / 1000
	switch {
	case m < 1000:
		return fmt.Sprintf("%d ms", m)
	case s < 10 && m%1000 >= 100:
		return fmt.Sprintf("%d.%d s", s, int64(m)%1000/100)
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s/60%60 == 0:
		return fmt.Sprintf("%d h", s/3600)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
}

func plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "person"):
		return fmt.Sprintf("%d %speople", n, strings.TrimSuffix(one, "person"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// shown makes one line of what somebody typed: what would be obeyed instead of read is written as its code
// point. Joiners and variation selectors stay: they are part of emoji and of several scripts, and do
// nothing beyond the characters that they join.
func shown(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, string(utf8.RuneError)) {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Zs):
			b.WriteByte(' ')
		case r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r):
			b.WriteRune(r)
		case obeyed(r):
			_, _ = fmt.Fprintf(&b, "‹U+%04X›", r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// obeyed tells characters that do something instead of being seen.
func obeyed(r rune) bool {
	return !unicode.IsGraphic(r) && r != utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Bidi_Control, unicode.Other_Default_Ignorable_Code_Point)
}

// bars draws counts as a line of bars, several minutes a bar if there are more than width.
func bars(counts []int, minutes, width int) (line string, perBar int) {
	if minutes < 1 {
		return "", 0
	}
	perBar = (minutes + width - 1) / width
	sums := make([]int, (minutes+perBar-1)/perBar)
	for i, n := range counts {
		if i/perBar < len(sums) {
			sums[i/perBar] += n
		}
	}
	most := 0
	for _, n := range sums {
		most = max(most, n)
	}
	steps := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range sums {
		switch {
		case n == 0:
			b.WriteRune('·')
		default:
			b.WriteRune(steps[(n*len(steps)-1)/most])
		}
	}
	return b.String(), perBar
}
