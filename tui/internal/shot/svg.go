package shot

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The size of a cell in SVG units, near that of DejaVu Sans Mono and most others: 0.6 em wide.
const (
	cellWidth, cellHeight = 9.0, 19.0
	fontSize              = 15
	baseline              = 14.2
	margin                = 14.0
)

// fonts are asked for in turn; the text's length is fixed, so any monospaced one fits.
const fonts = `'DejaVu Sans Mono','JetBrains Mono',ui-monospace,Menlo,Consolas,monospace`

// SVG writes the screen as a picture with the palette's background and a title for those who do
// not see it.
func SVG(w io.Writer, grid [][]Cell, p Palette, title string) error {
	columns := 0
	if len(grid) > 0 {
		columns = len(grid[0])
	}
	out := bufio.NewWriter(w)
	width, height := float64(columns)*cellWidth+2*margin, float64(len(grid))*cellHeight+2*margin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="%s" font-size="%d" role="img">`+"\n",
		width, height, width, height, fonts, fontSize)
	fmt.Fprintf(out, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"10\" fill=\"%s\"/>\n<g transform=\"translate(%g %g)\">\n", escape(title), p.Paper, margin, margin)
	for y, row := range grid {
		backgrounds(out, y, row)
	}
	for y, row := range grid {
		for x, c := range row {
			shape(out, x, y, c)
		}
		texts(out, y, row)
	}
	fmt.Fprint(out, "</g>\n</svg>\n")
	return out.Flush()
}

// backgrounds draws runs of one paper, and the lower halves of half blocks with them.
func backgrounds(out io.Writer, y int, row []Cell) {
	for x := 0; x < len(row); {
		end := x + 1
		for end < len(row) && row[end].Paper == row[x].Paper {
			end++
		}
		if row[x].Paper != "" {
			fmt.Fprintf(out, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s" shape-rendering="crispEdges"/>`+"\n",
				float64(x)*cellWidth, float64(y)*cellHeight, float64(end-x)*cellWidth, cellHeight, row[x].Paper)
		}
		x = end
	}
}

// shape draws a cell that is a piece of a larger figure.
func shape(out io.Writer, x, y int, c Cell) {
	left, top := float64(x)*cellWidth, float64(y)*cellHeight
	midX, midY := left+cellWidth/2, top+cellHeight/2
	right, bottom := left+cellWidth, top+cellHeight
	line := func(width float64, path string, args ...any) {
		fmt.Fprintf(out, `<path d="%s" fill="none" stroke="%s" stroke-width="%g"/>`+"\n", fmt.Sprintf(path, args...), c.Ink, width)
	}
	block := func(y, height float64) {
		fmt.Fprintf(out, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s" shape-rendering="crispEdges"/>`+"\n", left, y, cellWidth, height, c.Ink)
	}
	const radius = 4
	switch r := c.first(); r {
	case '─':
		line(1.1, "M%g %gH%g", left, midY, right)
	case '━':
		line(2.6, "M%g %gH%g", left, midY, right)
	case '│':
		line(1.1, "M%g %gV%g", midX, top, bottom)
	case '╭':
		line(1.1, "M%g %gV%gQ%g %g %g %gH%g", midX, bottom, midY+radius, midX, midY, midX+radius, midY, right)
	case '╮':
		line(1.1, "M%g %gH%gQ%g %g %g %gV%g", left, midY, midX-radius, midX, midY, midX, midY+radius, bottom)
	case '╰':
		line(1.1, "M%g %gV%gQ%g %g %g %gH%g", midX, top, midY-radius, midX, midY, midX+radius, midY, right)
	case '╯':
		line(1.1, "M%g %gH%gQ%g %g %g %gV%g", left, midY, midX-radius, midX, midY, midX, midY-radius, top)
	case '└':
		line(1.1, "M%g %gV%gH%g", midX, top, midY, right)
	case '▀':
		block(top, cellHeight/2)
	default:
		if eighths := float64(r - '▁' + 1); r >= '▁' && r <= '█' {
			tall := cellHeight * 0.86 * eighths / 8 // air above, so that rows of bars stay apart
			fmt.Fprintf(out, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n", left+0.6, bottom-tall-1, cellWidth-1.2, tall, c.Ink)
		}
	}
}

func drawn(c Cell) bool {
	r := c.first()
	return strings.ContainsRune("─━│╭╮╰╯└▀", r) || r >= '▁' && r <= '█'
}

// texts draws runs of one style; spaces end a run, so that each word is held in its place.
func texts(out io.Writer, y int, row []Cell) {
	for x := 0; x < len(row); {
		c := row[x]
		if c.Text == "" || c.Text == " " || drawn(c) {
			x++
			continue
		}
		end, text := x, ""
		for end < len(row) && row[end].Text != " " && !drawn(row[end]) && row[end].Ink == c.Ink && row[end].Bold == c.Bold && row[end].Italic == c.Italic {
			text += row[end].Text
			end++
		}
		style := ""
		if c.Bold {
			style = ` font-weight="bold"`
		}
		if c.Italic {
			style += ` font-style="italic"`
		}
		fmt.Fprintf(out, `<text x="%g" y="%g" textLength="%g" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
			float64(x)*cellWidth, float64(y)*cellHeight+baseline, float64(end-x)*cellWidth, c.Ink, style, escape(text))
		x = end
	}
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
