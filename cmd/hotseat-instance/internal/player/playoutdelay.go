package player

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// playoutDelayURI names the RTP header extension by which a sender bounds the
// receiver's jitter buffer (webrtc.googlesource.com, docs/native-code/rtp-hdrext/
// playout-delay). With minimum and maximum at 0 Chromium renders each picture as
// it comes: measured from the game to the screen, 30 instead of 45 to 60 ms on a
// quiet machine, and 50 instead of 130 and more on a busy one.
const playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// playoutDelay is an interceptor that writes the extension, with both bounds 0,
// into every packet of the streams that negotiated it.
type playoutDelay struct{ interceptor.NoOp }

// NewInterceptor makes one for a connection; it implements interceptor.Factory.
func (playoutDelay) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &playoutDelay{}, nil
}

// BindLocalStream wraps the writer of an outgoing stream.
func (*playoutDelay) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	for _, extension := range info.RTPHeaderExtensions {
		if extension.URI != playoutDelayURI {
			continue
		}
		id := uint8(extension.ID)
		none := []byte{0, 0, 0} // 12 bits minimum, 12 bits maximum, in 10 ms
		return interceptor.RTPWriterFunc(func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
			if err := header.SetExtension(id, none); err != nil {
				return 0, err
			}
			return next.Write(header, payload, attributes)
		})
	}
	return next
}
