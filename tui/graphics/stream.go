package graphics

import (
	"image"
	"slices"

	"github.com/charmbracelet/colorprofile"
)

const (
	// SSHBudget is the Budget at which two pictures a second stay below the 30 KB/s that the console
	// promises over SSH, with a sixth of them left for everything else on the screen.
	SSHBudget = 12_500
	// noise is the change of a cell (in the measure of apart) below which it stays as it was: what JPEG
	// makes of an unchanged place from picture to picture.
	noise = 2 * 8 * 8
)

// Stream draws pictures that follow one another as half blocks, so that a renderer which writes only what
// has changed writes little. It is of one owner.
//
// Three things keep a picture small: cells that differ from the last picture by less than is seen stay as
// they were; if the others would cost more than Budget, the rows in which most has changed come first,
// and those that wait gain weight with every picture; and what had to wait is compared again with the
// next picture, so that a picture that stands still is whole after a moment.
type Stream struct {
	// Profile is what the terminal has. A picture in TrueColor takes hardly more bytes than one in ANSI256
	// and looks far better; the budget holds for both.
	Profile colorprofile.Profile
	// Budget bounds what a picture costs after the first, in bytes, but for one row; 0 is no bound.
	Budget int

	last    grid
	profile colorprofile.Profile // of last
	waited  []int                // for each row, for how many pictures it has waited
}

// Blocks draws the next picture into at most columns by rows cells as text, its shape kept for cells twice as
// high as wide: half blocks of two colours a cell where Profile has colours, else shades of ASCII
// characters, for a dark background. It returns the lines, all of one width; none if there is nothing to
// draw or the profile is not a terminal's. After a change of size or Profile everything is new, and Budget
// does not hold.
//
// Colours are cut to what the profile has and to 5 bits a part at most: nobody sees the difference, and
// neighbours that become equal share one escape sequence.
func (s *Stream) Blocks(img image.Image, columns, rows int) []string {
	next := sample(img, columns, rows, s.Profile)
	switch {
	case s.last.w != next.w || s.last.h != next.h || s.profile != s.Profile:
		s.waited = make([]int, next.h)
	case s.Profile > colorprofile.ASCII:
		s.settle(next)
	}
	s.last, s.profile = next, s.Profile
	return next.lines(s.Profile)
}

// row is one that has changed.
type row struct {
	y, cost int
	weight  int // how much there is to be seen of it
}

// settle takes back what of the next picture is noise, or does not fit the budget.
func (s *Stream) settle(next grid) {
	var changed []row
	total := 0
	for y := range next.h {
		r := row{y: y}
		first, last := -1, -1
		for x := range next.w {
			i := y*next.w + x
			d := apart(next.cells[i], s.last.cells[i])
			if d < noise {
				next.cells[i] = s.last.cells[i]
				continue
			}
			r.weight += d / noise
			if last = x; first < 0 {
				first = x
			}
		}
		if first < 0 {
			s.waited[y] = 0
			continue
		}
		r.weight *= 1 + s.waited[y]
		r.cost = next.cost(y, first, last)
		total += r.cost
		changed = append(changed, r)
	}
	if s.Budget <= 0 || total <= s.Budget {
		clear(s.waited)
		return
	}
	slices.SortStableFunc(changed, func(a, b row) int { return b.weight - a.weight })
	spent := 0
	for i, r := range changed {
		if i == 0 || spent+r.cost <= s.Budget {
			spent += r.cost
			s.waited[r.y] = 0
			continue
		}
		s.waited[r.y]++
		copy(next.cells[r.y*next.w:(r.y+1)*next.w], s.last.cells[r.y*next.w:])
	}
}

// cost is what it takes to write the cells first to last of a row, in bytes: the way there, and for each
// cell its colours, if they are not those of the cell before, and its character. Bubble Tea's renderer
// writes a row from its first to its last change, with what is between.
func (g grid) cost(y, first, last int) int {
	bytes := len("\x1b[000;000H")
	before := duo{upper: ^ink(0), lower: ^ink(0)}
	for _, c := range g.cells[y*g.w+first : y*g.w+last+1] {
		char := len("▀")
		if c.upper == c.lower {
			c.upper, char = none, len(" ")
		}
		bytes += char
		if c != before {
			bytes += len("\x1b[m")
		}
		if c.upper != before.upper {
			bytes += c.upper.length()
		}
		if c.lower != before.lower {
			bytes += c.lower.length()
		}
		before = c
	}
	return bytes
}

// length is how many bytes a colour takes, with what parts it from its neighbour.
func (i ink) length() int {
	digits := func(n ink) int {
		switch {
		case n > 99:
			return 3
		case n > 9:
			return 2
		}
		return 1
	}
	switch {
	case i == none:
		return len("39;")
	case i >= rgb:
		return len("38;2;;;;") + digits(i>>16&255) + digits(i>>8&255) + digits(i&255)
	case i >= 16:
		return len("38;5;;") + digits(i)
	}
	return len("107;")
}
