package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// ErrDisplayGone is what Err gives when the X server went away and Config.Endure is not set.
var ErrDisplayGone = errors.New("capture: the X display has gone away")

const extDamage = "DAMAGE"

// screen is a connection to the display with the extensions that it has.
type screen struct {
	conn   *xgb.Conn
	root   xproto.Window
	depths map[byte]byte                 // bits a pixel takes in memory, by depth
	lsb    bool                          // pixels are little-endian
	masks  map[xproto.Visualid][3]uint32 // where red, green and blue are
	size   [2]uint16                     // of the root, when the connection was made
	depth  byte                          // of the root
	visual xproto.Visualid               // of the root

	damage    bool // the display reports when it is drawn on
	shm       bool // pictures come through shared memory
	composite bool // windows can be captured though others cover them
	cursor    bool // the pointer's picture can be asked for
	renamed   bool // DAMAGE is there and cannot be used: see decoders

	once sync.Once
}

// quietXGB: xgb logs to standard error by itself, even that there is no authority file.
var quietXGB = sync.OnceFunc(func() { xgb.Logger.SetOutput(io.Discard) })

func dialScreen(display string) (*screen, error) {
	quietXGB()
	shown := display
	if shown == "" {
		shown = os.Getenv("DISPLAY")
	}
	if shown == "" {
		return nil, fmt.Errorf("capture: no display: set DISPLAY to the X display of the game, such as :0")
	}
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("capture: cannot open X display %q: %w: is the X server running, and is DISPLAY right?", shown, err)
	}
	setup := xproto.Setup(conn)
	root := setup.DefaultScreen(conn)
	s := &screen{conn: conn, root: root.Root, depths: map[byte]byte{}, lsb: setup.ImageByteOrder == xproto.ImageOrderLSBFirst,
		masks: map[xproto.Visualid][3]uint32{}, size: [2]uint16{root.WidthInPixels, root.HeightInPixels}, depth: root.RootDepth, visual: root.RootVisual}
	for _, d := range root.AllowedDepths {
		for _, v := range d.Visuals {
			s.masks[v.VisualId] = [3]uint32{v.RedMask, v.GreenMask, v.BlueMask}
		}
	}
	for _, f := range setup.PixmapFormats {
		s.depths[f.Depth] = f.BitsPerPixel
	}
	s.init()
	return s, nil
}

// Prepare does what Open does to the whole process the first time: it registers the extensions that a
// capture uses with the X library. A process that has other connections to a display calls it before it
// opens them, since their reading and this writing would race.
func Prepare(display string) error {
	s, err := dialScreen(display)
	if err != nil {
		return err
	}
	s.close()
	return nil
}

// init finds out what the display can do. Versions are agreed on first: the extensions demand it.
func (s *screen) init() {
	if s.use("XFIXES", xfixes.Init) == nil {
		_, err := xfixes.QueryVersion(s.conn, 5, 0).Reply()
		s.cursor = err == nil
	}
	if s.cursor && s.use(extDamage, damage.Init) == nil { // DAMAGE needs XFIXES
		_, err := damage.QueryVersion(s.conn, 1, 1).Reply()
		s.damage = err == nil
	}
	if s.use("MIT-SHM", shm.Init) == nil {
		_, err := shm.QueryVersion(s.conn).Reply()
		s.shm = err == nil
	}
	if s.use("Composite", composite.Init) == nil {
		v, err := composite.QueryVersion(s.conn, 0, 4).Reply()
		s.composite = err == nil && (v.MajorVersion > 0 || v.MinorVersion >= 2) // 0.2 has NameWindowPixmap
	}
}

// decoders guards the first Init of the extensions. Init writes the decoders of their events and
// errors into maps of xgb that belong to the whole process and have no lock, while other
// connections read them: a second Init could end the process. So it is called once, and later
// connections are only told the opcodes.
//
// An X server of another kind may number events differently, and those cannot be decoded then. DAMAGE is
// useless without its events. The others are used for their replies only, and what goes wrong with them
// is told by errors of the core protocol, whose numbers are fixed.
var decoders = struct {
	mu   sync.Mutex
	seen map[string]byte // first event, which the decoders were registered for
}{seen: map[string]byte{}}

var errRenamed = errors.New("capture: an earlier X server of this process numbered its events differently")

func (s *screen) use(name string, init func(*xgb.Conn) error) error {
	reply, err := xproto.QueryExtension(s.conn, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	if !reply.Present {
		return fmt.Errorf("the X server has no extension %s", name)
	}
	decoders.mu.Lock()
	defer decoders.mu.Unlock()
	first, ok := decoders.seen[name]
	if !ok {
		if err := init(s.conn); err != nil {
			return err
		}
		decoders.seen[name] = reply.FirstEvent
		return nil
	}
	if name == extDamage && first != reply.FirstEvent {
		s.renamed = true
		return errRenamed
	}
	s.conn.ExtLock.Lock()
	defer s.conn.ExtLock.Unlock()
	s.conn.Extensions[name] = reply.MajorOpcode
	return nil
}

// watchDamage asks to be told when d is drawn on; 0: that was not possible.
func (s *screen) watchDamage(d xproto.Drawable) damage.Damage {
	// NonEmpty: one event when the first rectangle is drawn after damage was cleared. The
	// other levels send one per rectangle, thousands a second for some games.
	id, err := damage.NewDamageId(s.conn)
	if err != nil {
		return 0
	}
	damage.Create(s.conn, id, d, damage.ReportLevelNonEmpty)
	return id
}

// settle is the pause before damage is cleared and reported anew. A game draws a frame in many strokes,
// over some milliseconds: cleared in their midst, damage would be reported, and cleared, many times a
// frame. Ten milliseconds later the frame is done, and the next stroke is the first of the next one,
// up to 100 frames a second.
const settle = 10 * time.Millisecond

// watch reads events until the connection ends: by close, or because the X server went away.
// drawn is called soon after a drawing that watchDamage asked for, changed when a window that
// StructureNotify was selected for moved, got another size, came or went.
func (s *screen) watch(drawn, changed func()) {
	for {
		ev, err := s.conn.WaitForEvent()
		if ev == nil && err == nil {
			return
		}
		switch e := ev.(type) {
		case damage.NotifyEvent:
			drawn()
			time.Sleep(settle)
			damage.Subtract(s.conn, e.Damage, 0, 0)
		case xproto.ConfigureNotifyEvent, xproto.MapNotifyEvent, xproto.UnmapNotifyEvent,
			xproto.DestroyNotifyEvent, xproto.ReparentNotifyEvent:
			changed()
		}
	}
}

// close ends the connection. With a frozen X server its goroutines remain until that ends.
func (s *screen) close() { s.once.Do(s.conn.Close) }
