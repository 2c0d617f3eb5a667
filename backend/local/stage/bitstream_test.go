package stage

import (
	"bytes"
	"math/rand/v2"
)

func accessUnit(nals ...[]byte) []byte {
	var out bytes.Buffer
	for _, n := range nals {
		out.Write([]byte{0, 0, 0, 1})
		out.Write(n)
	}
	return out.Bytes()
}

// slice is a NAL unit whose header is real and whose rest is noise without start codes.
func slice(first, second byte, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(rand.IntN(255)) + 1
	}
	out[0], out[1] = first, second
	return out
}

// makeSPS writes a sequence parameter set as a Baseline encoder would.
func makeSPS(profile byte, width, height int) []byte {
	var w bitWriter
	w.ue(0) // id
	w.ue(0) // log2_max_frame_num
	w.ue(2) // pic_order_cnt_type
	w.ue(1) // references
	w.bits(0, 1)
	columns, rows := (width+15)/16, (height+15)/16
	w.ue(columns - 1)
	w.ue(rows - 1)
	w.bits(1, 1) // frames only
	w.bits(1, 1) // direct_8x8
	right, bottom := (columns*16-width)/2, (rows*16-height)/2
	if right+bottom > 0 {
		w.bits(1, 1)
		w.ue(0)
		w.ue(right)
		w.ue(0)
		w.ue(bottom)
	} else {
		w.bits(0, 1)
	}
	w.bits(0, 1) // no VUI
	w.bits(1, 1) // stop bit
	return append([]byte{0x67, profile, 0xc0, 31}, w.out...)
}

type bitWriter struct {
	out  []byte
	used int
}

func (w *bitWriter) bits(value, count int) {
	for i := count - 1; i >= 0; i-- {
		if w.used%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[len(w.out)-1] |= byte(value>>i&1) << (7 - w.used%8) //nolint:gosec // one bit
		w.used++
	}
}

func (w *bitWriter) ue(value int) {
	length := 0
	for v := value + 1; v > 1; v >>= 1 {
		length++
	}
	w.bits(0, length)
	w.bits(value+1, length+1)
}
