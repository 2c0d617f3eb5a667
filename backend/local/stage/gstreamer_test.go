package stage

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// python is the distribution's own, which its GStreamer bindings are for; PATH may name another.
const python = "/usr/bin/python3"

// gstreamer runs a program of testdata with GStreamer's webrtcbin, which is no relative of the WebRTC stack of this
// package. Closing the input ends a publisher. The second function waits for the end.
func gstreamer(t *testing.T, program string, arguments ...string) (end io.Closer, wait func() string) {
	t.Helper()
	program = filepath.Join("testdata", program)
	if said, err := exec.CommandContext(t.Context(), python, "-B", program, "--check").CombinedOutput(); err != nil {
		t.Skipf("a GStreamer with webrtcbin and its Python bindings are needed: %v %s", err, said)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute) // ended by its input, even at the end of the test
	cmd := exec.CommandContext(ctx, python, append([]string{"-B", program}, arguments...)...)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	wait = func() string {
		once.Do(func() {
			defer cancel()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v\n%s", program, err, complaints.Bytes())
			}
		})
		return said.String()
	}
	t.Cleanup(func() {
		_ = input.Close()
		wait()
	})
	return input, wait
}

func TestGStreamerPublishesToAStageAndReceivesFromIt(t *testing.T) {
	t.Parallel()
	s := newTestStage(t)
	end, ended := gstreamer(t, "gstreamer_whip.py", s.url+"/st/publish/game", s.invite("st", "game", "publish"))
	s.awaitEvent(PublishStarted, "game", 1)

	// What a subscriber of our own receives: pictures of that size, and sound.
	v := s.subscribe("st", "game", s.invite("st", "viewer", "subscribe"))
	v.next(t, "a parameter set for 640x360", func(p *rtp.Packet) bool {
		found, err := parseSPS(look(p.Payload).sps)
		return err == nil && found.width == 640 && found.height == 360
	})
	for range 30 {
		v.next(t, "pictures", func(p *rtp.Packet) bool { return p.PayloadType != 111 && p.Marker })
	}
	v.next(t, "sound", func(p *rtp.Packet) bool { return p.PayloadType == 111 })

	// What one that others wrote can decode of it.
	_, seen := gstreamer(t, "gstreamer_whep.py", s.url+"/st/subscribe/game", s.invite("st", "player", "subscribe"), "60")
	s.awaitEvent(SubscribeStarted, "player", 1)
	told := seen()
	found := regexp.MustCompile(`^frames (\d+) (\d+x\d+), audio (\d+)\n$`).FindStringSubmatch(told)
	if found == nil || found[2] != "640x360" {
		t.Fatalf("the player says %q", strings.TrimSpace(told))
	}
	if n, _ := strconv.Atoi(found[1]); n < 60 {
		t.Errorf("%d pictures were decoded", n)
	}
	s.awaitEvent(SubscribeStopped, "player", 1)
	if err := end.Close(); err != nil {
		t.Fatal(err)
	}
	ended()
	s.awaitEvent(Left, "game", 1)
}
