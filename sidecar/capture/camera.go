package capture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// slots: one is the last picture, one is read by the encoder, one is being written.
const slots = 3

// camera takes pictures of a display or of one window. All its methods belong to one goroutine,
// which waits for the X server as long as that takes; only what is marked so is read by others.
type camera struct {
	display string
	window  Window
	cursor  bool
	log     *slog.Logger
	drawn   func() // called when the target was drawn on, by the goroutine that hears events

	scr    *screen       // nil: not connected
	gone   chan struct{} // closed when the connection ended
	stale  atomic.Bool   // the target must be looked at again; written by the goroutine that hears events
	target target
	asked  asked
	ring   []*slot
	segs   []shm.Seg
	old    []*slot // of another size, or of another connection; some are still read
}

// target is what is captured on this connection.
type target struct {
	window        xproto.Window
	pixmap        xproto.Pixmap // 0: the window itself is read
	x, y          int16         // of the picture in the drawable
	width, height uint16
	format        string // as GStreamer calls it
	bytes         int    // of one pixel
}

func (t target) drawable() xproto.Drawable {
	if t.pixmap != 0 {
		return xproto.Drawable(t.pixmap)
	}
	return xproto.Drawable(t.window)
}

// asked is what the X server was asked to do for a window, to be undone when another is captured.
type asked struct {
	window     xproto.Window // 0: nothing
	damage     damage.Damage // 0: none
	redirected bool
}

// attend asks for the events of a window, and for its own memory, and no longer for those of the window
// before. Errors of these requests are harmless (the window may be gone) and come through the events.
func (c *camera) attend(w xproto.Window) {
	conn, was := c.scr.conn, c.asked
	if was.window == w {
		return
	}
	if was.window != 0 {
		xproto.ChangeWindowAttributes(conn, was.window, xproto.CwEventMask, []uint32{xproto.EventMaskNoEvent})
		if was.damage != 0 {
			damage.Destroy(conn, was.damage)
		}
		if was.redirected {
			composite.UnredirectWindow(conn, was.window, composite.RedirectAutomatic)
		}
	}
	c.asked = asked{window: w}
	xproto.ChangeWindowAttributes(conn, w, xproto.CwEventMask, []uint32{xproto.EventMaskStructureNotify})
	if c.scr.damage {
		c.asked.damage = c.scr.watchDamage(xproto.Drawable(w))
	}
	if c.window.set() && c.scr.composite {
		composite.RedirectWindow(conn, w, composite.RedirectAutomatic)
		c.asked.redirected = true
	}
}

// shoot takes a picture into a slot that is neither shown nor read. errBusy: there is none.
func (c *camera) shoot() (*slot, error) {
	if err := c.ensure(); err != nil {
		return nil, err
	}
	if c.stale.Swap(false) {
		if err := c.aim(); err != nil {
			c.stale.Store(true)
			return nil, c.diagnose(err)
		}
	}
	for i, s := range c.ring {
		if s.shown.Load() || !s.idle() {
			continue
		}
		if err := c.grab(s, i); err != nil {
			c.stale.Store(true)
			return nil, c.diagnose(err)
		}
		return s, nil
	}
	return nil, errBusy
}

var errBusy = errors.New("capture: every picture is still being read")

// ensure has a connection, or makes one.
func (c *camera) ensure() error {
	if c.scr != nil {
		select {
		case <-c.gone:
			c.drop()
		default:
			return nil
		}
	}
	scr, err := dialScreen(c.display)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisplayGone, err)
	}
	c.connect(scr)
	return nil
}

func (c *camera) connect(scr *screen) {
	c.scr, c.gone = scr, make(chan struct{})
	c.target, c.asked = target{}, asked{}
	c.stale.Store(true)
	if scr.renamed && c.log != nil {
		c.log.Warn("the display is another kind of X server than the one before: what it draws is not reported, "+
			"and pictures may be up to one frame older than needed until this program is started again", "display", c.display)
	}
	gone := c.gone
	go func() {
		defer close(gone)
		scr.watch(c.drawn, func() { c.stale.Store(true) })
	}()
}

