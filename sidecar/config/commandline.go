package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// commandLine is what the arguments say, to be applied over environment and file.
type commandLine struct {
	file                     string // of settings
	set                      []func(*Config)
	stageToken, stageFile    string
	streamKey, streamKeyFile string
}

// secretFlags are the flags whose values everybody on the machine can read in /proc, with the
// variable that holds them safely.
var secretFlags = map[string]string{"auth-token": "IVS_STAGE_TOKEN", "stream-key": "STREAM_KEY"}

// HideSecrets takes secrets out of arguments, so that a program can start itself again without
// them: into variables, which only the same user reads. moved is nil when there were none. It stops
// where the parser does: at "--", or at the first word that is neither a flag nor the value of one,
// so that a game's own arguments stay the game's.
func HideSecrets(args []string) (clean []string, moved map[string]string) {
	known := (&reader{Source: Source{Usage: io.Discard}}).flags(&commandLine{})
	i := 0
	if len(args) > 0 && args[0] == "run" {
		clean, i = append(clean, args[0]), 1
	}
	for ; i < len(args); i++ {
		// As package flag has it: one dash or two, and a dash alone is no flag.
		name, value, inline := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[i], "-"), "-"), "=")
		f := known.Lookup(name)
		if args[i] == "--" || !strings.HasPrefix(args[i], "-") || f == nil {
			break
		}
		takesNext := !inline && !isBool(f) && i+1 < len(args)
		variable, secret := secretFlags[name]
		switch {
		case secret && inline:
		case secret && takesNext:
			i++
			value = args[i]
		case takesNext:
			clean = append(clean, args[i], args[i+1])
			i++
			continue
		default: // also a secret without its value: the parser says so
			clean = append(clean, args[i])
			continue
		}
		if moved == nil {
			moved = map[string]string{}
		}
		moved[variable] = value
	}
	return append(clean, args[i:]...), moved
}

// isBool: a flag that takes no value from the next word (flag.Value).
func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func (r *reader) parse() (c commandLine, err error) {
	args, run := r.Args, false
	if len(args) > 0 && args[0] == "run" {
		args, run = args[1:], true
	}
	fs := r.flags(&c)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return c, ErrHelp
	case err != nil:
		return c, fmt.Errorf("%w: %w", ErrUsage, err)
	case run && fs.NArg() == 0:
		fs.Usage()
		return c, fmt.Errorf("%w: run needs the game's command: hotseat-sidecar run -- ./game", ErrUsage)
	case run:
		game := fs.Args()
		c.set = append(c.set, func(cfg *Config) { cfg.Game = game })
	case fs.NArg() > 0:
		fs.Usage()
		return c, fmt.Errorf("%w: unexpected argument %q", ErrUsage, fs.Arg(0))
	}
	return c, nil
}

