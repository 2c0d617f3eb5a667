package capture_test

import (
	"bytes"
	"image/jpeg"
	"testing"
	"time"

	"hotseat/sidecar/capture"
	"hotseat/sidecar/testscreen"
)

func TestThumbnailsAreSmallJPEGs(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 1280, 720)
	testscreen.Paint(t, display, 30)
	p := open(t, capture.Config{Display: display, ThumbnailInterval: 200 * time.Millisecond})
	for range 2 {
		raw := next(t, p, p.Thumbnails(), "thumbnail")
		img, err := jpeg.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); size.X != 320 || size.Y != 180 {
			t.Errorf("thumbnail is %v, want 320x180", size)
		}
		if len(raw) > 24<<10 {
			t.Errorf("thumbnail has %d bytes", len(raw))
		}
	}
}

func TestThumbnailsOfBusyPicturesAreMadeSmaller(t *testing.T) {
	t.Parallel()
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	usual := capture.Config{Display: display, Width: 640, Height: 360, ThumbnailInterval: 100 * time.Millisecond}
	p := open(t, usual)
	next(t, p, p.Thumbnails(), "thumbnail")
	size := len(next(t, p, p.Thumbnails(), "thumbnail"))
	p.Close()

	usual.ThumbnailMaxBytes = size * 3 / 4
	p = open(t, usual)
	if got := len(next(t, p, p.Thumbnails(), "thumbnail")); got > usual.ThumbnailMaxBytes {
		t.Errorf("thumbnail of %d bytes, at most %d are wanted", got, usual.ThumbnailMaxBytes)
	}
}
