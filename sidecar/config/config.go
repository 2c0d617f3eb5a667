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
	IngestBoth = "both" // to a stage and to an RTMP address, from one encoder
)

// Encoders.
const (
	EncoderGPU = "gpu"
	EncoderCPU = "cpu"
)

// Log formats.
const (
	LogText = "text"
	LogJSON = "json"
)

// Limits of an IVS Real-Time stage ("Stage ingest" and "Service quotas", IVS Real-Time user
// guide). What is above them is disconnected by the stage, so it is refused here.
const (
	maxPixels = 1280 * 720 // in any orientation
	// maxRTMPPixels is what an IVS low-latency channel takes ("Streaming configuration", IVS
	// user guide); others take as much or more.
	maxRTMPPixels   = 1920 * 1080
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

// Config is what the sidecar does. It goes as JSON from the supervisor to its worker, and holds
// secrets: it is never logged.
type Config struct {
	Ingest         string // IngestWHIP, IngestRTMP or IngestBoth
	StageToken     string // secret
	StageTokenFile string // where a fresh stage token is found; "": nowhere
	WHIPEndpoint   string
	RTMPEndpoint   string
	StreamKey      string // secret

	Encoder                  string // EncoderGPU or EncoderCPU
	Width, Height, Framerate int
	VideoBitrateKbps         int
	AudioBitrate             int // bit/s
	QueueFrames              int // pictures that may wait for the network
	Audio                    bool
	AudioDevice              string // PulseAudio's name of a source; "": what the default sink plays
	Debug                    bool

	Display Display

	Adapt      bool   // follow the network and the machine, below the settings above
	Nice       int    // 0 to 19: how far the broadcast steps back for the game
	HealthAddr string // "127.0.0.1:port", port 0: any; "": no health page
	LogFormat  string // LogText or LogJSON
	Supervise  bool   // restart the broadcast when it dies

	Hotseat Hotseat

	// Game is the command of `hotseat-sidecar run`; empty: the broadcast alone.
	Game []string
}

// Display is what of $DISPLAY is shown: all of it, or the one window that fits everything set here.
type Display struct {
	WindowTitle string // part of it
	WindowID    int    // of X, as xwininfo shows it
	WindowPID   int    // process that made it
	Cursor      bool   // with the pointer
}

// WHIP says whether a stage is published to.
func (c Config) WHIP() bool { return c.Ingest != IngestRTMP }

// RTMP says whether an RTMP address is published to.
func (c Config) RTMP() bool { return c.Ingest != IngestWHIP }

// Hotseat is where a playtest session hears of the sidecar. All empty: the sidecar only
// broadcasts.
type Hotseat struct {
	Session     string
	EventsURL   string // ws:// or wss://
	EventsHost  string
	EventsToken string // secret
	// EventsTokenFile is where a fresh events token is found; "": nowhere.
	EventsTokenFile string
	APIURL          string // of the backend, http:// or https://; "": not known
	BridgeAddr      string // "127.0.0.1:port"; "": no bridge over TCP
	BridgeSocket    string // path of a Unix socket; "": none
}

// Events says whether heartbeats can be published.
func (h Hotseat) Events() bool { return h.Session != "" && h.EventsURL != "" && h.EventsToken != "" }

// ErrHelp: the usage was asked for and written.
var ErrHelp = flag.ErrHelp

// ErrUsage is matched by every error about the command line; the usage was written.
var ErrUsage = errors.New("wrong command line")

// Source is where settings come from. The command line wins over the environment, and that over
// the file.
type Source struct {
	Args     []string // without the program's name
	Getenv   func(string) string
	ReadFile func(path string) ([]byte, error) // nil: there are no files
	Usage    io.Writer
}

// Load reads and checks the settings. Warnings are sentences for a log; they never hold a secret.
func Load(from Source) (cfg Config, warnings []string, err error) {
	r := reader{Source: from}
	if r.ReadFile == nil {
		r.ReadFile = func(string) ([]byte, error) { return nil, errors.New("there are no files here") }
	}
	cli, err := r.parse()
	if err != nil {
		return Config{LogFormat: LogText}, r.warnings, err
	}
	if err := r.readSettingsFile(cli.file); err != nil {
		return Config{LogFormat: LogText}, r.warnings, err
	}
	cfg = r.environment()
	for _, set := range cli.set {
		set(&cfg)
	}
	if err := r.secrets(&cfg, cli); err != nil {
		return cfg, r.warnings, err
	}
	return cfg, r.warnings, cfg.check()
}

type reader struct {
	Source
	settings map[string]string // of the file, by the name of the variable
	warnings []string
}

func (r *reader) warn(format string, a ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, a...))
}

// get is a variable, else the setting of the file.
func (r *reader) get(name string) string {
	if v := r.Getenv(name); v != "" {
		return v
	}
	return r.settings[name]
}

