package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// Ingest types.
const (
	IngestWHIP = "whip"
	IngestRTMP = "rtmp"
)

// Encoders.
const (
	EncoderGPU = "gpu"
	EncoderCPU = "cpu"
)

// Limits of an IVS Real-Time stage ("Stage ingest" and "Service quotas", IVS Real-Time user
// guide). What is above them is disconnected by the stage, so it is refused here.
const (
	maxPixels       = 1280 * 720 // in any orientation
	minSide         = 160
	minFramerate    = 10
	maxFramerate    = 60
	maxVideoKbps    = 8500
	maxAudioBitrate = 160_000 // bit/s
	// maxText bounds the token and the addresses, as the sample does.
	maxText = 1024
	// maxQueue bounds --queue-buffer-size 0, "unlimited" in the sample: what waited longer
	// than ten seconds is of no use to a live audience.
	maxQueue = 300
)

// Config is what the sidecar does.
type Config struct {
	Ingest       string // IngestWHIP or IngestRTMP
	StageToken   string // secret
	WHIPEndpoint string
	RTMPEndpoint string
	StreamKey    string // secret

	Encoder                  string // EncoderGPU or EncoderCPU
	Width, Height, Framerate int
	VideoBitrateKbps         int
	AudioBitrate             int // bit/s
	QueueFrames              int // pictures that may wait for the network
	Audio                    bool
	Debug                    bool

	Hotseat Hotseat
}

// Hotseat is where a playtest session hears of the sidecar. All empty: the sidecar only
// broadcasts.
type Hotseat struct {
	Session     string
	EventsURL   string // ws:// or wss://
	EventsHost  string
	EventsToken string // secret
	BridgeAddr  string // "127.0.0.1:port"; "": no bridge
}

// Events says whether heartbeats can be published.
func (h Hotseat) Events() bool { return h.Session != "" && h.EventsURL != "" && h.EventsToken != "" }

// ErrHelp: the usage was asked for and written.
var ErrHelp = flag.ErrHelp

// ErrUsage is matched by every error about the command line; the usage was written.
var ErrUsage = errors.New("wrong command line")

// Load reads the command line (without the program's name) and the environment; the command
// line wins. Warnings are sentences for a log; they never hold a secret.
func Load(args []string, getenv func(string) string, usage io.Writer) (cfg Config, warnings []string, err error) {
	r := reader{getenv: getenv}
	cfg = r.environment()
	if err := r.commandLine(&cfg, args, usage); err != nil {
		return Config{}, nil, err
	}
	return cfg, r.warnings, cfg.check()
}

type reader struct {
	getenv   func(string) string
	warnings []string
}

func (r *reader) warn(format string, a ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, a...))
}

func (r *reader) environment() Config {
	return Config{
		Ingest:           r.ingest("INGEST_TYPE", r.getenv("INGEST_TYPE")),
		StageToken:       r.getenv("IVS_STAGE_TOKEN"),
		WHIPEndpoint:     r.getenv("IVS_WHIP_ENDPOINT"),
		RTMPEndpoint:     r.getenv("RTMP_ENDPOINT"),
		StreamKey:        r.getenv("STREAM_KEY"),
		Encoder:          r.encoder(r.getenv("ENCODER_TYPE")),
		Width:            r.positive("VIDEO_WIDTH", r.getenv("VIDEO_WIDTH"), 1280),
		Height:           r.positive("VIDEO_HEIGHT", r.getenv("VIDEO_HEIGHT"), 720),
		Framerate:        r.positive("VIDEO_FRAMERATE", r.getenv("VIDEO_FRAMERATE"), 30),
		VideoBitrateKbps: r.positive("VIDEO_BITRATE", r.getenv("VIDEO_BITRATE"), 4000),
		AudioBitrate:     r.positive("AUDIO_BITRATE", r.getenv("AUDIO_BITRATE"), 128_000),
		QueueFrames:      r.queue(r.getenv("QUEUE_BUFFER_SIZE")),
		Audio:            truth(r.getenv("ENABLE_AUDIO"), true),
		Debug:            truth(r.getenv("DEBUG_PIPELINE"), false),
		Hotseat: Hotseat{
			Session:     r.getenv("HOTSEAT_SESSION"),
			EventsURL:   r.getenv("HOTSEAT_EVENTS_URL"),
			EventsHost:  r.getenv("HOTSEAT_EVENTS_HOST"),
			EventsToken: r.getenv("HOTSEAT_EVENTS_TOKEN"),
			BridgeAddr:  r.getenv("HOTSEAT_BRIDGE_ADDR"),
		},
	}
}

