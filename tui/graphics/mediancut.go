package graphics

import (
	"cmp"
	"slices"
)

// medianCut parts colours into at most n boxes: the box with the most to gain is cut in the middle of its
// pixels along the part (red, green, blue) in which its colours differ most, until there are enough.
func medianCut(list []counted, n int) [][]counted {
	if len(list) == 0 {
		return nil
	}
	type box struct {
		colours []counted
		along   int // the part in which they differ most
		gain    int // how much, weighed by the pixels
	}
	measure := func(colours []counted) box {
		b := box{colours: colours}
		pixels := 0
		for _, c := range colours {
			pixels += c.n
		}
		for part := range 3 {
			low, high := uint8(255), uint8(0)
			for _, c := range colours {
				low, high = min(low, c.colour[part]), max(high, c.colour[part])
			}
			if d := int(high-low) * pixels; d > b.gain {
				b.along, b.gain = part, d
			}
		}
		return b
	}
	boxes := []box{measure(list)}
	for len(boxes) < n {
		i := 0
		for j := range boxes {
			if boxes[j].gain > boxes[i].gain {
				i = j
			}
		}
		if boxes[i].gain == 0 { // one colour in each
			break
		}
		colours, along := boxes[i].colours, boxes[i].along
		slices.SortFunc(colours, func(a, b counted) int {
			return cmp.Or(cmp.Compare(a.colour[along], b.colour[along]), slices.Compare(a.colour[:], b.colour[:]))
		})
		pixels := 0
		for _, c := range colours {
			pixels += c.n
		}
		cut, before := 1, colours[0].n
		for cut < len(colours)-1 && before < pixels/2 {
			before += colours[cut].n
			cut++
		}
		boxes[i] = measure(colours[:cut:cut])
		boxes = append(boxes, measure(colours[cut:]))
	}
	out := make([][]counted, len(boxes))
	for i, b := range boxes {
		out[i] = b.colours
	}
	return out
}
