package config_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"hotseat/sidecar/config"
)

type vars map[string]string

func load(env vars, args ...string) (config.Config, []string, error) {
	return config.Load(config.Source{Args: args, Getenv: func(k string) string { return env[k] }, Usage: io.Discard, ReadFile: files(nil).read})
}

// good is the least that works.
func good(more vars) vars {
	v := vars{"IVS_STAGE_TOKEN": "token-1", "IVS_WHIP_ENDPOINT": "https://global.whip.live-video.net"}
	for k, x := range more {
		v[k] = x
	}
	return v
}

func mustLoad(t *testing.T, env vars, args ...string) (config.Config, []string) {
	t.Helper()
	c, w, err := load(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func TestDefaultsAreThoseOfTheSample(t *testing.T) {
	c, warnings := mustLoad(t, good(nil))
	want := config.Config{
		Ingest: "whip", StageToken: "token-1", WHIPEndpoint: "https://global.whip.live-video.net",
		Encoder: "gpu", Width: 1280, Height: 720, Framerate: 30, VideoBitrateKbps: 4000, AudioBitrate: 128_000,
		QueueFrames: 5, Audio: true,
		Adapt: true, Nice: 5, LogFormat: "text", Supervise: true,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings %q", warnings)
	}
}

func TestEnvironmentAloneIsEnough(t *testing.T) {
	c, _ := mustLoad(t, good(vars{"ENCODER_TYPE": "cpu", "VIDEO_WIDTH": "640", "VIDEO_HEIGHT": "360", "VIDEO_FRAMERATE": "60",
		"VIDEO_BITRATE": "2500", "AUDIO_BITRATE": "96000", "QUEUE_BUFFER_SIZE": "9", "ENABLE_AUDIO": "0", "DEBUG_PIPELINE": "1"}))
	if c.Encoder != "cpu" || c.Width != 640 || c.Height != 360 || c.Framerate != 60 || c.VideoBitrateKbps != 2500 ||
		c.AudioBitrate != 96_000 || c.QueueFrames != 9 || c.Audio || !c.Debug {
		t.Errorf("got %+v", c)
	}
}

func TestCommandLineAloneIsEnoughButASecretInItIsWarnedOf(t *testing.T) {
	c, warnings := mustLoad(t, nil, "--auth-token", "token-2", "--whip-endpoint", "https://x.example/w", "--encoder", "cpu",
		"--width", "640", "--height", "360", "--framerate", "25", "--video-bitrate", "1000", "--audio-bitrate", "64000",
		"--queue-buffer-size", "0", "--no-audio", "--debug")
	if c.StageToken != "token-2" || c.WHIPEndpoint != "https://x.example/w" || c.Encoder != "cpu" || c.Width != 640 || c.Framerate != 25 ||
		c.VideoBitrateKbps != 1000 || c.Audio || !c.Debug || c.QueueFrames < 100 {
		t.Errorf("got %+v", c)
	}
	text := strings.Join(warnings, "\n")
	if !strings.Contains(text, "IVS_STAGE_TOKEN") || strings.Contains(text, "token-2") {
		t.Errorf("warnings %q, want one that names the variable and not the token", warnings)
	}
}

func TestCommandLineBeatsEnvironment(t *testing.T) {
	c, _ := mustLoad(t, good(vars{"VIDEO_WIDTH": "640", "ENCODER_TYPE": "gpu", "INGEST_TYPE": "rtmp", "ENABLE_AUDIO": "true"}),
		"--width", "800", "--encoder", "cpu", "--ingest-type", "whip", "--no-audio", "--auth-token", "token-3")
	if c.Width != 800 || c.Encoder != "cpu" || c.Ingest != "whip" || c.Audio || c.StageToken != "token-3" {
		t.Errorf("got %+v", c)
	}
}

func TestUnreadableValuesFallBackWithAWarning(t *testing.T) {
	c, warnings := mustLoad(t, good(vars{"INGEST_TYPE": "carrier pigeon", "ENCODER_TYPE": "quantum", "VIDEO_WIDTH": "wide", "VIDEO_HEIGHT": "-1",
		"VIDEO_FRAMERATE": "0", "QUEUE_BUFFER_SIZE": "-5", "ENABLE_AUDIO": "yes"}))
	if c.Ingest != "whip" || c.Encoder != "gpu" || c.Width != 1280 || c.Height != 720 || c.Framerate != 30 || c.QueueFrames != 5 {
		t.Errorf("got %+v", c)
	}
	if c.Audio {
		t.Error(`ENABLE_AUDIO=yes is on; only "true" and "1" are`)
	}
	if len(warnings) != 6 {
		t.Errorf("%d warnings, want 6: %q", len(warnings), warnings)
	}
}

func TestRTMPVariablesMatterToRTMPOnly(t *testing.T) {
	rtmp := vars{"INGEST_TYPE": "rtmp", "RTMP_ENDPOINT": "rtmps://x.example/app/", "STREAM_KEY": "key-1"}
	c, _ := mustLoad(t, rtmp)
	if c.Ingest != "rtmp" || c.RTMPEndpoint != "rtmps://x.example/app/" || c.StreamKey != "key-1" {
		t.Errorf("got %+v", c)
	}
	c, _ = mustLoad(t, rtmp, "--rtmp-endpoint", "rtmps://y.example/app/", "--stream-key", "key-2")
	if c.RTMPEndpoint != "rtmps://y.example/app/" || c.StreamKey != "key-2" {
		t.Errorf("the command line does not win: %+v", c)
	}
	delete(rtmp, "STREAM_KEY")
	if _, _, err := load(rtmp); err == nil || !strings.Contains(err.Error(), "STREAM_KEY") {
		t.Errorf("missing stream key: %v", err)
	}
	delete(rtmp, "RTMP_ENDPOINT")
	if _, _, err := load(rtmp, "--stream-key", "k"); err == nil || !strings.Contains(err.Error(), "RTMP_ENDPOINT") {
		t.Errorf("missing endpoint: %v", err)
	}
	if c, _ := mustLoad(t, good(vars{"RTMP_ENDPOINT": "rtmps://x", "STREAM_KEY": "k"})); c.Ingest != "whip" {
		t.Errorf("RTMP variables changed the ingest to %s", c.Ingest)
	}
}

func TestWhatAStageWouldRefuseIsRefusedHere(t *testing.T) {
	for name, row := range map[string]struct {
		env  vars
		want string
	}{
		"everything missing": {vars{}, "IVS_STAGE_TOKEN"},
		"endpoint missing":   {vars{"IVS_STAGE_TOKEN": "x"}, "IVS_WHIP_ENDPOINT"},
		"token too long":     {good(vars{"IVS_STAGE_TOKEN": strings.Repeat("x", 1025)}), "longer than 1024"},
		"token with newline": {good(vars{"IVS_STAGE_TOKEN": "x\ny"}), "white space"},
		"endpoint no URL":    {good(vars{"IVS_WHIP_ENDPOINT": "global.whip"}), "no http or https address"},
		"1080p":              {good(vars{"VIDEO_WIDTH": "1920", "VIDEO_HEIGHT": "1080"}), "at most 1280x720"},
		"overflow":           {good(vars{"VIDEO_WIDTH": "4294967296", "VIDEO_HEIGHT": "4294967296"}), "at most 1280x720"},
		"tiny":               {good(vars{"VIDEO_WIDTH": "100", "VIDEO_HEIGHT": "100"}), "at least 160"},
		"odd":                {good(vars{"VIDEO_WIDTH": "641", "VIDEO_HEIGHT": "360"}), "even"},
		"too fast":           {good(vars{"VIDEO_FRAMERATE": "120"}), "10 to 60"},
		"too many bits":      {good(vars{"VIDEO_BITRATE": "8501"}), "at most 8500"},
		"bits, not kilobits": {good(vars{"VIDEO_BITRATE": "4000000"}), "at most 8500"},
		"audio too good":     {good(vars{"AUDIO_BITRATE": "160001"}), "at most 160000"},
		"audio in kilobits":  {good(vars{"AUDIO_BITRATE": "128"}), "in bit/s"},
		"half a session":     {good(vars{"HOTSEAT_SESSION": "s-1"}), "belong together"},
		"health for all":     {good(vars{"HOTSEAT_HEALTH_ADDR": ":9464"}), "this machine only"},
		"API no URL":         {good(vars{"HOTSEAT_API_URL": "backend"}), "HOTSEAT_API_URL"},
		"RTMP no URL":        {vars{"INGEST_TYPE": "rtmp", "RTMP_ENDPOINT": "https://x", "STREAM_KEY": "k"}, "no rtmp or rtmps address"},
		"RTMP in 4K":         {vars{"INGEST_TYPE": "rtmp", "RTMP_ENDPOINT": "rtmp://x/app", "STREAM_KEY": "k", "VIDEO_WIDTH": "3840", "VIDEO_HEIGHT": "2160"}, "at most 1920x1080"},
		"both, half":         {good(vars{"INGEST_TYPE": "both"}), "RTMP_ENDPOINT"},
		"socket too long":    {good(vars{"HOTSEAT_BRIDGE_SOCKET": "/" + strings.Repeat("x", 107)}), "107 bytes"},
		"no such file":       {vars{"IVS_STAGE_TOKEN_FILE": "/nowhere", "IVS_WHIP_ENDPOINT": "https://x"}, "IVS_STAGE_TOKEN_FILE"},
		"bridge for all":     {good(vars{"HOTSEAT_BRIDGE_ADDR": "0.0.0.0:4000"}), "this machine only"},
	} {
		if _, _, err := load(row.env); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, row.want)
		}
	}
	if _, _, err := load(good(vars{"VIDEO_WIDTH": "720", "VIDEO_HEIGHT": "1280"})); err != nil {
		t.Errorf("portrait is refused: %v", err)
	}
	if _, _, err := load(good(vars{"AUDIO_BITRATE": "999999", "ENABLE_AUDIO": "false"})); err != nil {
		t.Errorf("the bitrate of sound that is off matters: %v", err)
	}
}

