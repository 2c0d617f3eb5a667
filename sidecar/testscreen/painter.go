package testscreen

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// The time code: CodeBits cells of CodeCell x CodeCell pixels in the top left corner, white is
// one, most significant first, of CodeUnit since Epoch; after them a parity cell.
const (
	CodeBits = 28
	CodeCell = 16
	CodeUnit = 100 * time.Microsecond
)

// Epoch is zero of the time code.
var Epoch = time.Now()

// Paint scrolls the whole screen and writes the time code, fps times a second, until the test
// ends or stop is called.
func Paint(t testing.TB, display string, fps int) (stop func()) {
	t.Helper()
	return paint(t, display, fps, (*painter).frame)
}

// Storm is Paint with so much new in each picture that an encoder uses all the bits that it may.
func Storm(t testing.TB, display string, fps int) (stop func()) {
	t.Helper()
	return paint(t, display, fps, func(p *painter) {
		for range 80 {
			p.fill(rand.Uint32()&0xffffff, xproto.Rectangle{X: int16(rand.N(p.width)), Y: int16(rand.N(p.height)), Width: 40, Height: 24})
		}
		p.frame()
	})
}

func paint(t testing.TB, display string, fps int, draw func(*painter)) (stop func()) {
	t.Helper()
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatalf("open display %s: %v", display, err)
	}
	p, err := newPainter(conn)
	if err != nil {
		t.Fatalf("paint on %s: %v", display, err)
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / time.Duration(fps))
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				draw(p)
			}
		}
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			close(quit)
			<-done
			conn.Close()
		})
	}
	t.Cleanup(stop)
	return stop
}

type painter struct {
	conn          *xgb.Conn
	win           xproto.Drawable
	gc            xproto.Gcontext
	width, height uint16
}

func newPainter(conn *xgb.Conn) (*painter, error) {
	s := xproto.Setup(conn).DefaultScreen(conn)
	win, err := xproto.NewWindowId(conn)
	if err != nil {
		return nil, err
	}
	gc, err := xproto.NewGcontextId(conn)
	if err != nil {
		return nil, err
	}
	if err := xproto.CreateWindowChecked(conn, s.RootDepth, win, s.Root, 0, 0, s.WidthInPixels, s.HeightInPixels, 0,
		xproto.WindowClassInputOutput, s.RootVisual, xproto.CwOverrideRedirect, []uint32{1}).Check(); err != nil {
		return nil, fmt.Errorf("create a window: %w", err)
	}
	if err := xproto.CreateGCChecked(conn, gc, xproto.Drawable(win), xproto.GcGraphicsExposures, []uint32{0}).Check(); err != nil {
		return nil, fmt.Errorf("create a graphics context: %w", err)
	}
	if err := xproto.MapWindowChecked(conn, win).Check(); err != nil {
		return nil, fmt.Errorf("map the window: %w", err)
	}
	p := &painter{conn: conn, win: xproto.Drawable(win), gc: gc, width: s.WidthInPixels, height: s.HeightInPixels}
	for range int(p.width) / scroll { // fill the screen once
		p.scroll()
	}
	return p, nil
}

const scroll = 8 // pixels a frame

func (p *painter) fill(rgb uint32, r ...xproto.Rectangle) {
	xproto.ChangeGC(p.conn, p.gc, xproto.GcForeground, []uint32{rgb})
	xproto.PolyFillRectangle(p.conn, p.win, p.gc, r)
}

// scroll moves everything to the left and draws a new column of coloured blocks.
func (p *painter) scroll() {
	xproto.CopyArea(p.conn, p.win, p.win, p.gc, scroll, 0, 0, 0, p.width-scroll, p.height)
	for y := uint16(0); y < p.height; y += 24 {
		p.fill(rand.Uint32()&0xffffff, xproto.Rectangle{X: int16(p.width - scroll), Y: int16(y), Width: scroll, Height: 24})
	}
}

func (p *painter) frame() {
	p.scroll()
	code := uint32(time.Since(Epoch)/CodeUnit) & (1<<CodeBits - 1)
	var cells [2][]xproto.Rectangle // black, white
	parity := uint32(0)
	cell := func(i int, bit uint32) {
		cells[bit] = append(cells[bit], xproto.Rectangle{X: int16(i * CodeCell), Width: CodeCell, Height: CodeCell})
	}
	for i := range CodeBits {
		bit := code >> (CodeBits - 1 - i) & 1
		parity ^= bit
		cell(i, bit)
	}
	cell(CodeBits, parity)
	for bit, r := range cells {
		if len(r) > 0 {
			p.fill([]uint32{0x000000, 0xffffff}[bit], r...)
		}
	}
}

// ReadCode reads the time code from the brightness of a picture; ok is false when the parity
// is wrong.
func ReadCode(luma []byte, stride int) (at time.Time, ok bool) {
	var code, parity uint32
	for i := range CodeBits + 1 {
		bit := uint32(0)
		if x := i*CodeCell + CodeCell/2; (CodeCell/2)*stride+x < len(luma) && luma[(CodeCell/2)*stride+x] > 128 {
			bit = 1
		}
		parity ^= bit
		if i < CodeBits {
			code = code<<1 | bit
		}
	}
	return Epoch.Add(time.Duration(code) * CodeUnit), parity == 0
}
