package main

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"hotseat/sidecar/testscreen"
)

// A viewer that others wrote, GStreamer's webrtcbin, decodes what the sidecar broadcasts by way of the local stage: the
// game's picture and its sound.
func TestGStreamerSeesAndHearsWhatTheSidecarBroadcasts(t *testing.T) {
	t.Parallel()
	const (
		// Of the distribution, as its bindings are; PATH may name another.
		python  = "/usr/bin/python3"
		player  = "../../backend/local/stage/testdata/gstreamer_whep.py"
		enough  = "90"
		picture = "640x360"
	)
	if said, err := exec.CommandContext(t.Context(), python, "-B", player, "--check").CombinedOutput(); err != nil {
		t.Skipf("a GStreamer with webrtcbin and its Python bindings are needed: %v %s", err, said)
	}
	stage := startLocalStage(t)
	display := testscreen.Start(t, 640, 360)
	testscreen.Paint(t, display, 30)
	p := start(t, map[string]string{
		"DISPLAY": display, "PULSE_SERVER": testscreen.Sound(t), "VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360",
		"IVS_STAGE_TOKEN": stage.token("game", true), "IVS_WHIP_ENDPOINT": stage.url,
	})

	until(t, "on the air", func() bool { return strings.Contains(p.output(), `msg="on the air"`) })

	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, python, "-B", player, stage.url+"/"+stageID+"/subscribe/game", stage.token("viewer", false), enough)
	cmd.Stderr = &complaints
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("the player: %v\n%s", err, complaints.Bytes())
	}
	if !regexp.MustCompile(`^frames (9\d|\d{3,}) ` + picture + `, audio \d+\n$`).Match(said) {
		t.Errorf("the player says %q", said)
	}
	select {
	case <-p.done:
		t.Error("the sidecar has ended")
	default:
	}
}
