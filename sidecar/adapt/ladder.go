package adapt

// rung is a step down in one dimension, as a fraction.
type rung struct{ num, den int }

var (
	// rates are the frame rates, as parts of the operator's.
	rates = []rung{{1, 1}, {2, 3}, {1, 2}}
	// sizes are the parts of each side.
	sizes = []rung{{1, 1}, {3, 4}, {1, 2}}
)

const (
	// minFramerate and minSide are the least that an IVS Real-Time stage takes.
	minFramerate = 10
	minSide      = 160
	// sizeGrain: H.264 codes blocks of 16 pixels, and 4:2:0 needs even sides.
	sizeGrain = 2
)

func (r rung) of(v int) int { return v * r.num / r.den }

// rate is the frame rate on a rung, never below the stage's least nor above most.
func rate(most int, r rung) int { return min(most, max(minFramerate, r.of(most))) }

// side is a picture's side on a rung.
func side(most int, r rung) int {
	return min(most, max(minSide, r.of(most)/sizeGrain*sizeGrain))
}

// level says where on both ladders the picture is: 0 is the operator's own.
type level struct{ rate, size int }

// down is the next poorer level, with at most so many steps of size; false at the bottom.
func (l level) down(sizeSteps int) (level, bool) {
	switch {
	case l.rate < len(rates)-1:
		l.rate++
	case l.size < sizeSteps:
		l.size++
	default:
		return l, false
	}
	return l, true
}

// up undoes down.
func (l level) up() (level, bool) {
	switch {
	case l.size > 0:
		l.size--
	case l.rate > 0:
		l.rate--
	default:
		return l, false
	}
	return l, true
}

func (l level) depth() int { return l.rate + l.size }
