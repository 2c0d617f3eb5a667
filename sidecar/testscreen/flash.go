package testscreen

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// FlashEvery is the time from one flash to the next. It is no multiple of a second, so that whatever
// happens once a second does not always hit the same one.
const FlashEvery = 990 * time.Millisecond

const (
	flashChunk  = 10 * time.Millisecond // of sound written at once
	flashPeriod = int(FlashEvery / flashChunk)
	flashOn     = 15 // chunks of white
	beepOn      = 3  // chunks of sound
	// flashLate is how late the machine may be for an instant that still proves something.
	flashLate = 5 * time.Millisecond
)

// Flash turns a part of the display white and makes the sound server's pipe beep at the same instants,
// every FlashEvery, until the test ends. It is a window above those that were there before. An instant
// that the machine held up is left out.
func Flash(t testing.TB, display string, sound *SoundServer, x, y, width, height int) {
	t.Helper()
	pipe, err := os.OpenFile(sound.Pipe, os.O_RDWR, 0) // RDWR: a FIFO without a reader would block
	if err != nil {
		t.Fatal(err)
	}
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	win, err := xproto.NewWindowId(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := xproto.CreateWindowChecked(conn, screen.RootDepth, win, screen.Root, int16(x), int16(y), uint16(width), uint16(height), 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwOverrideRedirect, []uint32{1}).Check(); err != nil {
		t.Fatalf("open the window that flashes: %v", err)
	}
	if err := xproto.MapWindowChecked(conn, win).Check(); err != nil {
		t.Fatalf("open the window that flashes: %v", err)
	}
	gc, err := xproto.NewGcontextId(conn)
	if err != nil {
		t.Fatal(err)
	}
	xproto.CreateGC(conn, gc, xproto.Drawable(win), 0, nil)
	quiet, beep := make([]byte, 480*4), beepSamples()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		begin, on := time.Now(), false
		for n := 0; ; n++ {
			at := begin.Add(time.Duration(n) * flashChunk)
			select {
			case <-quit:
				return
			case <-time.After(time.Until(at)):
			}
			if n%flashPeriod == 0 {
				on = time.Since(at) < flashLate
			}
			if n%3 == 0 { // as a game of 30 pictures a second would
				grey := []uint32{0x101010, 0x181818}[n&1]
				if n%flashPeriod < flashOn && on {
					grey = 0xffffff
				}
				xproto.ChangeGC(conn, gc, xproto.GcForeground, []uint32{grey})
				xproto.PolyFillRectangle(conn, xproto.Drawable(win), gc, []xproto.Rectangle{{Width: uint16(width), Height: uint16(height)}})
			}
			data := quiet
			if n%flashPeriod < beepOn && on {
				data = beep
			}
			if _, err := pipe.Write(data); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(quit)
		<-done
		conn.Close()
		_ = pipe.Close()
	})
}

// beepSamples is a chunk of 1 kHz.
func beepSamples() []byte {
	b := make([]byte, 480*4)
	for i := 0; i < len(b); i += 4 {
		v := uint16(int16(20000 * math.Sin(2*math.Pi*1000*float64(i/4)/48000)))
		binary.LittleEndian.PutUint16(b[i:], v)
		binary.LittleEndian.PutUint16(b[i+2:], v)
	}
	return b
}