// check refuses what cannot work, naming the flag and the variable that repair it.
func (c Config) check() error {
	var problems []error
	bad := func(format string, a ...any) { problems = append(problems, fmt.Errorf(format, a...)) }

	text := func(what, name, v string) {
		switch {
		case v == "":
			bad("%s is missing: set %s", what, name)
		case len(v) > maxText:
			bad("%s is longer than %d characters (%s)", what, maxText, name)
		case strings.ContainsAny(v, " \t\r\n"):
			bad("%s has white space in it (%s)", what, name)
		}
	}
	if c.Ingest == IngestRTMP {
		text("the RTMP endpoint", "RTMP_ENDPOINT or --rtmp-endpoint", c.RTMPEndpoint)
		text("the stream key", "STREAM_KEY", c.StreamKey)
	} else {
		text("the stage token", "IVS_STAGE_TOKEN", c.StageToken)
		text("the WHIP endpoint", "IVS_WHIP_ENDPOINT or --whip-endpoint", c.WHIPEndpoint)
		if c.WHIPEndpoint != "" {
			if u, err := url.Parse(c.WHIPEndpoint); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
				bad("the WHIP endpoint is no http or https address (IVS_WHIP_ENDPOINT or --whip-endpoint)")
			}
		}
	}
	if c.Width*c.Height > maxPixels || c.Width > maxPixels || c.Height > maxPixels {
		bad("%dx%d is more than an IVS stage takes: at most 1280x720, or as many pixels in another shape (VIDEO_WIDTH, VIDEO_HEIGHT)", c.Width, c.Height)
	}
	if c.Width < minSide || c.Height < minSide {
		bad("%dx%d is less than an IVS stage takes: at least %d on each side (VIDEO_WIDTH, VIDEO_HEIGHT)", c.Width, c.Height, minSide)
	}
	if c.Width%2 != 0 || c.Height%2 != 0 {
		bad("%dx%d: H.264 needs an even width and height (VIDEO_WIDTH, VIDEO_HEIGHT)", c.Width, c.Height)
	}
	if c.Framerate < minFramerate || c.Framerate > maxFramerate {
		bad("%d frames a second: an IVS stage takes %d to %d (VIDEO_FRAMERATE)", c.Framerate, minFramerate, maxFramerate)
	}
	if c.VideoBitrateKbps > maxVideoKbps {
		bad("%d kbit/s of video: an IVS stage takes at most %d and disconnects more (VIDEO_BITRATE)", c.VideoBitrateKbps, maxVideoKbps)
	}
	if c.VideoBitrateKbps < 100 {
		bad("%d kbit/s of video is too little for a picture: VIDEO_BITRATE is in kbit/s, at least 100", c.VideoBitrateKbps)
	}
	if c.Audio && c.AudioBitrate > maxAudioBitrate {
		bad("%d bit/s of audio: an IVS stage takes at most %d (AUDIO_BITRATE)", c.AudioBitrate, maxAudioBitrate)
	}
	if c.Audio && c.AudioBitrate < 6000 {
		bad("%d bit/s of audio is less than Opus can: AUDIO_BITRATE is in bit/s, at least 6000", c.AudioBitrate)
	}
	h := c.Hotseat
	if some := h.Session != "" || h.EventsURL != "" || h.EventsToken != ""; some && !h.Events() {
		bad("HOTSEAT_SESSION, HOTSEAT_EVENTS_URL and HOTSEAT_EVENTS_TOKEN belong together: set all three or none")
	}
	if h.BridgeAddr != "" {
		host, _, err := net.SplitHostPort(h.BridgeAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			bad("the bridge listens on this machine only: HOTSEAT_BRIDGE_ADDR must look like 127.0.0.1:4000")
		}
	}
	return errors.Join(problems...)
}

// KeyFrameInterval is what an IVS stage wants: a key frame each one or two seconds.
const KeyFrameInterval = 2 * time.Second
