package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// fit makes text exactly width cells wide: cut with an ellipsis, or filled with spaces.
func fit(text string, width int) string {
	if width <= 0 {
		return ""
	}
	w := ansi.StringWidth(text)
	if w > width {
		text = ansi.Truncate(text, width, "…")
		w = ansi.StringWidth(text)
	}
	return text + strings.Repeat(" ", max(0, width-w))
}

// sides puts left and right at the ends of a line of width cells; left gives way.
func sides(left, right string, width int) string {
	r := ansi.StringWidth(right)
	if r == 0 {
		return fit(left, width)
	}
	if r >= width {
		return fit(right, width)
	}
	return fit(left, width-r-1) + " " + right
}

// wrap breaks text at spaces into lines of at most width cells; longer words are cut.
func wrap(text string, width int) []string {
	if width < 1 {
		return nil
	}
	return strings.Split(ansi.Wrap(text, width, ""), "\n")
}

// clock is a length of time as people read clocks: 0:07, 3:12, 1:02:03. Negative is 0:00.
func clock(d time.Duration) string {
	s := int(max(0, d) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// took is how long something took: "312 ms", "4.2 s".
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// plural counts things: 1 request, 2 requests.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// thousands writes 2980 as 2,980.
func thousands(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sparkline draws the newest values that fit, each as a bar between low and high.
func sparkline(values []float64, width int, low, high float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	values = values[max(0, len(values)-width):]
	var b strings.Builder
	for range max(0, width-len(values)) {
		b.WriteByte(' ')
	}
	for _, v := range values {
		at := 0.0
		if high > low {
			at = (v - low) / (high - low)
		}
		b.WriteRune(bars[min(max(int(at*float64(len(bars))), 0), len(bars)-1)])
	}
	return b.String()
}

func width(text string) int { return ansi.StringWidth(text) }

// cutLeft is a line without its first cells.
func cutLeft(line string, cells int) string {
	w := ansi.StringWidth(line)
	if cells >= w {
		return ""
	}
	return ansi.Cut(line, cells, w)
}
