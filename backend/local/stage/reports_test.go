package stage

import (
	"io"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// FuzzPublisherReports has a stream read whatever a publisher says beside its media.
func FuzzPublisherReports(f *testing.F) {
	marshal := func(packets ...rtcp.Packet) []byte {
		raw, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	report := &rtcp.SenderReport{SSRC: 1, NTPTime: 1 << 63, RTPTime: 0xffffffff, PacketCount: 7, OctetCount: 7000}
	f.Add(marshal(report))
	f.Add(marshal(report, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "game"}}}}}))
	f.Add(marshal(report, &rtcp.Goodbye{Sources: []uint32{1}, Reason: "over"}))
	f.Add(marshal(&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1}}}))
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := newStream(webrtc.RTPCodecTypeVideo, nil)
		s.keyFrames.send = func() {}
		src := &source{ask: func() {}}
		s.attach(src)
		s.take(src, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 65535, Timestamp: 1, Marker: true}, Payload: []byte{0x65, 0x88}}, true, time.Now())
		left := 2 // the second finds that it comes too soon
		readReports(func(b []byte) (int, interceptor.Attributes, error) {
			if left == 0 {
				return 0, nil, io.EOF
			}
			left--
			return copy(b, raw), nil, nil
		}, s, src)
		if src.lastReport.After(time.Now()) {
			t.Error("a report of the future")
		}
		s.idle()
	})
}