// flags are all that the program has; parsing them fills c in.
func (r *reader) flags(c *commandLine) *flag.FlagSet {
	fs := flag.NewFlagSet("hotseat-sidecar", flag.ContinueOnError)
	fs.SetOutput(r.Usage)
	fs.Usage = func() { writeUsage(fs) }
	set := func(f func(*Config)) { c.set = append(c.set, f) }

	secret := func(to *string, name, help string) {
		env := secretFlags[name]
		fs.Func(name, help+" ("+env+"; better there: everybody on the machine can read a command line)", func(v string) error {
			*to = v
			r.warn("--%s: everybody on this machine can read a secret on the command line; use %s, or %s_FILE", name, env, env)
			return nil
		})
		if to == &c.stageToken {
			fs.StringVar(&c.stageFile, name+"-file", "", "`path` of a file that holds it, and later a fresh one ("+env+"_FILE)")
		} else {
			fs.StringVar(&c.streamKeyFile, name+"-file", "", "`path` of a file that holds it ("+env+"_FILE)")
		}
	}
	number := func(to func(*Config) *int, name, env, help string, def int) {
		fs.Func(name, fmt.Sprintf("`n` %s (%s; default %d)", help, env, def), func(v string) error {
			n := r.positive("--"+name, v, def)
			set(func(c *Config) { *to(c) = n })
			return nil
		})
	}
	text := func(to func(*Config) *string, name, help string) {
		fs.Func(name, help, func(v string) error {
			set(func(c *Config) { *to(c) = v })
			return nil
		})
	}
	off := func(to func(*Config) *bool, name, help string) {
		fs.BoolFunc(name, help, func(v string) error {
			on, err := strconv.ParseBool(v)
			if err != nil {
				return errors.New("want nothing, true or false")
			}
			set(func(c *Config) { *to(c) = !on })
			return nil
		})
	}

	fs.StringVar(&c.file, "config", "", "`path` of a TOML file of settings (HOTSEAT_SIDECAR_CONFIG)")
	fs.Func("ingest-type", "`type` whip, rtmp or both (INGEST_TYPE; default whip)", func(v string) error {
		v = r.ingest("--ingest-type", v)
		set(func(c *Config) { c.Ingest = v })
		return nil
	})
	secret(&c.stageToken, "auth-token", "stage `token` for WHIP")
	text(func(c *Config) *string { return &c.WHIPEndpoint }, "whip-endpoint", "WHIP `address` (IVS_WHIP_ENDPOINT)")
	text(func(c *Config) *string { return &c.RTMPEndpoint }, "rtmp-endpoint", "RTMP `address` (RTMP_ENDPOINT)")
	secret(&c.streamKey, "stream-key", "stream `key` for RTMP")
	fs.Func("encoder", "`where` gpu or cpu (ENCODER_TYPE; default gpu, with cpu as fallback)", func(v string) error {
		if v != EncoderGPU && v != EncoderCPU {
			return fmt.Errorf("want %s or %s", EncoderGPU, EncoderCPU)
		}
		set(func(c *Config) { c.Encoder = v })
		return nil
	})
	number(func(c *Config) *int { return &c.Width }, "width", "VIDEO_WIDTH", "pixels", 1280)
	number(func(c *Config) *int { return &c.Height }, "height", "VIDEO_HEIGHT", "pixels", 720)
	number(func(c *Config) *int { return &c.Framerate }, "framerate", "VIDEO_FRAMERATE", "pictures a second", 30)
	number(func(c *Config) *int { return &c.VideoBitrateKbps }, "video-bitrate", "VIDEO_BITRATE", "kbit/s", 4000)
	number(func(c *Config) *int { return &c.AudioBitrate }, "audio-bitrate", "AUDIO_BITRATE", "bit/s", 128_000)
	fs.Func("queue-buffer-size", fmt.Sprintf("`n` pictures that may wait for the network, 0 for as many as make sense (QUEUE_BUFFER_SIZE; default %d)", defaultQueue), func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return errors.New("want a number from 0")
		}
		set(func(c *Config) { c.QueueFrames = queueFrames(n) })
		return nil
	})
	off(func(c *Config) *bool { return &c.Audio }, "no-audio", "broadcast without sound (ENABLE_AUDIO=false)")
	fs.BoolFunc("debug", "log details (DEBUG_PIPELINE)", func(v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("want nothing, true or false")
		}
		set(func(c *Config) { c.Debug = on })
		return nil
	})
	off(func(c *Config) *bool { return &c.Adapt }, "no-adapt", "keep bitrate, frame rate and size whatever the network carries (HOTSEAT_ADAPT=false)")
	off(func(c *Config) *bool { return &c.Supervise }, "no-supervise", "end when the broadcast fails, and leave restarting to others (HOTSEAT_SUPERVISE=false)")
	text(func(c *Config) *string { return &c.HealthAddr }, "health", "`address` on this machine for /healthz and /metrics, as 127.0.0.1:9464 (HOTSEAT_HEALTH_ADDR; default none)")
	fs.Func("log-format", "`format` text or json, one line each (HOTSEAT_LOG_FORMAT; default text)", func(v string) error {
		if v != LogText && v != LogJSON {
			return fmt.Errorf("want %s or %s", LogText, LogJSON)
		}
		set(func(c *Config) { c.LogFormat = v })
		return nil
	})
	return fs
}

func writeUsage(fs *flag.FlagSet) {
	fmt.Fprint(fs.Output(), `hotseat-sidecar broadcasts the display and the sound of this machine to an IVS Real-Time stage.

usage: hotseat-sidecar [flags]
       hotseat-sidecar run [flags] -- game [arguments]

With run it starts the game, too: it restarts only the broadcast, ends with the game, and with the
game's exit code. What the game leaves running is ended. Flags after the game are the game's own.

Every flag has an environment variable, in brackets; the flag wins, then the variable, then the
file of --config, whose settings are the variables in lower case. The display is $DISPLAY, the sound
server $PULSE_SERVER. HOTSEAT_SESSION, HOTSEAT_EVENTS_URL, HOTSEAT_EVENTS_HOST, HOTSEAT_EVENTS_TOKEN
(or HOTSEAT_EVENTS_TOKEN_FILE) and HOTSEAT_API_URL connect it to a playtest session;
HOTSEAT_BRIDGE_ADDR and HOTSEAT_BRIDGE_SOCKET are where the game can hear it. HOTSEAT_NICE (default 5)
is how far the broadcast steps back for the game. HOTSEAT_WINDOW_TITLE, HOTSEAT_WINDOW_ID and
HOTSEAT_WINDOW_PID show one window instead of the display, HOTSEAT_CURSOR=true the pointer in it.
HOTSEAT_AUDIO_DEVICE is another PulseAudio source than what the default sink plays.

A broadcast that dies is started again. Exit codes:
  0   ended in good order, by SIGTERM or SIGINT
  1   a setting or an argument is wrong; nothing was started
  3   the stage refuses the token, and there is no other
  4   the broadcast failed; only with --no-supervise, else it is started again
  5   the display is gone, and so is what started the sidecar
  n   with run: the game's own exit code, or 128 and the signal that ended it; 127 when the
      game cannot be started

`)
	fs.PrintDefaults()
}
