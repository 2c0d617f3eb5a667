package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// screen is our own connection to the display, beside the one of ximagesrc: it proves that
// the display is there, with a better error than GStreamer's, and reports when it is drawn on.
type screen struct {
	conn   *xgb.Conn
	root   xproto.Window
	damage bool // the display reports damage
	once   sync.Once
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
	s := &screen{conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root}
	s.damage = s.initDamage() == nil
	return s, nil
}

// decoders guards the first Init of the two extensions. Init writes the decoders of their events
// into maps of xgb that belong to the whole process and have no lock, while other connections
// read them: a second Init could end the process. So it is called once, and later connections
// are only told the opcodes.
var decoders struct {
	mu         sync.Mutex
	done       bool
	firstEvent byte // of DAMAGE, which the decoders were registered for
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

// initDamage makes the two extensions usable on this connection and agrees on versions, which
// both demand before any other request.
func (s *screen) initDamage() error {
	fixes, err := s.extension("XFIXES")
	if err != nil {
		return err
	}
	damages, err := s.extension("DAMAGE")
	if err != nil {
		return err
	}
	if err := s.register(fixes, damages); err != nil {
		return err
	}
	if _, err := xfixes.QueryVersion(s.conn, 5, 0).Reply(); err != nil {
		return err
	}
	_, err = damage.QueryVersion(s.conn, 1, 1).Reply()
	return err
}

func (s *screen) extension(name string) (*xproto.QueryExtensionReply, error) {
	reply, err := xproto.QueryExtension(s.conn, uint16(len(name)), name).Reply()
	if err != nil {
		return nil, err
	}
	if !reply.Present {
		return nil, fmt.Errorf("the X server has no extension %s", name)
	}
	return reply, nil
}

func (s *screen) register(fixes, damages *xproto.QueryExtensionReply) error {
	decoders.mu.Lock()
	defer decoders.mu.Unlock()
	if !decoders.done {
		if err := xfixes.Init(s.conn); err != nil {
			return err
		}
		if err := damage.Init(s.conn); err != nil {
			return err
		}
		decoders.done, decoders.firstEvent = true, damages.FirstEvent
		return nil
	}
	if damages.FirstEvent != decoders.firstEvent {
		return errors.New("another X server of this process numbers its events differently")
	}
	s.conn.ExtLock.Lock()
	defer s.conn.ExtLock.Unlock()
	s.conn.Extensions["XFIXES"], s.conn.Extensions["DAMAGE"] = fixes.MajorOpcode, damages.MajorOpcode
	return nil
}

// settle is the pause before damage is cleared and reported anew. It bounds the requests that
// we make to 500 a second, and is the precision with which drawing is noticed.
const settle = 2 * time.Millisecond

// watch calls drawn, unless it is nil, soon after the display was drawn on, until the connection
// ends: by close, or because the X server went away.
func (s *screen) watch(drawn func()) {
	if s.damage && drawn != nil {
		// NonEmpty: one event when the first rectangle is drawn after damage was cleared. The
		// other levels send one per rectangle, thousands a second for some games.
		if id, err := damage.NewDamageId(s.conn); err == nil {
			damage.Create(s.conn, id, xproto.Drawable(s.root), damage.ReportLevelNonEmpty)
		}
	}
	for {
		ev, err := s.conn.WaitForEvent()
		if ev == nil && err == nil {
			return
		}
		if d, ok := ev.(damage.NotifyEvent); ok {
			drawn()
			time.Sleep(settle)
			damage.Subtract(s.conn, d.Damage, 0, 0)
		}
	}
}

func (s *screen) close() { s.once.Do(s.conn.Close) }