// drop forgets a connection that ended.
func (c *camera) drop() {
	c.scr.close()
	c.scr = nil
	c.retire()
}

// diagnose tells a dead connection from a window that changed.
func (c *camera) diagnose(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrDisplayGone, err)
	}
	return err
}

// aim finds the target and makes room for its pictures.
func (c *camera) aim() error {
	t := target{window: c.scr.root}
	if c.window.set() {
		// A known window is kept while it is there: its title may change during a game.
		t.window = c.target.window
		if t.window == 0 || !c.viewable(t.window) {
			win, err := c.scr.find(c.window)
			if err != nil {
				return err
			}
			if !c.viewable(win) {
				return errNoWindow
			}
			t.window = win
		}
	}
	c.attend(t.window)
	if c.target.pixmap != 0 {
		xproto.FreePixmap(c.scr.conn, c.target.pixmap)
	}
	c.target = target{window: t.window}
	geo, err := xproto.GetGeometry(c.scr.conn, xproto.Drawable(t.window)).Reply()
	if err != nil {
		return err
	}
	t.width, t.height = geo.Width, geo.Height
	visual := c.scr.visual
	if c.window.set() {
		attrs, err := xproto.GetWindowAttributes(c.scr.conn, t.window).Reply()
		if err != nil {
			return err
		}
		visual = attrs.Visual
	}
	if t.format, t.bytes, err = c.scr.pixels(t.width, t.height, geo.Depth, visual); err != nil {
		return err
	}
	if c.window.set() && c.scr.composite {
		// The window's own memory: what covers the window is not in it.
		id, err := xproto.NewPixmapId(c.scr.conn)
		if err != nil {
			return err
		}
		if err := composite.NameWindowPixmapChecked(c.scr.conn, t.window, id).Check(); err != nil {
			return err
		}
		t.pixmap, t.x, t.y = id, int16(geo.BorderWidth), int16(geo.BorderWidth)
	}
	c.target = t
	return c.room()
}

func (c *camera) viewable(w xproto.Window) bool {
	attrs, err := xproto.GetWindowAttributes(c.scr.conn, w).Reply()
	return err == nil && attrs.MapState == xproto.MapStateViewable
}

// stride is the length of a row: both X and GStreamer pad it to four bytes.
func (t target) stride() int { return (int(t.width)*t.bytes + 3) &^ 3 }

// room makes sure that there are slots of the target's size.
func (c *camera) room() error {
	c.sweep()
	size := c.target.stride() * int(c.target.height)
	if len(c.ring) == slots && len(c.ring[0].data) >= size { // fewer: memory ran out half way
		return nil // a smaller window fits too
	}
	c.retire()
	for range slots {
		if !c.scr.shm {
			s, err := newPrivateSlot(size)
			if err != nil {
				return err
			}
			c.ring = append(c.ring, s)
			continue
		}
		s, err := newSlot(size)
		if err != nil {
			return err
		}
		seg, err := shm.NewSegId(c.scr.conn)
		if err == nil {
			err = shm.AttachChecked(c.scr.conn, seg, uint32(s.shared), false).Check()
		}
		if err == nil && !s.common() {
			// The number means other memory to the X server: it must not write there.
			shm.Detach(c.scr.conn, seg)
			err = errOtherMemory
		}
		s.markRemoved()
		if err != nil {
			s.free()
			if errors.Is(err, io.EOF) {
				return err
			}
			c.scr.shm = false // a display on another machine or in another container: pictures come through the socket
			c.retire()
			return c.room()
		}
		c.ring, c.segs = append(c.ring, s), append(c.segs, seg)
	}
	return nil
}

var errOtherMemory = errors.New("capture: the X server sees other shared memory")

