package capture

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/go-gst/go-gst/gst"
)

// Played is what a server gave, decoded.
type Played struct {
	Caps    string   // of the video
	Units   []Sample // times are the stream's own
	Flashes []time.Duration
	Beeps   []time.Duration
	Sizes   map[[2]int]int // decoded pictures by width and height
}

// detector finds flashes in pictures and beeps in samples.
type detector struct {
	mu     sync.Mutex
	played Played
	bright bool
	loud   time.Duration // when it was loud last
	heard  bool
}

// picture takes the brightness in the middle of a picture.
func (d *detector) picture(luma byte, at time.Duration) {
	bright := luma > 128
	if bright && !d.bright {
		d.played.Flashes = append(d.played.Flashes, at)
	}
	d.bright = bright
}

// samples takes 48 kHz mono, 16 bit.
func (d *detector) samples(pcm []byte, at time.Duration) {
	for i := 0; i+1 < len(pcm); i += 2 {
		v := int(int16(binary.LittleEndian.Uint16(pcm[i:])))
		if v < 3000 && v > -3000 {
			continue
		}
		now := at + time.Duration(i/2)*time.Second/48000
		if !d.heard || now-d.loud > 300*time.Millisecond {
			d.played.Beeps = append(d.played.Beeps, now)
		}
		d.heard, d.loud = true, now
	}
}

// sound and look feed a detector from appsinks of a pipeline.
func (d *detector) attach(g *graph) error {
	d.played.Sizes = map[[2]int]int{}
	if err := g.onSample("pics", func(s *gst.Sample, b *gst.Buffer) {
		d.mu.Lock()
		defer d.mu.Unlock()
		pic := b.Bytes()
		var size [2]int
		for i, side := range []string{"width", "height"} {
			if v, err := s.GetCaps().GetStructureAt(0).GetValue(side); err == nil {
				size[i], _ = v.(int)
			}
		}
		d.played.Sizes[size]++
		d.picture(pic[len(pic)/2+160], time.Duration(b.PresentationTimestamp()))
	}); err != nil {
		return err
	}
	return g.onSample("pcm", func(s *gst.Sample, b *gst.Buffer) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.samples(b.Bytes(), time.Duration(b.PresentationTimestamp()))
	})
}

const seePictures = " ! h264parse ! openh264dec ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=pics sync=false max-buffers=0"
const hearSamples = " ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! appsink name=pcm sync=false max-buffers=0"

// PlayRTMP plays a stream for a while.
func PlayRTMP(url string, length time.Duration) (Played, error) {
	initGStreamer()
	g, err := newGraph("rtmp2src name=in ! flvdemux name=d  d.video ! queue max-size-time=0 max-size-bytes=0 ! tee name=v"+
		" v. ! queue ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=units sync=false max-buffers=0"+
		" v. ! queue"+seePictures+" d.audio ! queue max-size-time=0 max-size-bytes=0 ! aacparse ! faad"+hearSamples, [3]string{"in", "location", url})
	if err != nil {
		return Played{}, err
	}
	defer g.stopSoon()
	d := &detector{}
	if err := d.attach(g); err != nil {
		return Played{}, err
	}
	if err := g.onSample("units", func(s *gst.Sample, b *gst.Buffer) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.played.Caps = s.GetCaps().String()
		d.played.Units = append(d.played.Units, Sample{RunningTime: time.Duration(b.PresentationTimestamp()), KeyFrame: !b.HasFlags(gst.BufferFlagDeltaUnit), Data: b.Bytes()})
	}); err != nil {
		return Played{}, err
	}
	if err := g.pipeline.SetState(gst.StatePlaying); err != nil {
		return Played{}, err
	}
	if err := g.nextError(length); err != nil && !errors.Is(err, errEndOfStream) {
		return Played{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.played, nil
}

// Decode decodes access units and Opus packets of a pipeline and finds flashes and beeps.
func Decode(video, audio []Sample) (Played, error) {
	initGStreamer()
	g, err := newGraph("appsrc name=v is-live=true format=time caps=video/x-h264,stream-format=byte-stream,alignment=au" + seePictures +
		" appsrc name=a is-live=true format=time caps=audio/x-opus,rate=48000,channels=2,channel-mapping-family=0,stream-count=1,coupled-count=1 ! opusdec" + hearSamples)
	if err != nil {
		return Played{}, err
	}
	defer g.stopSoon()
	d := &detector{}
	if err := d.attach(g); err != nil {
		return Played{}, err
	}
	if err := g.pipeline.SetState(gst.StatePlaying); err != nil {
		return Played{}, err
	}
	for name, samples := range map[string][]Sample{"v": video, "a": audio} {
		el, err := g.pipeline.GetElementByName(name)
		if err != nil {
			return Played{}, err
		}
		for _, s := range samples {
			appSource{el}.push(s, !s.KeyFrame)
		}
		el.SendEvent(gst.NewEOSEvent())
	}
	if err := g.nextError(20 * time.Second); err != nil && !errors.Is(err, errEndOfStream) {
		return Played{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.played, nil
}
