package capture

import (
	"strings"
	"testing"
	"time"
)

// known are the properties that an element is taken to have in these tests.
func known(string, string) bool { return true }

func TestDescriptionsSayWhatTheyMust(t *testing.T) {
	cfg := Config{Width: 640, Height: 360, Framerate: 60, BitrateKbps: 2500, KeyFrameInterval: time.Second,
		ThumbnailInterval: time.Second, Cursor: true, Window: Window{ID: 77}}.withDefaults()
	for _, row := range []struct {
		name, text string
		parts      []string // in this order
	}{
		{"x264", describeVideo(cfg, x11Source, x264, known),
			[]string{"appsrc", "format=I420", "width=640,height=360", "x264enc", "bframes=0", "bitrate=2500", "key-int-max=60", "profile=constrained-baseline", "byte-stream,alignment=au", "appsink name=video", "jpegenc"}},
		{"openh264 counts in bit/s", describeVideo(cfg, x11Source, openh264, known),
			[]string{"openh264enc", "scene-change-detection=false", "bitrate=2500000", "gop-size=60", "h264parse config-interval=-1"}},
		{"NVIDIA", describeVideo(cfg, x11Source, nvcuda, known),
			[]string{"format=NV12", "nvcudah264enc", "bitrate=2500", "gop-size=60", "baseline", "h264parse config-interval=-1"}},
		{"VA-API", describeVideo(cfg, x11Source, vaapi, known),
			[]string{"format=NV12", "vah264enc", "rate-control=cbr", "b-frames=0", "key-int-max=60", "constrained-baseline"}},
		{"Windows, NVIDIA", describeVideo(cfg, windowsSource(cfg), nvd3d11, known),
			[]string{"d3d12screencapturesrc", "show-cursor=true", "window-handle=77", "d3d12download", "framerate=60/1", "NV12", "width=640,height=360", "nvd3d11h264enc", "gop-size=60", "appsink name=video"}},
		{"Windows, any GPU", describeVideo(cfg, windowsSource(cfg), mediaFoundation, known),
			[]string{"mfh264enc", "low-latency=true", "bframes=0", "bitrate=2500", "h264parse"}},
		{"Windows, sound", describeAudio(cfg, windowsSound, ""), []string{"wasapi2src", "loopback=true", "opusenc", "appsink name=audio"}},
		{"sound twice", describeAudio(cfg, pulseSource, "voaacenc"), []string{"pulsesrc", "tee", "opusenc", "appsink name=audio", "voaacenc", "appsink name=aac"}},
		{"RTMP", describeRTMP(true), []string{"flvmux", "streamable=true", "rtmp2sink", "stream-format=avc", "mux.video", "aacparse", "mux.audio"}},
	} {
		rest := row.text
		for _, part := range row.parts {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Errorf("%s: no %q behind the parts before it in\n%s", row.name, part, row.text)
				break
			}
			rest = after
		}
	}
	if text := describeVideo(cfg, x11Source, nvcuda, func(_, name string) bool { return name == "bitrate" }); strings.Contains(text, "zero-reorder-delay") {
		t.Errorf("a property that the installed element lacks is set: %s", text)
	}
}

func TestSilenceFillsExactlyWhatIsMissing(t *testing.T) {
	const ms = time.Millisecond
	type packet struct {
		at     time.Duration
		silent bool
	}
	var got []packet
	tr := &track{frame: opusFrame, silent: opusSilence, out: func(s Sample, silent bool) { got = append(got, packet{s.RunningTime, silent}) }}
	expect := func(what string, want ...packet) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
		got = nil
	}
	tr.fill(100 * ms)
	expect("no sound yet", packet{0, true}, packet{20 * ms, true}, packet{40 * ms, true})
	if tr.put(Sample{RunningTime: 45 * ms}) {
		t.Error("sound was taken for a time that is filled already")
	}
	tr.put(Sample{RunningTime: 85 * ms})
	expect("sound after a gap", packet{60 * ms, true}, packet{85 * ms, false})
	tr.fill(200 * ms)
	expect("late sound is waited for")
	tr.put(Sample{RunningTime: 105 * ms})
	expect("and taken", packet{105 * ms, false})
	tr.stop()
	tr.fill(200 * ms)
	expect("once it stopped, silence follows at once", packet{125 * ms, true})
}

func TestSecretsOfRTMPAreNotTold(t *testing.T) {
	const key, escaped, plain = "live_4711_sEcReT", "live%2F0815%20xYz", "live/0815 xYz"
	for _, address := range []string{"rtmps://user:passw0rd@host.example/app/" + key, "rtmp://host.example:1935/app/" + key + "?token=abc123",
		"rtmps://user:p%40ss@host.example/app/" + escaped} {
		r := &rtmpOut{cfg: Config{RTMP: RTMP{URL: address}}}
		said := r.redact(&MissingElementError{Element: "could not connect to " + address + " for app/" + key + " and " + key + ", " + escaped + " or " + plain + " of p%40ss or p@ss"})
		secrets := []string{key, "passw0rd", "abc123"}
		if strings.HasSuffix(address, escaped) {
			secrets = []string{escaped, plain, "0815", "p%40ss", "p@ss"}
		}
		for _, secret := range secrets {
			if strings.Contains(said, secret) {
				t.Errorf("%q tells %q", said, secret)
			}
		}
	}
	for _, bad := range []string{"http://host/app/" + key, "rtmp://" + key, "rtmp:///" + key, "rtmp://host/app/" + key + " x", "%zz" + key} {
		err := RTMP{URL: bad}.validate()
		if err == nil {
			t.Errorf("%q is taken for an address", bad)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("error %q tells the key", err)
		}
	}
}

func TestSoundIsTiedToTheClockByItsEarliestPackets(t *testing.T) {
	const ms = time.Millisecond
	for name, row := range map[string]struct {
		late  func(i int) time.Duration // beyond when a packet can be there at the earliest
		drift float64                   // of the sound card's clock
	}{
		"steady":           {func(int) time.Duration { return 0 }, 0},
		"late by chance":   {func(i int) time.Duration { return time.Duration(i*7919%23) * ms }, 0},
		"a burst at first": {func(i int) time.Duration { return max(0, time.Duration(8-i)*20*ms) }, 0},
		"a long one":       {func(i int) time.Duration { return max(0, time.Duration(60-i)*20*ms) }, 0},
		"drift of 100 ppm": {func(i int) time.Duration { return time.Duration(i*7919%11) * ms }, 100e-6},
	} {
		c := &soundClock{frame: opusFrame}
		worst := time.Duration(0)
		for i := range 10 * 60 * 50 { // ten minutes
			began := 500*ms + time.Duration(float64(i)*(1+row.drift)*float64(opusFrame))
			arrival := began + opusFrame + row.late(i)
			at, ok := c.stamp(arrival)
			if ok && at+opusFrame > arrival+soundEarly {
				t.Fatalf("%s: packet %d is stamped %v before it can have been heard", name, i, at+opusFrame-arrival)
			}
			if ok && i > 150 {
				worst = max(worst, (at - began).Abs())
			}
		}
		if worst > 5*ms {
			t.Errorf("%s: sound is stamped up to %v wrong", name, worst)
		}
	}
}
