// Package elements is the list of the GStreamer elements that the sidecar uses: in which plug-in each
// is, and which Debian or Ubuntu package brings it. The capture asks it what to tell a person who lacks
// one, the doctor what a machine must have, and the packager what to take along. It is a list and knows
// no GStreamer, so that programs without cgo can read it.
package elements

import "slices"

// Element is one of GStreamer's.
type Element struct {
	Name string
	// Plugins are the names of the files that may hold it, without ".so": plug-ins are merged and split
	// from one release of GStreamer to the next.
	Plugins []string
	Package string // of Debian and Ubuntu
	// Need says without which the sidecar cannot do its work.
	Need Need
}

// Need is why an element is wanted.
type Need int

// The needs.
const (
	Always Need = iota // nothing is broadcast without it
	Sound              // the broadcast is silent without it
	RTMP               // only for RTMP
	GPU                // an encoder of a graphics card, which x264 stands in for
	Choice             // one of several that do the same
	Check              // only the decoder of checks and tests
)

const (
	core = "libgstreamer1.0-0"
	base = "gstreamer1.0-plugins-base"
	good = "gstreamer1.0-plugins-good"
	bad  = "gstreamer1.0-plugins-bad"
	ugly = "gstreamer1.0-plugins-ugly"
)

// All are the elements. Those of Windows are not among them.
func All() []Element {
	return []Element{
		{"queue", []string{"libgstcoreelements"}, core, Always},
		{"tee", []string{"libgstcoreelements"}, core, Always},
		{"appsrc", []string{"libgstapp"}, base, Always},
		{"appsink", []string{"libgstapp"}, base, Always},
		{"videoconvert", []string{"libgstvideoconvertscale", "libgstvideoconvert"}, base, Always}, // 1.22, 1.20
		{"videoscale", []string{"libgstvideoconvertscale", "libgstvideoscale"}, base, Always},
		{"videorate", []string{"libgstvideorate"}, base, Always},
		{"videotestsrc", []string{"libgstvideotestsrc"}, base, Always}, // to try encoders out
		{"jpegenc", []string{"libgstjpeg"}, good, Always},
		{"x264enc", []string{"libgstx264"}, ugly, Always},
		{"audioconvert", []string{"libgstaudioconvert"}, base, Sound},
		{"audioresample", []string{"libgstaudioresample"}, base, Sound},
		{"opusenc", []string{"libgstopus"}, base, Sound},
		{"pulsesrc", []string{"libgstpulseaudio"}, good, Sound},
		{"audiotestsrc", []string{"libgstaudiotestsrc"}, base, RTMP}, // to try AAC encoders out
		{"aacparse", []string{"libgstaudioparsers"}, good, RTMP},
		{"flvmux", []string{"libgstflv"}, good, RTMP},
		{"h264parse", []string{"libgstvideoparsersbad"}, bad, RTMP},
		{"rtmp2sink", []string{"libgstrtmp2"}, bad, RTMP},
		{"voaacenc", []string{"libgstvoaacenc"}, bad, RTMP},
		{"openh264enc", []string{"libgstopenh264"}, bad, Choice},
		{"nvh264enc", []string{"libgstnvcodec"}, bad, GPU},
		{"nvcudah264enc", []string{"libgstnvcodec"}, bad, GPU},
		{"vah264enc", []string{"libgstva"}, bad, GPU},
		{"openh264dec", []string{"libgstopenh264"}, bad, Check},
	}
}

// Package is the Debian package that brings an element; "" for one that is not in the list.
func Package(element string) string {
	for _, e := range All() {
		if e.Name == element {
			return e.Package
		}
	}
	return ""
}

// Packages are those of all elements, each once, in the order of the list.
func Packages() (names []string) {
	for _, e := range All() {
		if !slices.Contains(names, e.Package) {
			names = append(names, e.Package)
		}
	}
	return names
}
