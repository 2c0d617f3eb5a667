package config

import (
	"flag"
	"fmt"
	"io"
	"strconv"
)

// The sample's rules for values: what cannot be read falls back to the default. Unlike the
// sample we say so.

func (r *reader) ingest(name, v string) string {
	switch v {
	case "", IngestWHIP:
		return IngestWHIP
	case IngestRTMP:
		return IngestRTMP
	}
	r.warn("%s: unknown ingest type %q, using %s", name, v, IngestWHIP)
	return IngestWHIP
}

func (r *reader) encoder(v string) string {
	switch v {
	case "", EncoderGPU:
		return EncoderGPU
	case EncoderCPU:
		return EncoderCPU
	}
	r.warn("ENCODER_TYPE: unknown encoder %q, using %s", v, EncoderGPU)
	return EncoderGPU
}

func (r *reader) positive(name, v string, def int) int {
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		r.warn("%s: %q is not a number above 0, using %d", name, v, def)
		return def
	}
	return n
}

// defaultQueue is five pictures.
const defaultQueue = 5

func (r *reader) queue(v string) int {
	if v == "" {
		return defaultQueue
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		r.warn("QUEUE_BUFFER_SIZE: %q is not a number from 0, using %d", v, defaultQueue)
		return defaultQueue
	}
	return queueFrames(n)
}

// queueFrames: 0 is "unlimited" in the sample, which here is maxQueue.
func queueFrames(n int) int {
	if n == 0 || n > maxQueue {
		return maxQueue
	}
	return n
}

// truth is the sample's: only "true" and "1" are true.
func truth(v string, def bool) bool {
	if v == "" {
		return def
	}
	return v == "true" || v == "1"
}

// commandLine overwrites cfg with what args say.
func (r *reader) commandLine(cfg *Config, args []string, usage io.Writer) error {
	fs := flag.NewFlagSet("hotseat-sidecar", flag.ContinueOnError)
	fs.SetOutput(usage)
	fs.Usage = func() { writeUsage(fs) }

	secret := func(to *string, name, env, help string) {
		fs.Func(name, help+" ("+env+"; better there: everybody on the machine can read a command line)", func(v string) error {
			*to = v
			r.warn("--%s: everybody on this machine can read a secret on the command line; use %s", name, env)
			return nil
		})
	}
	number := func(to *int, name, env, help string, def int) {
		fs.Func(name, fmt.Sprintf("`n` %s (%s; default %d)", help, env, def), func(v string) error {
			*to = r.positive("--"+name, v, def)
			return nil
		})
	}

	fs.Func("ingest-type", "`type` whip or rtmp (INGEST_TYPE; default whip)", func(v string) error {
		cfg.Ingest = r.ingest("--ingest-type", v)
		return nil
	})
	secret(&cfg.StageToken, "auth-token", "IVS_STAGE_TOKEN", "stage `token` for WHIP")
	plain := func(to *string, name, help string) {
		fs.Func(name, help, func(v string) error {
			*to = v
			return nil
		})
	}
	plain(&cfg.WHIPEndpoint, "whip-endpoint", "WHIP `address` (IVS_WHIP_ENDPOINT)")
	plain(&cfg.RTMPEndpoint, "rtmp-endpoint", "RTMP `address` (RTMP_ENDPOINT)")
	secret(&cfg.StreamKey, "stream-key", "STREAM_KEY", "stream `key` for RTMP")
	fs.Func("encoder", "`where` gpu or cpu (ENCODER_TYPE; default gpu, with cpu as fallback)", func(v string) error {
		if v != EncoderGPU && v != EncoderCPU {
			return fmt.Errorf("want %s or %s", EncoderGPU, EncoderCPU)
		}
		cfg.Encoder = v
		return nil
	})
	number(&cfg.Width, "width", "VIDEO_WIDTH", "pixels", 1280)
	number(&cfg.Height, "height", "VIDEO_HEIGHT", "pixels", 720)
	number(&cfg.Framerate, "framerate", "VIDEO_FRAMERATE", "pictures a second", 30)
	number(&cfg.VideoBitrateKbps, "video-bitrate", "VIDEO_BITRATE", "kbit/s", 4000)
	number(&cfg.AudioBitrate, "audio-bitrate", "AUDIO_BITRATE", "bit/s", 128_000)
	fs.Func("queue-buffer-size", fmt.Sprintf("`n` pictures that may wait for the network, 0 for as many as make sense (QUEUE_BUFFER_SIZE; default %d)", defaultQueue), func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return fmt.Errorf("want a number from 0")
		}
		cfg.QueueFrames = queueFrames(n)
		return nil
	})
	noAudio := fs.Bool("no-audio", false, "broadcast without sound (ENABLE_AUDIO=false)")
	fs.BoolVar(&cfg.Debug, "debug", cfg.Debug, "log details (DEBUG_PIPELINE)")

	if err := fs.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return ErrHelp
		}
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if fs.NArg() > 0 {
		fs.Usage()
		return fmt.Errorf("%w: unexpected argument %q", ErrUsage, fs.Arg(0))
	}
	if *noAudio {
		cfg.Audio = false
	}
	return nil
}

func writeUsage(fs *flag.FlagSet) {
	fmt.Fprint(fs.Output(), `hotseat-sidecar broadcasts the display and the sound of this machine to an IVS Real-Time stage.

usage: hotseat-sidecar [flags]

Every flag has an environment variable, in brackets; the flag wins. The display is $DISPLAY,
the sound server $PULSE_SERVER. HOTSEAT_SESSION, HOTSEAT_EVENTS_URL, HOTSEAT_EVENTS_HOST,
HOTSEAT_EVENTS_TOKEN and HOTSEAT_BRIDGE_ADDR connect it to a playtest session.

`)
	fs.PrintDefaults()
}
