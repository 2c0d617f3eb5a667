package capture

import "fmt"

// Windows, NOT YET RUN and in no program: what the sources and encoders of Windows would be called in a
// pipeline that describeVideo and describeAudio write. It stands here so that those two stay fit for it;
// tests compare the text only.

var (
	nvd3d11 = encoder{
		name: NameNVENC, element: "nvd3d11h264enc", format: "NV12", gpu: true, bitrateUnit: 1000, parse: true,
		profiles: "(string){constrained-baseline,baseline}", properties: nvcuda.properties,
	}
	mediaFoundation = encoder{
		name: "mediafoundation", element: "mfh264enc", format: "NV12", gpu: true, bitrateUnit: 1000, parse: true,
		profiles: "(string){constrained-baseline,baseline}",
		properties: func(c Config) []property {
			return []property{
				{"low-latency", "true"}, {"rc-mode", "cbr"}, {"bframes", "0"},
				{"bitrate", fmt.Sprint(c.BitrateKbps)}, {"gop-size", fmt.Sprint(c.keyFrameDistance())},
			}
		},
	}
)

// windowsCandidates is candidates for Windows.
func windowsCandidates(wish string) []encoder {
	if wish == EncoderGPU {
		return append([]encoder{nvd3d11, mediaFoundation}, candidates(EncoderCPU)...)
	}
	return candidates(EncoderCPU)
}

// windowsSource captures the first monitor, or one window by its handle (Window.ID); d3d12download
// brings the picture to where every encoder can read it.
func windowsSource(c Config) string {
	text := fmt.Sprintf("d3d12screencapturesrc name=%s show-cursor=%t", namePictures, c.Cursor)
	if c.Window.ID != 0 {
		text += fmt.Sprintf(" capture-api=wgc window-handle=%d", c.Window.ID)
	}
	return text + fmt.Sprintf(" ! d3d12download ! videorate ! video/x-raw,framerate=%d/1", c.Framerate)
}

// windowsSound is what the default speaker plays.
const windowsSound = "wasapi2src name=" + nameSound + " loopback=true low-latency=true provide-clock=false"
