package capture

import "github.com/go-gst/go-gst/gst"

const (
	// thumbnailQuality keeps an ordinary 320x180 picture at about 10 kB.
	thumbnailQuality = 60
	// thumbnailLeast is where blocks begin to hide what is going on.
	thumbnailLeast = 15
	thumbnailStep  = 15
)

// thumbnailHeight keeps the aspect ratio and is even.
func (c Config) thumbnailHeight() int {
	return max(2, (c.ThumbnailWidth*c.Height/c.Width)/2*2)
}

// onThumbnail runs on the thread of the thumbnail branch. A picture above the limit is dropped
// and the next ones are made with less quality; it comes back when pictures are small again.
func (p *Pipeline) onThumbnail(e *encoding, _ *gst.Sample, buf *gst.Buffer) {
	data := buf.Bytes()
	if len(data) == 0 || p.current.Load() != e {
		return
	}
	limit, old := p.cfg.ThumbnailMaxBytes, int(p.quality.Load())
	quality := old
	switch {
	case len(data) > limit:
		quality = max(thumbnailLeast, quality-thumbnailStep)
	case len(data) < limit/3:
		quality = min(thumbnailQuality, quality+thumbnailStep)
	}
	if quality != old {
		if jpeg, err := e.graph.pipeline.GetElementByName(nameJPEG); err == nil && jpeg.SetProperty("quality", quality) == nil {
			p.quality.Store(int32(quality))
		}
	}
	if len(data) <= limit {
		offer(p.thumbs, data)
	}
}
