package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hotseat/sidecar/config"
)

// files is what a test's disk holds.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return []byte(text), nil
}

func loadWith(f files, env vars, args ...string) (config.Config, []string, error) {
	return config.Load(config.Source{
		Args: args, Getenv: func(k string) string { return env[k] }, ReadFile: f.read, Usage: &strings.Builder{},
	})
}

// Every setting of the sample, in each of the three places, with what it becomes: the command line
// beats the environment, and that the file.
func TestEverySettingOfTheSampleInEveryPlace(t *testing.T) {
	at := func(c config.Config, field string) any { return reflect.ValueOf(c).FieldByName(field).Interface() }
	for _, row := range []struct {
		flag, env, field   string
		cli, inEnv, inTOML string
		want               [3]any // by command line, environment, file
		def                any
	}{
		{"ingest-type", "INGEST_TYPE", "Ingest", "both", "rtmp", `"both"`, [3]any{"both", "rtmp", "both"}, "whip"},
		{"auth-token", "IVS_STAGE_TOKEN", "StageToken", "a", "b", `"c"`, [3]any{"a", "b", "c"}, nil},
		{"whip-endpoint", "IVS_WHIP_ENDPOINT", "WHIPEndpoint", "https://a", "https://b", `"https://c"`, [3]any{"https://a", "https://b", "https://c"}, nil},
		{"rtmp-endpoint", "RTMP_ENDPOINT", "RTMPEndpoint", "rtmp://a", "rtmp://b", `"rtmp://c"`, [3]any{"rtmp://a", "rtmp://b", "rtmp://c"}, ""},
		{"stream-key", "STREAM_KEY", "StreamKey", "a", "b", `"c"`, [3]any{"a", "b", "c"}, ""},
		{"encoder", "ENCODER_TYPE", "Encoder", "cpu", "cpu", `"cpu"`, [3]any{"cpu", "cpu", "cpu"}, "gpu"},
		{"width", "VIDEO_WIDTH", "Width", "640", "800", "960", [3]any{640, 800, 960}, 1280},
		{"height", "VIDEO_HEIGHT", "Height", "360", "450", "540", [3]any{360, 450, 540}, 720},
		{"framerate", "VIDEO_FRAMERATE", "Framerate", "60", "24", "25", [3]any{60, 24, 25}, 30},
		{"video-bitrate", "VIDEO_BITRATE", "VideoBitrateKbps", "1000", "2000", "3000", [3]any{1000, 2000, 3000}, 4000},
		{"audio-bitrate", "AUDIO_BITRATE", "AudioBitrate", "64000", "96000", "48000", [3]any{64000, 96000, 48000}, 128000},
		{"queue-buffer-size", "QUEUE_BUFFER_SIZE", "QueueFrames", "1", "2", "3", [3]any{1, 2, 3}, 5},
	} {
		t.Run(row.flag, func(t *testing.T) {
			base := vars{"RTMP_ENDPOINT": "rtmp://x/app", "STREAM_KEY": "k", "IVS_STAGE_TOKEN": "token", "IVS_WHIP_ENDPOINT": "https://x"}
			disk := files{"/s.toml": strings.ToLower(row.env) + " = " + row.inTOML + "\n"}
			with := func(env, file bool) vars {
				v := vars{}
				for name, value := range base {
					if name != row.env {
						v[name] = value
					}
				}
				if env {
					v[row.env] = row.inEnv
				}
				if file {
					v["HOTSEAT_SIDECAR_CONFIG"] = "/s.toml"
				}
				return v
			}
			for i, c := range []struct {
				env  vars
				args []string
			}{
				{with(true, true), []string{"--" + row.flag, row.cli}},
				{with(true, true), nil},
				{with(false, true), nil},
			} {
				cfg, _, err := loadWith(disk, c.env, c.args...)
				if err != nil {
					t.Fatal(err)
				}
				if got := at(cfg, row.field); got != row.want[i] {
					t.Errorf("place %d: %v, want %v", i, got, row.want[i])
				}
			}
			if row.def != nil {
				cfg, _, _ := loadWith(nil, with(false, false))
				if got := at(cfg, row.field); got != row.def {
					t.Errorf("default %v, want %v", got, row.def)
				}
			}
		})
	}
}

func TestSecretsMayBeInFilesOfTheirOwn(t *testing.T) {
	disk := files{"/run/token": "token-1\n", "/run/token-2": "token-2", "/run/key": "key-1", "/run/events": "events-1\n"}
	env := vars{
		"INGEST_TYPE": "both", "IVS_WHIP_ENDPOINT": "https://x", "RTMP_ENDPOINT": "rtmps://y/app",
		"IVS_STAGE_TOKEN": "old", "IVS_STAGE_TOKEN_FILE": "/run/token", "STREAM_KEY_FILE": "/run/key",
		"HOTSEAT_SESSION": "s-1", "HOTSEAT_EVENTS_URL": "wss://z", "HOTSEAT_EVENTS_TOKEN_FILE": "/run/events",
	}
	c, warnings, err := loadWith(disk, env)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if c.StageToken != "token-1" || c.StageTokenFile != "/run/token" || c.StreamKey != "key-1" || c.Hotseat.EventsToken != "events-1" {
		t.Errorf("got %+v", c)
	}
	if c, _, err = loadWith(disk, env, "--auth-token-file", "/run/token-2"); err != nil || c.StageToken != "token-2" || c.StageTokenFile != "/run/token-2" {
		t.Errorf("the command line does not win: %v, %+v", err, c)
	}
	if c, _, err = loadWith(disk, env, "--auth-token", "token-3"); err != nil || c.StageToken != "token-3" || c.StageTokenFile != "" {
		t.Errorf("the command line does not win: %v, %+v", err, c)
	}
	for content, want := range map[string]string{"": "is empty", " \n": "is empty", "two words": "more than one word", strings.Repeat("x", 2000): "more than 1024"} {
		disk["/run/token"] = content
		if _, _, err := loadWith(disk, env); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "IVS_STAGE_TOKEN_FILE") {
			t.Errorf("%.20q: error %v, want %q", content, err, want)
		}
	}
}

