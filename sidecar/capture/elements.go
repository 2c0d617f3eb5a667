package capture

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-gst/go-gst/gst"

	"hotseat/sidecar/elements"
)

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
func require(lists ...[]string) error {
	for _, names := range lists {
		for _, name := range names {
			if gst.Find(name) == nil {
				return &MissingElementError{Element: name, Package: elements.Package(name)}
			}
		}
	}
	return nil
}

// initGStreamer must come before anything else of GStreamer, and once a process is enough.
var initGStreamer = sync.OnceFunc(func() {
	configureSound() // before there are threads that read the environment
	gst.Init(nil)
})
