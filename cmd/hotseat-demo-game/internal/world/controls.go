package world

import "math"

// Controls are what the pilot holds. Codes are those of KeyboardEvent.code
// (W3C UI Events KeyboardEvent code values), buttons those of MouseEvent.button.
// The zero value holds nothing.
type Controls struct {
	Presses int // key presses since the start

	keys      map[string]bool
	buttons   map[int]bool
	pointer   Point
	pointed   bool    // the pointer has been used at all
	fresh     bool    // something happened since takeActivity
	moved     bool    // the pointer moved since the last wish
	moveAge   float64 // seconds since the pointer moved
	dash      bool    // a dash was asked for and not flown yet
	dashPoint bool    // towards the pointer
}

// Press notes that a key went down.
func (c *Controls) Press(code string) {
	if c.keys == nil {
		c.keys = map[string]bool{}
	}
	c.Presses++
	c.keys[code] = true
	c.fresh = true
	if code == "Space" || code == "Enter" || code == "ShiftLeft" {
		c.dash, c.dashPoint = true, false
	}
}

// Release notes that a key went up; keys that were not down are ignored.
func (c *Controls) Release(code string) {
	delete(c.keys, code)
	c.fresh = true
}

// Button notes a mouse button.
func (c *Controls) Button(button int, down bool) {
	if c.buttons == nil {
		c.buttons = map[int]bool{}
	}
	c.fresh = true
	if !down {
		delete(c.buttons, button)
		return
	}
	c.buttons[button] = true
	c.dash, c.dashPoint = true, c.pointed
}

// Point notes where the pointer is, in points.
func (c *Controls) Point(x, y float64) {
	c.pointer, c.pointed, c.moved = Point{x, y}, true, true
	c.fresh = true
}

// Clear lets go of everything, as if the keyboard had been unplugged.
func (c *Controls) Clear() {
	clear(c.keys)
	clear(c.buttons)
	c.dash, c.fresh, c.moved = false, false, false
	c.moveAge = 1e9
}

// Held tells whether a key is down.
func (c *Controls) Held(code string) bool { return c.keys[code] }

// HeldCount tells how many keys and buttons are down.
func (c *Controls) HeldCount() int { return len(c.keys) + len(c.buttons) }

// Pointer tells where the pointer is, and whether it was used in the last
// seconds and is worth drawing.
func (c *Controls) Pointer() (Point, bool) {
	return c.pointer, c.pointed && (c.moveAge < 3 || len(c.buttons) > 0)
}

func (c *Controls) takeActivity() bool {
	active := c.fresh || len(c.keys) > 0 || len(c.buttons) > 0
	c.fresh = false
	return active
}

func (c *Controls) axis(low1, low2, high1, high2 string) float64 {
	v := 0.0
	if c.keys[low1] || c.keys[low2] {
		v--
	}
	if c.keys[high1] || c.keys[high2] {
		v++
	}
	return v
}

// wish turns what is held into what the plane should do in one step.
func (c *Controls) wish(w *World) wish {
	if c.moved {
		c.moved, c.moveAge = false, 0
	} else {
		c.moveAge += step
	}
	out := wish{
		x: c.axis("KeyA", "ArrowLeft", "KeyD", "ArrowRight"),
		y: c.axis("KeyW", "ArrowUp", "KeyS", "ArrowDown"),
	}
	// A held button flies towards the pointer.
	if out.x == 0 && out.y == 0 && len(c.buttons) > 0 && c.pointed {
		dx, dy := c.pointer.X-w.Plane.X, c.pointer.Y-w.Plane.Y
		if d := math.Hypot(dx, dy); d > 12 {
			k := min(d/120, 1) / d
			out.x, out.y = dx*k, dy*k
		}
	}
	if c.dash {
		out.dash = true
		if c.dashPoint {
			p := c.pointer
			out.dashTo = &p
		}
		c.dash = false
	}
	return out
}
