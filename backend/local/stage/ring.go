package stage

import "sync/atomic"

// packet is one RTP packet in the numbering of a stream. It is shared by every subscriber and by the ring,
// and never changed.
type packet struct {
	sequence  uint16
	timestamp uint32
	marker    bool
	padding   bool // no media, but something to measure a line by
	payload   []byte
}

// ringSize is how many of the newest packets can be sent again: 2.8 s of 3 Mbit/s, 1 s at the limit of 8.5.
const ringSize = 1024

// ring holds the newest packets of a stream for retransmission. One goroutine puts, any number get.
type ring struct {
	slots [ringSize]atomic.Pointer[packet]
}

func (r *ring) put(p *packet) { r.slots[p.sequence%ringSize].Store(p) }

// get returns the packet with this sequence number, or nil when it is gone or never came.
func (r *ring) get(sequence uint16) *packet {
	if p := r.slots[sequence%ringSize].Load(); p != nil && p.sequence == sequence {
		return p
	}
	return nil
}
