package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotseat/sidecar/testscreen"
)

// mediamtx is a server that nobody of this project wrote. It takes WHIP, and gives what it took by WHEP
// and RTSP.
type mediamtx struct{ whip, whep, rtsp string }

func startMediaMTX(t *testing.T) mediamtx {
	t.Helper()
	web, media, rtsp := freeAddress(t), freeAddress(t), freeAddress(t)
	runMediaMTX(t, "logLevel: warn\nhls: no\nrtmp: no\nsrt: no\nmoq: no\nrtsp: yes\nrtspTransports: [tcp]\nrtspAddress: "+rtsp+
		"\nwebrtc: yes\nwebrtcAddress: "+web+"\nwebrtcLocalUDPAddress: "+media+
		"\nwebrtcIPsFromInterfaces: no\nwebrtcAdditionalHosts: [127.0.0.1]\npaths:\n  all_others:\n", web, rtsp)
	return mediamtx{"http://" + web + "/game/whip", "http://" + web + "/game/whep", "rtsp://" + rtsp + "/game"}
}

// runMediaMTX runs one until the test ends, and waits until it listens on the addresses. Without the program the test is
// skipped.
func runMediaMTX(t *testing.T, settings string, addresses ...string) {
	t.Helper()
	program := os.Getenv("HOTSEAT_MEDIAMTX")
	if program == "" {
		t.Skip("HOTSEAT_MEDIAMTX names no mediamtx program (github.com/bluenviron/mediamtx)")
	}
	config := filepath.Join(t.TempDir(), "mediamtx.yml")
	write(t, config, settings)
	cmd := exec.Command(program, config)
	cmd.Dir = filepath.Dir(config)
	runUntilTheEnd(t, cmd)
	for _, address := range addresses {
		until(t, "mediamtx to listen", func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
}

// runUntilTheEnd starts a program and kills it when the test ends.
func runUntilTheEnd(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// freeAddress is one of loopback on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAServerThatOthersWrotePlaysTheBroadcast(t *testing.T) {
	launcher, err := exec.LookPath("gst-launch-1.0")
	if err != nil {
		t.Skip("gst-launch-1.0 is missing: apt-get install gstreamer1.0-tools")
	}
	server := startMediaMTX(t)
	display, sound := testscreen.Start(t, 640, 360), testscreen.ServeSound(t)
	testscreen.Flash(t, display, sound, 0, 0, 640, 360)
	start(t, map[string]string{
		"DISPLAY": display, "PULSE_SERVER": sound.Address, "HOTSEAT_AUDIO_DEVICE": testscreen.PipeSource,
		"VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "VIDEO_BITRATE": "1500",
		"IVS_STAGE_TOKEN": "any", "IVS_WHIP_ENDPOINT": server.whip,
	})
	w := watchAt(t, server.whep, "any", 320, 180, launcher)
	until(t, "pictures", func() bool { return w.count() > 60 })
	var offsets []time.Duration
	until(t, "flashes and beeps", func() bool {
		offsets, err = w.offsets(6 * time.Second)
		return err == nil && len(offsets) >= 4
	})
	slices.Sort(offsets)
	t.Logf("sound behind picture: %v", offsets)
	if middle := offsets[len(offsets)/2]; middle.Abs() > 40*time.Millisecond {
		t.Errorf("sound and picture are %v apart, want at most 40ms", middle)
	}
	t.Run("ffprobe", func(t *testing.T) { probe(t, server.rtsp) })
}

// probe asks a program that others wrote what is in the stream.
func probe(t *testing.T, url string) {
	program, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe here: the package ffmpeg has it")
	}
	out, err := exec.Command(program, "-loglevel", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+7", "-show_streams", "-show_frames",
		"-show_entries", "stream=codec_name,profile,has_b_frames,width,height,sample_rate,channels:frame=media_type,key_frame,pict_type,pts_time",
		"-of", "json", url).Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Streams []struct {
			Codec    string `json:"codec_name"`
			Profile  string `json:"profile"`
			B        int    `json:"has_b_frames"`
			Width    int    `json:"width"`
			Height   int    `json:"height"`
			Rate     string `json:"sample_rate"`
			Channels int    `json:"channels"`
		} `json:"streams"`
		Frames []struct {
			Media string `json:"media_type"`
			Key   int    `json:"key_frame"`
			Type  string `json:"pict_type"`
			At    string `json:"pts_time"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	var tracks []string
	for _, s := range said.Streams {
		tracks = append(tracks, strings.TrimSpace(fmt.Sprintf("%s %s %dx%d b=%d %s/%d", s.Codec, s.Profile, s.Width, s.Height, s.B, s.Rate, s.Channels)))
	}
	slices.Sort(tracks)
	if want := []string{"h264 Constrained Baseline 640x360 b=0 /0", "opus  0x0 b=0 48000/2"}; !slices.Equal(tracks, want) {
		t.Errorf("tracks %q, want %q", tracks, want)
	}
	first, last, key, longest, pictures := -1.0, 0.0, -1.0, 0.0, 0
	for _, f := range said.Frames {
		if f.Media != "video" {
			continue
		}
		at, err := strconv.ParseFloat(f.At, 64)
		if err != nil {
			continue
		}
		if f.Type == "B" || at < last {
			t.Errorf("picture at %v: %s after one at %v", at, f.Type, last)
		}
		if first < 0 {
			first = at
		}
		if f.Key == 1 {
			if key >= 0 {
				longest = max(longest, at-key)
			}
			key = at
		}
		last = at
		pictures++
	}
	rate := float64(pictures-1) / (last - first)
	t.Logf("%d pictures, %.1f a second, key frames at most %.2f s apart", pictures, rate, longest)
	if longest == 0 || longest > 2.1+4/rate { // where pictures are skipped, it takes a few to notice
		t.Errorf("key frames are up to %.2f s apart, want 2", longest)
	}
	if rate > 31 || rate < 20 { // a busy machine skips some
		t.Errorf("%.1f pictures a second, want 30", rate)
	}
}