func (r *reader) environment() Config {
	return Config{
		Ingest:           r.ingest("INGEST_TYPE", r.get("INGEST_TYPE")),
		WHIPEndpoint:     r.get("IVS_WHIP_ENDPOINT"),
		RTMPEndpoint:     r.get("RTMP_ENDPOINT"),
		Encoder:          r.encoder(r.get("ENCODER_TYPE")),
		Width:            r.positive("VIDEO_WIDTH", r.get("VIDEO_WIDTH"), 1280),
		Height:           r.positive("VIDEO_HEIGHT", r.get("VIDEO_HEIGHT"), 720),
		Framerate:        r.positive("VIDEO_FRAMERATE", r.get("VIDEO_FRAMERATE"), 30),
		VideoBitrateKbps: r.positive("VIDEO_BITRATE", r.get("VIDEO_BITRATE"), 4000),
		AudioBitrate:     r.positive("AUDIO_BITRATE", r.get("AUDIO_BITRATE"), 128_000),
		QueueFrames:      r.queue(r.get("QUEUE_BUFFER_SIZE")),
		Audio:            truth(r.get("ENABLE_AUDIO"), true),
		AudioDevice:      r.get("HOTSEAT_AUDIO_DEVICE"),
		Debug:            truth(r.get("DEBUG_PIPELINE"), false),
		Display: Display{
			WindowTitle: r.get("HOTSEAT_WINDOW_TITLE"),
			WindowID:    r.number("HOTSEAT_WINDOW_ID"),
			WindowPID:   r.number("HOTSEAT_WINDOW_PID"),
			Cursor:      truth(r.get("HOTSEAT_CURSOR"), false),
		},
		Adapt:      truth(r.get("HOTSEAT_ADAPT"), true),
		Nice:       r.nice(r.get("HOTSEAT_NICE")),
		HealthAddr: r.get("HOTSEAT_HEALTH_ADDR"),
		LogFormat:  r.logFormat(r.get("HOTSEAT_LOG_FORMAT")),
		Supervise:  truth(r.get("HOTSEAT_SUPERVISE"), true),
		Hotseat: Hotseat{
			Session:      r.get("HOTSEAT_SESSION"),
			EventsURL:    r.get("HOTSEAT_EVENTS_URL"),
			EventsHost:   r.get("HOTSEAT_EVENTS_HOST"),
			APIURL:       r.get("HOTSEAT_API_URL"),
			BridgeAddr:   r.get("HOTSEAT_BRIDGE_ADDR"),
			BridgeSocket: r.get("HOTSEAT_BRIDGE_SOCKET"),
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
	if c.RTMP() {
		text("the RTMP endpoint", "RTMP_ENDPOINT or --rtmp-endpoint", c.RTMPEndpoint)
		text("the stream key", "STREAM_KEY or STREAM_KEY_FILE", c.StreamKey)
		if u, err := url.Parse(c.RTMPEndpoint); c.RTMPEndpoint != "" && (err != nil || u.Host == "" || (u.Scheme != "rtmp" && u.Scheme != "rtmps")) {
			bad("the RTMP endpoint is no rtmp or rtmps address (RTMP_ENDPOINT or --rtmp-endpoint)")
		}
	}
	pixels, taker, shape := maxRTMPPixels, "an IVS channel", "1920x1080"
	if c.WHIP() {
		pixels, taker, shape = maxPixels, "an IVS stage", "1280x720"
		text("the stage token", "IVS_STAGE_TOKEN or IVS_STAGE_TOKEN_FILE", c.StageToken)
		text("the WHIP endpoint", "IVS_WHIP_ENDPOINT or --whip-endpoint", c.WHIPEndpoint)
		if c.WHIPEndpoint != "" {
			if u, err := url.Parse(c.WHIPEndpoint); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
				bad("the WHIP endpoint is no http or https address (IVS_WHIP_ENDPOINT or --whip-endpoint)")
			}
		}
	}
	if c.Width > pixels || c.Height > pixels || c.Width*c.Height > pixels {
		bad("%dx%d is more than %s takes: at most %s, or as many pixels in another shape (VIDEO_WIDTH, VIDEO_HEIGHT)", c.Width, c.Height, taker, shape)
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
	if len(c.AudioDevice) > maxText {
		bad("the name of the sound device is longer than %d characters (HOTSEAT_AUDIO_DEVICE)", maxText)
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
	if h.BridgeAddr != "" && !loopback(h.BridgeAddr) {
		bad("the bridge listens on this machine only: HOTSEAT_BRIDGE_ADDR must look like 127.0.0.1:4000")
	}
	// 108 bytes with the NUL on Linux (unix(7)).
	if len(h.BridgeSocket) > 107 {
		bad("the path of the bridge's socket has more than 107 bytes (HOTSEAT_BRIDGE_SOCKET)")
	}
	if c.HealthAddr != "" && !loopback(c.HealthAddr) {
		bad("health is told on this machine only: HOTSEAT_HEALTH_ADDR must look like 127.0.0.1:9464, or 127.0.0.1:0 for any port")
	}
	if h.APIURL != "" {
		if u, err := url.Parse(h.APIURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			bad("HOTSEAT_API_URL is no http or https address")
		}
	}
	return errors.Join(problems...)
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// KeyFrameInterval is what an IVS stage wants: a key frame each one or two seconds.
const KeyFrameInterval = 2 * time.Second
