package stage

import (
	"errors"
	"fmt"
)

// NAL unit types (ITU-T H.264 table 7-1) and the packet types of RFC 6184 section 5.2.
const (
	nalSlice  = 1
	nalIDR    = 5
	nalSPS    = 7
	nalSTAPA  = 24
	nalFUA    = 28
	nalType   = 0x1f
	fuStart   = 0x80
	sliceB    = 1 // slice_type modulo 5, table 7-6
	profileBP = 66
)

// glance is what one RTP payload tells without decoding it.
type glance struct {
	keyFrame bool   // begins a sequence parameter set or an IDR slice
	sps      []byte // a complete sequence parameter set, in the packet's memory
	bSlice   bool   // begins a B slice
}

// look reads an H.264 RTP payload (RFC 6184: single NAL units, STAP-A and FU-A, which is all that
// packetization-mode=1 allows).
func look(payload []byte) glance {
	var g glance
	if len(payload) == 0 {
		return g
	}
	switch payload[0] & nalType {
	case nalSTAPA:
		for rest := payload[1:]; len(rest) >= 2; {
			size := int(rest[0])<<8 | int(rest[1])
			rest = rest[2:]
			if size > len(rest) {
				break
			}
			g.add(rest[:size], true)
			rest = rest[size:]
		}
	case nalFUA:
		if len(payload) >= 2 && payload[1]&fuStart != 0 {
			// The second byte's low bits are the type of the unit that begins here.
			g.add(payload[1:], false)
		}
	default:
		g.add(payload, true)
	}
	return g
}

// add looks at one NAL unit, or at the beginning of one. Of its first byte only the type is read.
func (g *glance) add(nal []byte, complete bool) {
	if len(nal) == 0 {
		return
	}
	switch nal[0] & nalType {
	case nalSPS:
		g.keyFrame = true
		if complete {
			g.sps = nal
		}
	case nalIDR:
		g.keyFrame = true
	case nalSlice:
		// slice_header() begins with first_mb_in_slice and slice_type (H.264 section 7.3.3).
		b := newBits(nal[1:])
		b.unsigned()
		if kind := b.unsigned(); !b.short && kind%5 == sliceB {
			g.bSlice = true
		}
	}
}

// sps is the part of a sequence parameter set that a stage cares about.
type sps struct {
	profile       int // profile_idc
	width, height int // of the picture after cropping
}

var errSPS = errors.New("not a readable sequence parameter set")

// parseSPS reads seq_parameter_set_rbsp() (H.264 section 7.3.2.1.1). Profiles beyond Extended carry more
// fields and are no profile of a stage: for them only the profile is returned.
func parseSPS(nal []byte) (sps, error) {
	if len(nal) < 4 || nal[0]&nalType != nalSPS {
		return sps{}, errSPS
	}
	out := sps{profile: int(nal[1])}
	if out.profile != profileBP && out.profile != 77 && out.profile != 88 {
		return out, nil
	}
	b := newBits(nal[4:])
	b.unsigned()          // seq_parameter_set_id
	b.unsigned()          // log2_max_frame_num_minus4
	switch b.unsigned() { // pic_order_cnt_type
	case 0:
		b.unsigned() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		b.bit()      // delta_pic_order_always_zero_flag
		b.unsigned() // offset_for_non_ref_pic, signed: the length is the same
		b.unsigned() // offset_for_top_to_bottom_field
		cycle := b.unsigned()
		if cycle > 255 { // section 7.4.2.1.1
			return sps{}, fmt.Errorf("%w: %d frames in the order count cycle", errSPS, cycle)
		}
		for range cycle {
			b.unsigned()
		}
	case 2:
	default:
		return sps{}, fmt.Errorf("%w: unknown order count type", errSPS)
	}
	b.unsigned() // max_num_ref_frames
	b.bit()      // gaps_in_frame_num_value_allowed_flag
	columns, rows := b.unsigned()+1, b.unsigned()+1
	fields := uint32(1) // field pairs double the height of a map unit
	if b.bit() == 0 {   // frame_mbs_only_flag
		fields = 2
		b.bit() // mb_adaptive_frame_field_flag
	}
	b.bit() // direct_8x8_inference_flag
	var left, right, top, bottom uint32
	if b.bit() == 1 { // frame_cropping_flag
		left, right, top, bottom = b.unsigned(), b.unsigned(), b.unsigned(), b.unsigned()
	}
	// 1024 macroblocks are 16,384 pixels, more than any level allows; the bound keeps the arithmetic small.
	const most = 1024
	if b.short || columns > most || rows > most || left > 16*most || right > 16*most || top > 16*most || bottom > 16*most {
		return sps{}, errSPS
	}
	// Baseline is 4:2:0: a crop unit is two samples wide and two (fields: four) high.
	out.width = int(columns)*16 - 2*int(left+right)
	out.height = int(rows*fields)*16 - 2*int(fields)*int(top+bottom)
	if out.width <= 0 || out.height <= 0 {
		return sps{}, errSPS
	}
	return out, nil
}

// bits reads an RBSP bit by bit, leaving out emulation prevention bytes (H.264 section 7.4.1.1).
// Reading past the end gives zeros and sets short.
type bits struct {
	data  []byte
	next  int // byte
	used  uint
	zeros int
	short bool
}

func newBits(data []byte) *bits { return &bits{data: data} }

func (b *bits) bit() uint32 {
	if b.used == 0 && b.zeros >= 2 && b.next < len(b.data) && b.data[b.next] == 3 {
		b.next++
		b.zeros = 0
	}
	if b.next >= len(b.data) {
		b.short = true
		return 0
	}
	value := uint32(b.data[b.next]>>(7-b.used)) & 1
	if b.used++; b.used == 8 {
		if b.data[b.next] == 0 {
			b.zeros++
		} else {
			b.zeros = 0
		}
		b.used = 0
		b.next++
	}
	return value
}

// unsigned reads an Exp-Golomb number, ue(v) (section 9.1). More than 31 leading zeros is no number of a
// parameter set.
func (b *bits) unsigned() uint32 {
	zeros := 0
	for b.bit() == 0 {
		if zeros++; zeros > 31 || b.short {
			b.short = true
			return 0
		}
	}
	value := uint32(1)
	for range zeros {
		value = value<<1 | b.bit()
	}
	return value - 1
}
