// Package timecode hides a clock in a picture, so that the delay between a game
// drawing a frame and a person (or a test) seeing it can be measured from the
// pixels alone, whatever lies between: encoders, networks, browsers.
//
// The code is a block of 512x64 pixels in the top left corner of the frame,
// made of cells of 16x16 pixels, four rows of 32. A white cell is a one.
//
//	row 0  sync 1010, then 28 bits: the low bits of the Unix time in milliseconds
//	row 1  the complement of row 0
//	row 2  sync 0110, then 8 bits player position, 8 bits key presses,
//	       8 bits reactions and chat lines, 4 bits seat epoch
//	row 3  the complement of row 2
//
// All numbers have their most significant bit first. A reader compares each cell
// with the one below it, which needs no threshold and survives blur, noise,
// limited-range video and a change of brightness; a cell that does not differ
// from its complement makes the whole row unreadable rather than wrong.
//
// 16 pixels are one macroblock of H.264 (ITU-T H.264, 6.3), so a cell that
// starts on a multiple of 16 is coded without its neighbours.
//
// The package knows pixels and time. It does not know who drew the picture or
// how it travelled.
package timecode

import (
	"errors"
	"fmt"
	"time"
)

// The size of the code in pixels, at its own scale.
const (
	Cell   = 16           // side of one cell
	Cells  = 32           // cells in a row
	Width  = Cell * Cells // 512
	Height = Cell * 4     // 64
)

const (
	syncCells = 4
	dataBits  = Cells - syncCells // 28
	stampMask = 1<<dataBits - 1

	syncStamp = 0b1010 // white, black, white, black
	syncState = 0b0110 // black, white, white, black

	// maxStride is far beyond any picture (16384 pixels of four bytes are 65,536)
	// and keeps products of sizes within an int.
	maxStride = 1 << 24

	// period is the time after which a Stamp repeats: 2^28 ms, a little over
	// three days.
	period = (stampMask + 1) * time.Millisecond
)

// Errors of the readers. ErrUnreadable is the usual one for a frame without a
// code or with one that did not survive its journey.
var (
	ErrTooSmall   = errors.New("picture is too small for a time code")
	ErrUnreadable = errors.New("no readable time code in the picture")
)

// Stamp is the low 28 bits of a Unix time in milliseconds.
type Stamp uint32

// At gives the stamp of a moment.
func At(t time.Time) Stamp { return Stamp(t.UnixMilli() & stampMask) }

// Age tells how long before now the stamp was taken. It is right for ages
// between -37 and +37 hours; a negative age means that the clocks disagree.
func (s Stamp) Age(now time.Time) time.Duration {
	age := time.Duration((now.UnixMilli()-int64(s))&stampMask) * time.Millisecond
	if age >= period/2 {
		age -= period
	}
	return age
}

// Time gives the moment of the stamp that lies nearest to now.
func (s Stamp) Time(now time.Time) time.Time {
	return now.Truncate(time.Millisecond).Add(-s.Age(now))
}

// State is what a test wants to know about the game without asking it.
type State struct {
	X         uint8 // player position from the left edge (0) to the right (255)
	Keys      uint8 // key presses seen so far, modulo 256
	Reactions uint8 // reactions and chat lines seen so far, modulo 256
	Epoch     uint8 // epoch of the seat, modulo 16
}

func (s State) bits() uint32 {
	return uint32(s.X)<<20 | uint32(s.Keys)<<12 | uint32(s.Reactions)<<4 | uint32(s.Epoch&15)
}

func stateOf(bits uint32) State {
	return State{X: uint8(bits >> 20), Keys: uint8(bits >> 12), Reactions: uint8(bits >> 4), Epoch: uint8(bits & 15)}
}

// Draw paints the code into the top left corner of a picture with four bytes a
// pixel (any order of channels: the code is black and white) and stride bytes a
// row. Call it last, directly before the picture is shown.
func Draw(pix []byte, stride int, at Stamp, state State) error {
	if stride < Width*4 || stride > maxStride || len(pix) < (Height-1)*stride+Width*4 {
		return fmt.Errorf("draw time code: %w", ErrTooSmall)
	}
	stamp := syncStamp<<dataBits | uint32(at)&stampMask
	status := syncState<<dataBits | state.bits()
	for row, word := range [4]uint32{stamp, ^stamp, status, ^status} {
		top := row * Cell * stride
		line := pix[top : top+Width*4]
		for cell := range Cells {
			var value byte
			if word>>(Cells-1-cell)&1 == 1 {
				value = 0xff
			}
			span := line[cell*Cell*4 : (cell+1)*Cell*4]
			for i := range span {
				span[i] = value
			}
		}
		for y := 1; y < Cell; y++ {
			copy(pix[top+y*stride:], line)
		}
	}
	return nil
}
