package stage

// maxKept bounds what a subscriber is sent when it comes, beside what is live: 256 packets are 300 kB, and a
// second of 2.5 Mbit/s. Beyond it a new key frame is quicker, and kinder to the line.
const maxKept = 256

// group is the newest key frame and everything after it (a group of pictures): what a decoder that comes
// now needs to show the picture at once. It is empty when there is none, or when it has become too long.
type group struct {
	bursts  []burst
	packets int
}

// add takes the next burst of the stream.
func (g *group) add(b burst) {
	if b.keyFrame {
		*g = group{}
	} else if len(g.bursts) == 0 {
		return
	}
	if g.packets += len(b.packets); g.packets > maxKept {
		*g = group{}
		return
	}
	g.bursts = append(g.bursts, b)
}
