package capture

import (
	"errors"
	"fmt"

	"github.com/jezek/xgb/xproto"
)

// maxPixels is the largest picture that is captured, 8K: beyond it somebody has made a mistake.
const maxPixels = 7680 * 4320

// ErrUnfit is what Open and Err give when the display or window is there and its pictures cannot be
// used: the colour depth is not 24, 32 or 16 bits, or the picture is larger than 7680 x 4320.
var ErrUnfit = errors.New("capture: the display does not fit")

// pixels says how the X server lays the pixels of a picture out, as GStreamer calls it, or why it cannot
// be captured.
func (s *screen) pixels(width, height uint16, depth byte, visual xproto.Visualid) (format string, bytes int, err error) {
	if int(width)*int(height) > maxPixels {
		return "", 0, fmt.Errorf("%w: the picture would be %dx%d, more than 7680x4320: make the display or window smaller", ErrUnfit, width, height)
	}
	switch bits, masks := s.depths[depth], s.masks[visual]; {
	case s.lsb && bits == 32 && (depth == 24 || depth == 32) && masks == [3]uint32{0xff0000, 0xff00, 0xff}:
		return "BGRx", 4, nil
	case s.lsb && bits == 16 && depth == 16 && masks == [3]uint32{0xf800, 0x7e0, 0x1f}:
		return "RGB16", 2, nil
	default:
		return "", 0, fmt.Errorf("%w: its colour depth is %d bits (%d in memory, red %#x, green %#x, blue %#x): "+
			"run the X server with 24, such as Xvfb -screen 0 1280x720x24", ErrUnfit, depth, bits, masks[0], masks[1], masks[2])
	}
}

// fit checks the whole display.
func (s *screen) fit() error {
	_, _, err := s.pixels(s.size[0], s.size[1], s.depth, s.visual)
	return err
}
