package stage

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// resend answers a NACK (RFC 4585 section 6.2.1) from the ring, within what one subscriber may ask for.
func (o *output) resend(nack *rtcp.TransportLayerNack) {
	stamps, timed := o.stamps.Load(), timedHeader{id: o.timed.id}
	if stamps != nil {
		timed.of(o.header)
	}
	r := o.route.Load()
	missing, resent := uint64(0), uint64(0)
	for _, pair := range nack.Nacks {
		more := true
		pair.Range(func(sequence uint16) bool {
			missing++
			p, by := o.sent(r, sequence)
			header, ok := stamps.header(&timed, o.header, sequence)
			if p == nil || !ok {
				return true
			}
			if more = o.resends.Allow(); more {
				header.Padding = p.padding
				o.write(&header, p, by)
				resent++
			}
			return more
		})
		if !more {
			break
		}
	}
	for _, c := range []*streamCounts{&o.counts.streamCounts, &o.current().counts} {
		c.nacks.Add(missing)
		c.resent.Add(resent)
	}
}

func (o *output) report(ntp uint64, timestamp uint32) {
	if o.waiting.Load() {
		return
	}
	o.counts.reportSent(ntp, time.Now())
	_ = o.pc.WriteRTCP([]rtcp.Packet{o.senderReport(ntp, timestamp)}) // one that is lost is followed by the next
}

// senderReport says what a sender report of the stream says, in the output's numbers.
func (o *output) senderReport(ntp uint64, timestamp uint32) *rtcp.SenderReport {
	if r := o.route.Load(); r != nil {
		timestamp += r.newest().ticks
	}
	return &rtcp.SenderReport{
		SSRC: o.header.SSRC, NTPTime: ntp, RTPTime: timestamp,
		PacketCount: o.packets.Load(), OctetCount: o.octets.Load(),
	}
}

// listen serves what a subscriber reports about this output, until its connection ends.
func (o *output) listen(sender *webrtc.RTPSender) {
	buffer := make([]byte, receiveMTU)
	for {
		n, _, err := sender.Read(buffer)
		if err != nil {
			return
		}
		o.heed(buffer[:n])
	}
}

// heed acts on a compound RTCP packet. What cannot be read is passed over.
func (o *output) heed(raw []byte) {
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			o.counts.wishes.Add(1)
			o.wish()
		case *rtcp.TransportLayerNack:
			o.resend(p)
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			if o.ladder != nil {
				o.line.remb(p, time.Now())
			}
		case *rtcp.ReceiverReport:
			o.reported(p.Reports)
		case *rtcp.SenderReport: // from one that also sends
			o.reported(p.Reports)
		}
	}
}

func (o *output) reported(reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		if r.SSRC == o.header.SSRC {
			now := time.Now()
			o.counts.received(r, now)
			if o.ladder != nil {
				o.line.lost(float64(r.FractionLost)/256, now)
			}
		}
	}
}
