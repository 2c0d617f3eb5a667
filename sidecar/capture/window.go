package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jezek/xgb/xproto"
)

// Window names the one window that is captured; at least one field is set, and a window must match
// all that are. When several do, the largest is taken: games have small helper windows.
type Window struct {
	ID    uint32 // X window id
	PID   int    // process that made it (_NET_WM_PID), or an ancestor of that process
	Title string // part of its title, case as written
}

func (w Window) set() bool { return w != Window{} }

func (w Window) String() string {
	var parts []string
	if w.ID != 0 {
		parts = append(parts, fmt.Sprintf("id 0x%x", w.ID))
	}
	if w.PID != 0 {
		parts = append(parts, fmt.Sprintf("process %d", w.PID))
	}
	if w.Title != "" {
		parts = append(parts, fmt.Sprintf("title %q", w.Title))
	}
	return strings.Join(parts, ", ")
}

// errNoWindow: the window is not there, or is minimised.
var errNoWindow = errors.New("capture: the window is not on the display")

// Limits of the search, so that a strange display cannot hold it up.
const (
	windowDepth = 6    // window managers put a client two or three levels down
	windowCount = 2000 // windows looked at
	titleWords  = 256  // 32-bit words of a title that are read
)

// find looks for the window from the root down.
func (s *screen) find(w Window) (xproto.Window, error) {
	if w.ID != 0 && w.PID == 0 && w.Title == "" {
		return xproto.Window(w.ID), nil
	}
	names := [3]xproto.Atom{}
	for i, name := range []string{"_NET_WM_NAME", "_NET_WM_PID", "UTF8_STRING"} {
		reply, err := xproto.InternAtom(s.conn, true, uint16(len(name)), name).Reply()
		if err != nil {
			return 0, err
		}
		names[i] = reply.Atom // 0: nobody ever used the name
	}
	var best xproto.Window
	area, looked := 0, 0
	var walk func(at xproto.Window, depth int)
	walk = func(at xproto.Window, depth int) {
		tree, err := xproto.QueryTree(s.conn, at).Reply()
		if err != nil {
			return
		}
		for _, child := range tree.Children {
			if looked++; looked > windowCount {
				return
			}
			if depth < windowDepth {
				walk(child, depth+1)
			}
			if !s.matches(child, w, names[0], names[1]) {
				continue
			}
			attrs, err := xproto.GetWindowAttributes(s.conn, child).Reply()
			if err != nil || attrs.MapState != xproto.MapStateViewable || attrs.Class != xproto.WindowClassInputOutput {
				continue
			}
			geo, err := xproto.GetGeometry(s.conn, xproto.Drawable(child)).Reply()
			if err != nil {
				continue
			}
			if a := int(geo.Width) * int(geo.Height); a > area {
				best, area = child, a
			}
		}
	}
	walk(s.root, 0)
	if best == 0 {
		return 0, errNoWindow
	}
	return best, nil
}

func (s *screen) matches(win xproto.Window, w Window, netName, netPID xproto.Atom) bool {
	if w.ID != 0 && win != xproto.Window(w.ID) {
		return false
	}
	if w.PID != 0 {
		raw := s.property(win, netPID, 1)
		if len(raw) != 4 || !descends(int(binary.LittleEndian.Uint32(raw)), w.PID) {
			return false
		}
	}
	if w.Title != "" {
		title := s.property(win, netName, titleWords)
		if len(title) == 0 {
			title = s.property(win, xproto.AtomWmName, titleWords)
		}
		if !bytes.Contains(title, []byte(w.Title)) {
			return false
		}
	}
	return true
}

func (s *screen) property(win xproto.Window, name xproto.Atom, words uint32) []byte {
	if name == 0 {
		return nil
	}
	reply, err := xproto.GetProperty(s.conn, false, win, name, xproto.GetPropertyTypeAny, 0, words).Reply()
	if err != nil {
		return nil
	}
	return reply.Value
}

// descends says whether a process is another one or comes from it: a game is often started by
// a script, whose process id is what the caller knows.
func descends(pid, ancestor int) bool {
	for range 32 { // generations
		if pid == ancestor {
			return true
		}
		if pid <= 1 {
			return false
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return false
		}
		// pid (name) state ppid: the name may hold anything, so read behind its last bracket.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return false
		}
	}
	return false
}