func TestWrongCommandLinesShowTheUsage(t *testing.T) {
	for _, args := range [][]string{{"--fly"}, {"stray"}, {"run"}, {"run", "--"}, {"--log-format", "xml"}, {"--no-adapt=perhaps"}, {"--encoder", "quantum"}, {"--queue-buffer-size", "-1"}, {"--width"}} {
		var usage strings.Builder
		_, _, err := config.Load(config.Source{Args: args, Getenv: func(k string) string { return good(nil)[k] }, Usage: &usage})
		if !errors.Is(err, config.ErrUsage) || !strings.Contains(usage.String(), "usage: hotseat-sidecar") {
			t.Errorf("%q: error %v, usage %q", args, err, usage.String())
		}
	}
	for _, arg := range []string{"--help", "-h"} {
		if _, _, err := load(good(nil), arg); !errors.Is(err, config.ErrHelp) {
			t.Errorf("%s: error %v", arg, err)
		}
	}
}

func TestUsageHoldsNoSecret(t *testing.T) {
	var usage strings.Builder
	_, _, _ = config.Load(config.Source{Args: []string{"-h"}, Getenv: func(string) string { return "s3cr3t" }, Usage: &usage})
	if strings.Contains(usage.String(), "s3cr3t") {
		t.Errorf("the usage shows values of the environment:\n%s", usage.String())
	}
}

func FuzzNoCommandLinePanicsOrPassesWhatAStageRefuses(f *testing.F) {
	f.Add("--width", "1280", "30")
	f.Add("--framerate", "-1", "99999999999999999999")
	f.Add("--queue-buffer-size", "0", "")
	f.Add("--ingest-type", "rtmp", "x")
	f.Fuzz(func(t *testing.T, flag, value, env string) {
		c, _, err := load(good(vars{"VIDEO_WIDTH": env, "VIDEO_FRAMERATE": env, "AUDIO_BITRATE": env}), flag, value)
		if err != nil {
			return
		}
		if c.Width*c.Height > 1280*720 || c.Framerate > 60 || c.VideoBitrateKbps > 8500 || c.QueueFrames < 1 {
			t.Errorf("%q %q %q passed as %+v", flag, value, env, c)
		}
	})
}