func TestSecretsAreTakenOutOfTheCommandLine(t *testing.T) {
	for _, row := range []struct{ args, clean, moved string }{
		{"--width 640", "--width 640", "map[]"},
		{"--auth-token s1 --width 640", "--width 640", "map[IVS_STAGE_TOKEN:s1]"},
		{"-auth-token=s1 -stream-key s2 --debug", "--debug", "map[IVS_STAGE_TOKEN:s1 STREAM_KEY:s2]"},
		{"--auth-token", "--auth-token", "map[]"},
		{"run --auth-token s1 -- game --auth-token mine", "run -- game --auth-token mine", "map[IVS_STAGE_TOKEN:s1]"},
		{"auth-token s1", "auth-token s1", "map[]"},
		{"run ./g.sh --stream-key abc", "run ./g.sh --stream-key abc", "map[]"},
		{"run --auth-token s1 --width 640 --debug ./g.sh --stream-key abc", "run --width 640 --debug ./g.sh --stream-key abc", "map[IVS_STAGE_TOKEN:s1]"},
		{"run --no-audio=true --config auth-token ./g.sh -auth-token x", "run --no-audio=true --config auth-token ./g.sh -auth-token x", "map[]"},
		{"run --no-audio --stream-key -- -- ./g.sh", "run --no-audio -- ./g.sh", "map[STREAM_KEY:--]"},
		{"--fly --auth-token s1", "--fly --auth-token s1", "map[]"}, // the parser refuses it
	} {
		clean, moved := config.HideSecrets(strings.Fields(row.args))
		if got := strings.Join(clean, " "); got != row.clean || fmt.Sprint(moved) != row.moved {
			t.Errorf("%q became %q and %v", row.args, got, moved)
		}
	}
}

func TestTheGamesCommandFollowsRun(t *testing.T) {
	for _, args := range []string{"run --width 640 -- ./game -w --x y", "run --width 640 ./game -w --x y"} {
		c, _, err := loadWith(nil, good(nil), strings.Fields(args)...)
		if err != nil || c.Width != 640 || !slices.Equal(c.Game, []string{"./game", "-w", "--x", "y"}) {
			t.Errorf("%s: %v, %+v", args, err, c)
		}
	}
}

func TestEveryVariableOfASecretIsKeptFromTheGame(t *testing.T) {
	for _, name := range []string{"IVS_STAGE_TOKEN", "STREAM_KEY", "HOTSEAT_EVENTS_TOKEN"} {
		if !slices.Contains(config.Secrets, name) || !slices.Contains(config.Secrets, name+"_FILE") {
			t.Errorf("%s or %s_FILE is not among %q", name, name, config.Secrets)
		}
	}
	if !slices.Contains(config.Secrets, "HOTSEAT_SIDECAR_CONFIG") {
		t.Error("the game is told where the file of settings lies")
	}
}

func TestFilesOfSettingsSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"width = 640":                      `unknown setting "width"`,
		"VIDEO_WIDTH = 640":                `unknown setting "VIDEO_WIDTH"`,
		"video_width = 640.5":              "video_width is neither",
		"[video]\nwidth = 640":             `unknown setting "video"`,
		"ivs_stage_token = [1, 2]":         "neither a text",
		"video_width = ":                   "line 1",
		"video_width = 1\nvideo_width = 2": "defined",
		"#" + strings.Repeat("x", 64<<10):  "more than 65536 bytes",
	} {
		_, _, err := loadWith(files{"/s.toml": text}, good(nil), "--config", "/s.toml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
	if _, _, err := loadWith(nil, good(nil), "--config", "/s.toml"); err == nil || !strings.Contains(err.Error(), "/s.toml") {
		t.Errorf("missing file: %v", err)
	}
	c, warnings, err := loadWith(files{"/s.toml": "video_width = -1\nenable_audio = false\n"}, good(nil), "--config", "/s.toml")
	if err != nil || c.Width != 1280 || c.Audio || len(warnings) != 1 {
		t.Errorf("%v %q %+v", err, warnings, c)
	}
}

func FuzzHidingSecretsLeavesTheGameAlone(f *testing.F) {
	f.Add("run ./g.sh --stream-key abc")
	f.Add("run --auth-token s1 --width 640 -- g --auth-token mine")
	f.Add("run --no-audio=1 --debug -stream-key --width 640 g")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		before, _, err := loadWith(nil, good(nil), args...)
		if errors.Is(err, config.ErrUsage) || errors.Is(err, config.ErrHelp) {
			return
		}
		clean, moved := config.HideSecrets(slices.Clone(args))
		after, _, _ := loadWith(nil, good(nil), clean...)
		if !slices.Equal(before.Game, after.Game) || before.Width != after.Width {
			t.Errorf("%q became %q and %v", args, clean, moved)
		}
	})
}

func FuzzFilesOfSettings(f *testing.F) {
	f.Add("video_width = 640\nenable_audio = false")
	f.Add("ivs_stage_token = 'x'\n[[a]]")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := loadWith(files{"/s.toml": text}, good(nil), "--config", "/s.toml")
		if err == nil && c.WHIP() && c.Width*c.Height > 1280*720 {
			t.Fatalf("%+v passed", c)
		}
	})
}
