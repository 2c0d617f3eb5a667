package paint

import (
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// scenery is all that does not play: a sky, clouds and four ranges of hills, each
// nearer one faster than the one behind it.
type scenery struct {
	sky     []uint32 // rows 0…skyRows
	skyRows int
	clouds  *layer
	ranges  []movingLayer // from far to near
	twinkle []twinkle
}

type movingLayer struct {
	*layer
	pace float64 // of the speed of the foreground
}

type twinkle struct {
	x, y, size float64 // pixels
	phase      float64
}

// rangeLook describes one range of hills. Heights are points from the top.
type rangeLook struct {
	pace          float64
	base, swing   float64
	jagged        bool
	light, body   uint32 // at the ridge, and below it
	mist          uint32 // towards its foot
	trees, houses int
	treeSize      float64
}

// The ranges lose contrast and gain the colour of the sky with distance, as
// hills at dusk do.
var rangeLooks = []rangeLook{
	{pace: 0.10, base: 430, swing: 74, jagged: true, light: 0xc06d8c, body: 0x8d4a80, mist: 0xc9788e},
	{pace: 0.22, base: 500, swing: 56, jagged: true, light: 0x84487f, body: 0x5e3270, mist: 0x8b4d84},
	{pace: 0.45, base: 575, swing: 38, light: 0x55306b, body: 0x3c2158, mist: 0x51306b, trees: 60, houses: 7, treeSize: 26},
	{pace: 1.00, base: 668, swing: 20, light: 0x2c1848, body: 0x1b0f33, mist: 0x150b28, trees: 46, treeSize: 54},
}

// skyColors from the top of the picture to the horizon.
var skyColors = []struct {
	at    float64 // share of the height
	color uint32
}{
	{0, 0x1a1440}, {0.22, 0x3a2263}, {0.42, 0x7d3b80}, {0.56, 0xd0667f}, {0.66, 0xf59a7c}, {0.74, 0xffc795}, {1, 0xffd9a8},
}

const scenerySeed = 7

func newScenery(width, height int) *scenery {
	s := &scenery{}
	scale := float64(height) / 720
	rng := rand.New(rand.NewPCG(scenerySeed, 0))

	// The sky is only seen above the lowest dip of the first range.
	first := rangeLooks[0]
	s.skyRows = min(height, int(math.Ceil((first.base+first.swing+4)*scale)))
	s.sky = make([]uint32, width*s.skyRows)
	sunX, sunY, sunR := 0.70*float64(width), 0.525*float64(height), 74*scale
	for y := range s.skyRows {
		base := gradient(float64(y) / float64(height))
		for x := range width {
			c := base
			d := math.Hypot(float64(x)-sunX, (float64(y)-sunY)*1.06)
			if d < sunR*7 {
				k := 1 - d/(sunR*7)
				c = mix(c, [3]float64{255, 214, 150}, k*k*0.62)
			}
			if cover := clamp01(sunR - d); cover > 0 {
				c = mix(c, [3]float64{255, 238, 200}, cover)
			}
			// Dither: gradients this wide show steps otherwise, in video most of all.
			noise := rng.Float64() - 0.5
			s.sky[y*width+x] = pack([3]float64{c[0] + noise, c[1] + noise, c[2] + noise})
		}
	}
	for range 70 {
		y := rng.Float64()
		s.twinkle = append(s.twinkle, twinkle{
			x: rng.Float64() * float64(width), y: y * y * 300 * scale,
			size: (0.8 + 1.1*rng.Float64()*rng.Float64()) * scale, phase: rng.Float64() * 7,
		})
	}
	s.clouds = newClouds(width*3/2, scale, rng)
	for i, look := range rangeLooks {
		bottom := 720.0
		if i+1 < len(rangeLooks) {
			next := rangeLooks[i+1]
			bottom = next.base + next.swing + 4
		}
		s.ranges = append(s.ranges, movingLayer{newRange(look, width*2, bottom, scale, rng), look.pace})
	}
	return s
}

func gradient(at float64) [3]float64 {
	for i := 1; i < len(skyColors); i++ {
		if a, b := skyColors[i-1], skyColors[i]; at <= b.at {
			return mix(unpack(a.color), unpack(b.color), (at-a.at)/(b.at-a.at))
		}
	}
	return unpack(skyColors[len(skyColors)-1].color)
}

// newClouds makes long soft streaks from overlapping blobs.
func newClouds(width int, scale float64, rng *rand.Rand) *layer {
	height := int(330 * scale)
	cover := make([]float64, width*height)
	for range 7 {
		cx, cy := rng.Float64()*float64(width), (0.3+0.55*rng.Float64())*float64(height)
		length := (110 + 150*rng.Float64()) * scale
		for range 16 {
			bx, by := cx+(rng.Float64()-0.5)*2*length, cy+(rng.Float64()-0.5)*20*scale
			rx, ry := (36+56*rng.Float64())*scale, (7+9*rng.Float64())*scale
			for y := int(by - ry); y < int(by+ry); y++ {
				if y < 0 || y >= height {
					continue
				}
				for x := int(bx - rx); x < int(bx+rx); x++ {
					d := math.Hypot((float64(x)-bx)/rx, (float64(y)-by)/ry)
					if d < 1 {
						cover[y*width+((x%width)+width)%width] += (1 - d) * (1 - d) * 0.5
					}
				}
			}
		}
	}
	pix, alpha := make([]uint32, len(cover)), make([]uint8, len(cover))
	for i, v := range cover {
		if v < 0.03 {
			continue
		}
		y := float64(i/width) / float64(height)
		pix[i] = pack(mix([3]float64{178, 116, 176}, [3]float64{255, 196, 168}, y))
		alpha[i] = uint8(min(v, 0.62) * 255)
	}
	return newLayer(pix, alpha, width, height, int(70*scale))
}

// newRange draws one range of hills, down to where the next one always covers
// it: nothing is painted that is never seen.
func newRange(look rangeLook, width int, bottom, scale float64, rng *rand.Rand) *layer {
	room := look.treeSize*1.5 + 6
	top := look.base - look.swing - room
	topRow := int(top * scale)
	height := int(math.Ceil(bottom*scale)) - topRow
	ridge := ridgeLine(look, width, rng) // points from the top of the screen
	ras := vector.NewRasterizer(width, height)
	y := func(points float64) float32 { return float32(points*scale) - float32(topRow) }
	ras.MoveTo(0, float32(height))
	ras.LineTo(0, y(ridge[0]))
	for x := 1; x < width; x++ {
		ras.LineTo(float32(x), y(ridge[x]))
	}
	ras.LineTo(float32(width), y(ridge[0]))
	ras.LineTo(float32(width), float32(height))
	ras.ClosePath()
	for range look.trees {
		x := rng.IntN(width)
		pine(ras, x, width, y(ridge[x]+3), float32(look.treeSize*(0.55+0.75*rng.Float64())*scale))
	}
	mask := rasterized(ras, width, height)
	pix := make([]uint32, width*height)
	light, body, mist := unpack(look.light), unpack(look.body), unpack(look.mist)
	for py := range height {
		points := float64(py+topRow) / scale
		for x := range width {
			depth := points - ridge[x]
			c := mix(light, body, clamp01(depth/34))
			c = mix(c, mist, clamp01((points-look.base)/(bottom-look.base))*0.8)
			if depth < -1.5 {
				c = body // trees; the rim itself is half covered pixels of the hill
			}
			pix[py*width+x] = pack(c)
		}
	}
	l := painted{pix, mask, width, height}
	for range look.houses {
		l.house(rng.IntN(width), ridge, topRow, scale, rng)
	}
	return newLayer(pix, mask.A, width, height, topRow)
}

// ridgeLine is periodic over the width, so that the range can repeat.
func ridgeLine(look rangeLook, width int, rng *rand.Rand) []float64 {
	type wave struct{ turns, share, phase float64 }
	var waves []wave
	sum := 0.0
	for i, turns := range []float64{2, 3, 5, 8, 13, 21, 34, 55} {
		share := math.Pow(0.68, float64(i)) * (0.6 + 0.4*rng.Float64())
		if !look.jagged && i > 4 {
			break
		}
		waves = append(waves, wave{turns, share, rng.Float64() * 7})
		sum += share
	}
	out := make([]float64, width)
	for x := range out {
		v := 0.0
		for _, w := range waves {
			a := 2*math.Pi*w.turns*float64(x)/float64(width) + w.phase
			if look.jagged {
				v += w.share * (1 - 2*math.Abs(math.Sin(a/2))) // peaks; a/2 keeps it periodic because of the absolute value
			} else {
				v += w.share * math.Sin(a)
			}
		}
		out[x] = look.base - look.swing*v/sum
	}
	return out
}

// pine adds a tree of three tiers, and its twin beyond the seam.
func pine(ras *vector.Rasterizer, x, width int, foot, size float32) {
	for _, at := range []float32{float32(x), float32(x - width), float32(x + width)} {
		for tier := range 3 {
			t := float32(tier)
			half := size * (0.34 - 0.075*t)
			low := foot - size*0.36*t - size*0.08
			// All pieces run the same way round as the hills, so that their
			// covers add up instead of cutting holes.
			ras.MoveTo(at-half, low)
			ras.LineTo(at, low-size*0.56)
			ras.LineTo(at+half, low)
			ras.ClosePath()
		}
		ras.MoveTo(at-size*0.04, foot+2)
		ras.LineTo(at-size*0.04, foot-size*0.12)
		ras.LineTo(at+size*0.04, foot-size*0.12)
		ras.LineTo(at+size*0.04, foot+2)
		ras.ClosePath()
	}
}

// painted is a range before it is taken apart into runs.
type painted struct {
	pix           []uint32
	mask          *Mask
	width, height int
}

func (p painted) fill(x, y, w, h int, color uint32) {
	for j := y; j < y+h; j++ {
		for i := x; i < x+w; i++ {
			if j >= 0 && j < p.height {
				at := j*p.width + ((i%p.width)+p.width)%p.width
				p.pix[at], p.mask.A[at] = color, 255
			}
		}
	}
}

// house puts a small house with a lit window on the ridge.
func (p painted) house(x int, ridge []float64, topRow int, scale float64, rng *rand.Rand) {
	u := max(1, int(2.4*scale))
	foot := int(ridge[x]*scale) - topRow + 4*u
	const wall, roof = 0x2f1a49, 0x27153e
	p.fill(x-4*u, foot-6*u, 8*u, 7*u, wall)
	for i := range 5 {
		p.fill(x-5*u+i*u, foot-(7+i)*u, (10-2*i)*u, u, roof)
	}
	for i := range 2 {
		if rng.Float64() < 0.8 {
			p.fill(x-3*u+i*4*u, foot-4*u, 2*u, 2*u, 0xffcf7a)
		}
	}
}

// draw paints the scenery; distance is in points.
func (s *scenery) draw(c *Canvas, sh *shapes, distance, now, scale float64) {
	copy(c.Pix, s.sky)
	for _, t := range s.twinkle {
		c.stampAt(sh.get(shapeDisc, t.size, 0), t.x, t.y, 0xfff4e0, 0.35+0.3*math.Sin(now*1.3+t.phase))
	}
	s.clouds.draw(c, int(distance*0.045*scale))
	for _, r := range s.ranges {
		r.draw(c, int(distance*r.pace*scale))
	}
}

func unpack(c uint32) [3]float64 {
	return [3]float64{float64(c >> 16 & 255), float64(c >> 8 & 255), float64(c & 255)}
}

func pack(c [3]float64) uint32 {
	channel := func(v float64) uint32 { return uint32(min(max(v, 0), 255) + 0.5) }
	return channel(c[0])<<16 | channel(c[1])<<8 | channel(c[2])
}

func mix(a, b [3]float64, k float64) [3]float64 {
	k = clamp01(k)
	return [3]float64{a[0] + (b[0]-a[0])*k, a[1] + (b[1]-a[1])*k, a[2] + (b[2]-a[2])*k}
}

func clamp01(v float64) float64 { return min(max(v, 0), 1) }
