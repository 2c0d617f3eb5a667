// Package paint draws the world in software, into 32-bit pixels that an X server
// takes as they are. It is made for a small machine without a graphics card:
// scenery is prepared once as run-length sprites whose opaque runs are copied,
// everything soft is an 8-bit mask drawn in a colour.
//
// It reads the world and never changes it; it does not know X11 or the network.
package paint

import "unsafe"

// Canvas is a picture of Width x Height pixels without padding. A pixel is
// 0xXXRRGGBB, which on little-endian machines (amd64, arm64) is the byte order
// B, G, R, X of an X11 visual of depth 24.
type Canvas struct {
	Pix           []uint32
	Width, Height int
}

// NewCanvas makes a black picture.
func NewCanvas(width, height int) *Canvas {
	return &Canvas{Pix: make([]uint32, width*height), Width: width, Height: height}
}

// CanvasOn makes a picture on memory that somebody else owns, such as a segment
// shared with the X server. It returns nil when buf is too small.
func CanvasOn(buf []byte, width, height int) *Canvas {
	if width <= 0 || height <= 0 || len(buf) < width*height*4 {
		return nil
	}
	return &Canvas{Pix: unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(buf))), width*height), Width: width, Height: height}
}

// Bytes are the pixels as bytes, in place.
func (c *Canvas) Bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c.Pix))), len(c.Pix)*4)
}

// over puts a colour over another; alpha is 0…256. Red and blue are worked on
// together, which halves the multiplications.
func over(under, color, alpha uint32) uint32 {
	inv := 256 - alpha
	rb := (color&0xff00ff*alpha + under&0xff00ff*inv) >> 8 & 0xff00ff
	g := (color&0x00ff00*alpha + under&0x00ff00*inv) >> 8 & 0x00ff00
	return rb | g
}

// clip cuts the rectangle x0…x1, y0…y1 to the canvas.
func (c *Canvas) clip(x0, y0, x1, y1 int) (int, int, int, int) {
	return max(x0, 0), max(y0, 0), min(x1, c.Width), min(y1, c.Height)
}

// fill puts a colour over a rectangle; alpha is 0…1.
func (c *Canvas) fill(x, y, w, h int, color uint32, alpha float64) {
	a := alpha256(alpha)
	x0, y0, x1, y1 := c.clip(x, y, x+w, y+h)
	for y := y0; y < y1 && x0 < x1; y++ {
		row := c.Pix[y*c.Width+x0 : y*c.Width+x1]
		if a >= 256 {
			for i := range row {
				row[i] = color
			}
			continue
		}
		for i, under := range row {
			row[i] = over(under, color, a)
		}
	}
}

func alpha256(alpha float64) uint32 { return uint32(min(max(alpha, 0), 1)*256 + 0.5) }

// Mask is a shape: how much of each pixel it covers, 0…255.
type Mask struct {
	A             []uint8
	Width, Height int
	spans         []span // one a row
}

// span is the part of a row that is not empty.
type span struct{ from, to int }

func newMask(a []uint8, width, height int) *Mask {
	m := &Mask{A: a, Width: width, Height: height, spans: make([]span, height)}
	for y := range m.spans {
		row := a[y*width : (y+1)*width]
		from, to := 0, len(row)
		for from < to && row[from] == 0 {
			from++
		}
		for to > from && row[to-1] == 0 {
			to--
		}
		m.spans[y] = span{from, to}
	}
	return m
}

// stamp draws a mask with its top left corner at x, y.
func (c *Canvas) stamp(m *Mask, x, y int, color uint32, alpha float64) {
	a := alpha256(alpha)
	if m == nil || a == 0 {
		return
	}
	for py := max(y, 0); py < min(y+m.Height, c.Height); py++ {
		s := m.spans[py-y]
		from, to := max(s.from, -x), min(s.to, c.Width-x)
		if from >= to {
			continue
		}
		cover := m.A[(py-y)*m.Width+from : (py-y)*m.Width+to]
		row := c.Pix[py*c.Width+x+from:]
		row = row[:len(cover)]
		for i, v := range cover {
			// 255 becomes 256, so that full cover replaces the pixel.
			k := (uint32(v) + uint32(v>>7)) * a >> 8
			if k == 256 {
				row[i] = color
			} else if k != 0 {
				row[i] = over(row[i], color, k)
			}
		}
	}
}

// stampAt draws a mask centred on x, y.
func (c *Canvas) stampAt(m *Mask, x, y float64, color uint32, alpha float64) {
	if m == nil {
		return
	}
	c.stamp(m, int(x+0.5)-m.Width/2, int(y+0.5)-m.Height/2, color, alpha)
}
