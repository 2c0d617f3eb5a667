package capture

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-gst/go-gst/gst"
)

// debianPackage says where each element that we use comes from.
var debianPackage = map[string]string{
	"queue":         "libgstreamer1.0-0",
	"tee":           "libgstreamer1.0-0",
	"appsink":       "gstreamer1.0-plugins-base",
	"appsrc":        "gstreamer1.0-plugins-base",
	"videoconvert":  "gstreamer1.0-plugins-base",
	"videoscale":    "gstreamer1.0-plugins-base",
	"videorate":     "gstreamer1.0-plugins-base",
	"videotestsrc":  "gstreamer1.0-plugins-base",
	"audioconvert":  "gstreamer1.0-plugins-base",
	"audioresample": "gstreamer1.0-plugins-base",
	"opusenc":       "gstreamer1.0-plugins-base",
	"jpegenc":       "gstreamer1.0-plugins-good",
	"pulsesrc":      "gstreamer1.0-plugins-good",
	"aacparse":      "gstreamer1.0-plugins-good",
	"flvmux":        "gstreamer1.0-plugins-good",
	"x264enc":       "gstreamer1.0-plugins-ugly",
	"h264parse":     "gstreamer1.0-plugins-bad",
	"openh264enc":   "gstreamer1.0-plugins-bad",
	"nvh264enc":     "gstreamer1.0-plugins-bad",
	"nvcudah264enc": "gstreamer1.0-plugins-bad",
	"vah264enc":     "gstreamer1.0-plugins-bad",
	"rtmp2sink":     "gstreamer1.0-plugins-bad",
	"voaacenc":      "gstreamer1.0-plugins-bad",
}

var (
	videoElements     = []string{"appsrc", "appsink", "videoconvert", "videoscale", "videotestsrc"}
	thumbnailElements = []string{"tee", "queue", "videorate", "jpegenc"}
	audioElements     = []string{"pulsesrc", "audioconvert", "audioresample", "queue", "opusenc"}
	rtmpElements      = []string{"flvmux", "rtmp2sink", "h264parse"}
	rtmpAudioElements = []string{"tee", "aacparse"}
)

// MissingElementError says that GStreamer lacks an element, and which Debian package has it.
type MissingElementError struct {
	Element string
	Package string
}

func (e *MissingElementError) Error() string {
	also := ""
	if strings.HasPrefix(e.Element, "nv") {
		also = " (and it needs a loaded NVIDIA driver)"
	}
	return fmt.Sprintf("capture: GStreamer has no element %q: install it with \"apt-get install %s\"%s", e.Element, e.Package, also)
}

// require looks the elements up in GStreamer's registry.
func require(elements ...[]string) error {
	for _, names := range elements {
		for _, name := range names {
			if gst.Find(name) == nil {
				return &MissingElementError{Element: name, Package: debianPackage[name]}
			}
		}
	}
	return nil
}

// initGStreamer must come before anything else of GStreamer, and once a process is enough.
var initGStreamer = sync.OnceFunc(func() { gst.Init(nil) })
