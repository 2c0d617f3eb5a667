package whip

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// What is stamped with one running time must be of one instant by the reports, whatever was held up.
func TestReportsPutSoundAndPictureOfOneInstantTogether(t *testing.T) {
	api := webrtc.NewAPI()
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	video, err := newTrack(pc, h264)
	if err != nil {
		t.Fatal(err)
	}
	audio, err := newTrack(pc, opus)
	if err != nil {
		t.Fatal(err)
	}
	zero := time.Now()
	const at = 90 * time.Minute // both clocks have passed the half of their range or wrapped
	instant := func(tr *track, reported time.Duration) time.Time {
		now := zero.Add(reported)
		r := tr.senderReport(now, zero)
		if r.SSRC != tr.ssrc() || r.SSRC == 0 {
			t.Errorf("a report about %d, the stream is %d", r.SSRC, tr.ssrc())
		}
		stamp := tr.first + rtpTime(at, tr.clockRate)
		told := time.Unix(int64(r.NTPTime>>32)-2208988800, int64(r.NTPTime&0xffffffff)*int64(time.Second)>>32)
		return told.Add(time.Duration(int32(stamp-r.RTPTime)) * time.Second / time.Duration(tr.clockRate))
	}
	for _, late := range []time.Duration{0, 10 * time.Millisecond, 700 * time.Millisecond} {
		picture, sound := instant(video, at+late), instant(audio, at+2*late)
		if d := sound.Sub(picture); d.Abs() > 100*time.Microsecond {
			t.Errorf("reports that come %v and %v late put sound %v behind picture", late, 2*late, d)
		}
		if d := picture.Sub(zero.Add(at)); d.Abs() > 100*time.Microsecond {
			t.Errorf("a report puts the picture %v from when it was taken", d)
		}
	}
}