// retire puts the slots aside until nobody reads them.
func (c *camera) retire() {
	if c.scr != nil {
		for _, seg := range c.segs {
			shm.Detach(c.scr.conn, seg)
		}
	}
	c.old, c.ring, c.segs = append(c.old, c.ring...), nil, nil
}

// sweep frees the retired slots that are neither shown nor read.
func (c *camera) sweep() {
	var still []*slot
	for _, s := range c.old {
		if s.idle() && !s.shown.Load() {
			s.free()
		} else {
			still = append(still, s)
		}
	}
	c.old = still
}

// grab fills slot i of the ring.
func (c *camera) grab(s *slot, i int) error {
	t := c.target
	conn := c.scr.conn
	var pointer *xfixes.GetCursorImageCookie
	var origin *xproto.TranslateCoordinatesCookie
	var picture func() error
	if c.scr.shm {
		cookie := shm.GetImage(conn, t.drawable(), t.x, t.y, t.width, t.height, ^uint32(0), xproto.ImageFormatZPixmap, c.segs[i], 0)
		picture = func() error { _, err := cookie.Reply(); return err }
	} else {
		cookie := xproto.GetImage(conn, xproto.ImageFormatZPixmap, t.drawable(), t.x, t.y, t.width, t.height, ^uint32(0))
		picture = func() error {
			reply, err := cookie.Reply()
			if err != nil {
				return err
			}
			copy(s.data, reply.Data)
			return nil
		}
	}
	if c.cursor && c.scr.cursor && t.bytes == 4 {
		p, o := xfixes.GetCursorImage(conn), xproto.TranslateCoordinates(conn, t.window, c.scr.root, 0, 0)
		pointer, origin = &p, &o
	}
	if err := picture(); err != nil {
		return err
	}
	s.size = t.stride() * int(t.height)
	s.caps = fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,pixel-aspect-ratio=1/1,interlace-mode=progressive", t.format, t.width, t.height)
	if pointer != nil {
		img, err := pointer.Reply()
		at, err2 := origin.Reply()
		if err == nil && err2 == nil {
			drawCursor(s.data, int(t.width), int(t.height), img, int(at.DstX), int(at.DstY))
		}
	}
	return nil
}

// drawCursor lays the pointer over a BGRx picture whose corner is at x, y of the screen. The
// pointer's pixels are ARGB with the colours already multiplied by alpha (XFIXES, GetCursorImage).
func drawCursor(pix []byte, width, height int, img *xfixes.GetCursorImageReply, x, y int) {
	left, top := int(img.X)-int(img.Xhot)-x, int(img.Y)-int(img.Yhot)-y
	w := int(img.Width)
	if w*int(img.Height) > len(img.CursorImage) {
		return
	}
	for row := range int(img.Height) {
		for col := range w {
			px, py := left+col, top+row
			if px < 0 || py < 0 || px >= width || py >= height {
				continue
			}
			argb := img.CursorImage[row*w+col]
			through := 255 - argb>>24
			at := pix[(py*width+px)*4:]
			for i, shift := range [3]uint{0, 8, 16} { // blue, green, red
				at[i] = byte(min(255, argb>>shift&255+uint32(at[i])*through/255))
			}
		}
	}
}

// run takes a picture for each request, until quit is closed. A frozen X server holds it up.
func (c *camera) run(requests <-chan struct{}, results chan<- shot, quit <-chan struct{}) {
	defer func() {
		if c.scr != nil {
			c.scr.close()
			<-c.gone
		}
	}()
	for {
		select {
		case <-quit:
			return
		case <-requests:
			s, err := c.shoot()
			results <- shot{s, err} // never blocks: one request, one place
		}
	}
}

// shot is what came of a request for a picture.
type shot struct {
	slot *slot
	err  error
}

// release gives the memory back. It comes after run and the pipelines have ended.
func (c *camera) release() {
	c.old, c.ring = append(c.old, c.ring...), nil
	for _, s := range c.old {
		if s.idle() {
			s.free()
		}
	}
	c.old = nil
}
