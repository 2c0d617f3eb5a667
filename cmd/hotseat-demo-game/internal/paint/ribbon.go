package paint

import (
	"image"
	"math"

	"golang.org/x/image/vector"

	"hotseat/cmd/hotseat-demo-game/internal/world"
)

// ribbon is the band behind the plane: one tapering outline that fades towards
// its end. It keeps its memory from frame to frame.
type ribbon struct {
	ras    *vector.Rasterizer
	img    image.Alpha
	points []world.Point
	left   []float32 // x, y of one edge; the other one is walked back
	rest   []float32
}

func (r *ribbon) draw(c *Canvas, w *world.World, scale float64) {
	if len(w.Plane.Trail) < 3 {
		return
	}
	// The plane itself is the newest point.
	trail := append(r.points[:0], w.Plane.Trail...)
	tail := world.Point{X: w.Plane.X - 20*math.Cos(w.Plane.Tilt), Y: w.Plane.Y - 20*math.Sin(w.Plane.Tilt)}
	if !w.Crashed() {
		trail = append(trail, tail)
	}
	r.points = trail
	n := len(trail)
	at := func(i int) (x, y, k float64) {
		i = min(max(i, 0), n-1)
		k = float64(i+1) / float64(n) // 0 at the end, 1 at the plane
		return trail[i].X * scale, (trail[i].Y + 7*(1-k)*math.Sin(w.Now*6-k*9)) * scale, k
	}
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := range trail {
		x, y, _ := at(i)
		minX, maxX = min(minX, x), max(maxX, x)
		minY, maxY = min(minY, y), max(maxY, y)
	}
	const room = 12
	x0, y0, x1, y1 := c.clip(int(minX)-room, int(minY)-room, int(maxX)+room, int(maxY)+room)
	if x1-x0 < 4 || y1-y0 < 4 {
		return
	}
	r.left, r.rest = r.left[:0], r.rest[:0]
	for i := range trail {
		x, y, k := at(i)
		ax, ay, _ := at(i - 1)
		bx, by, _ := at(i + 1)
		dx, dy := bx-ax, by-ay
		length := max(math.Hypot(dx, dy), 0.001)
		half := (0.8 + 5.6*k) * scale
		nx, ny := -dy/length*half, dx/length*half
		ox, oy := float64(x0), float64(y0)
		r.left = append(r.left, float32(x+nx-ox), float32(y+ny-oy))
		r.rest = append(r.rest, float32(x-nx-ox), float32(y-ny-oy))
	}
	width, height := x1-x0, y1-y0
	if r.ras == nil {
		r.ras = vector.NewRasterizer(width, height)
	}
	r.ras.Reset(width, height)
	r.ras.MoveTo(r.left[0], r.left[1])
	for i := 2; i < len(r.left); i += 2 {
		r.ras.LineTo(r.left[i], r.left[i+1])
	}
	for i := len(r.rest) - 2; i >= 0; i -= 2 {
		r.ras.LineTo(r.rest[i], r.rest[i+1])
	}
	r.ras.ClosePath()
	if cap(r.img.Pix) < width*height {
		r.img.Pix = make([]uint8, width*height*3/2)
	}
	r.img.Pix, r.img.Stride, r.img.Rect = r.img.Pix[:width*height], width, image.Rect(0, 0, width, height)
	clear(r.img.Pix)
	r.ras.Draw(&r.img, r.img.Rect, image.Opaque, image.Point{})

	span := max(maxX-minX, 1)
	for y := range height {
		row := c.Pix[(y0+y)*c.Width+x0 : (y0+y)*c.Width+x1]
		for x, v := range r.img.Pix[y*width : (y+1)*width] {
			if v > 0 {
				k := clamp01((float64(x0+x) - minX) / span)
				row[x] = over(row[x], uint32(w.Plane.Color), uint32(float64(v)*k*(0.25+0.6*k)))
			}
		}
	}
}
