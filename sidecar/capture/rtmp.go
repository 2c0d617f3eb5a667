package capture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-gst/go-gst/gst"

	"hotseat/sidecar/elements"
)

// RTMP says where the stream goes besides the channels of Pipeline.
type RTMP struct {
	// URL is the server's address with the stream key at its end, rtmp or rtmps. It is a secret:
	// no log and no error shows it.
	URL string
	// Only says that nobody reads Video and Audio.
	Only bool
}

// validate says what is wrong without telling the address.
func (r RTMP) validate() error {
	if r.URL == "" {
		if r.Only {
			return errors.New("capture: RTMP is the only way out and has no address")
		}
		return nil
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil, len(r.URL) > 2048, u.Host == "", strings.Trim(u.Path, "/") == "", strings.ContainsAny(r.URL, " \t\r\n"):
		return errors.New("capture: the RTMP address is not of the form rtmps://host/application/key")
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return fmt.Errorf("capture: the RTMP address begins with %q, want rtmp or rtmps", u.Scheme+"://")
	}
	return nil
}

// States of RTMPStats.
const (
	RTMPConnecting = "connecting"
	RTMPLive       = "live"
	RTMPFailing    = "failing" // lost or refused, and tried again
)

// RTMPStats is about the RTMP connection; zero without one.
type RTMPStats struct {
	State    string
	Error    string // why it is not live
	Restarts uint64 // connections after the first
	Units    uint64 // access units handed to it
	Dropped  uint64 // access units that it was too slow for, or not there for
}

const (
	rtmpRetry    = time.Second
	rtmpRetryMax = 30 * time.Second // servers throttle who asks more often
	// rtmpQueue is how much may wait for a slow network; what is older is dropped up to the next
	// key frame.
	rtmpQueue = 2 * time.Second
	// rtmpStuck is how long the queue may be full before the connection is given up.
	rtmpStuck = 8 * time.Second
	// rtmpProof access units must have been taken before a connection counts as live: the muxer
	// holds fewer.
	rtmpProof = 15
)

var errRTMPStuck = errors.New("the server takes nothing")

// rtmpOut keeps one RTMP connection up. video and audio may be called at any time and never block.
type rtmpOut struct {
	cfg Config
	aac aacEncoder

	mu    sync.Mutex // protects all below
	units *appSource // nil: not connected
	sound *appSource
	skip  bool // until the next key frame
	taken uint64
	st    RTMPStats
}

// newRTMP looks for what is needed.
func newRTMP(c Config) (*rtmpOut, error) {
	r := &rtmpOut{cfg: c, st: RTMPStats{State: RTMPConnecting}}
	if err := require(rtmpElements); err != nil {
		return nil, err
	}
	if c.Audio {
		if err := require(rtmpAudioElements); err != nil {
			return nil, err
		}
		var err error
		if r.aac, err = findAAC(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// serve connects, and connects again with a growing pause, until the capture is closed.
func (r *rtmpOut) serve(p *Pipeline) {
	pause := rtmpRetry
	for {
		began := time.Now()
		err := r.connect(p)
		if p.isClosing() {
			return
		}
		if time.Since(began) > rtmpRetryMax {
			pause = rtmpRetry
		}
		text := r.redact(err)
		r.mu.Lock()
		r.st.State, r.st.Error = RTMPFailing, text
		r.st.Restarts++
		r.mu.Unlock()
		wait := pause/2 + rand.N(pause) // many sidecars must not come back in step
		p.cfg.Log.Warn("the RTMP connection failed", "reason", text, "again_in", wait.Round(time.Millisecond))
		pause = min(2*pause, rtmpRetryMax)
		select {
		case <-p.closing:
			return
		case <-time.After(wait):
		}
	}
}

// connect runs one connection until it fails or the capture is closed.
func (r *rtmpOut) connect(p *Pipeline) error {
	g, err := newGraph(describeRTMP(r.cfg.Audio), [3]string{nameServer, "location", r.cfg.RTMP.URL})
	if err != nil {
		return err
	}
	defer g.stopSoon()
	defer r.detach()
	unitsEl, err := g.pipeline.GetElementByName(nameUnits)
	if err != nil {
		return err
	}
	units := &appSource{unitsEl}
	var sound *appSource
	if r.cfg.Audio {
		el, err := g.pipeline.GetElementByName(nameAAC)
		if err != nil {
			return err
		}
		sound = &appSource{el}
		sound.setCaps(r.aac.caps)
	}
	if err := g.ready(); err != nil {
		return err
	}
	if err := g.play(p.clock, gst.ClockTime(p.baseTime())); err != nil {
		return err
	}
	r.mu.Lock()
	r.units, r.sound, r.skip, r.taken = units, sound, true, 0
	r.mu.Unlock()
	p.ForceKeyFrame()

	full := time.Time{}
	for !p.isClosing() {
		if err := g.nextError(busPoll); err != nil {
			return err
		}
		level := units.level()
		if level < r.limit() {
			full = time.Time{}
		} else if full.IsZero() {
			full = time.Now()
		} else if time.Since(full) > rtmpStuck {
			return errRTMPStuck
		}
		r.mu.Lock()
		if level == 0 && r.taken >= rtmpProof && r.st.State != RTMPLive {
			r.st.State, r.st.Error = RTMPLive, ""
			p.cfg.Log.Info("the RTMP connection is live")
		}
		r.mu.Unlock()
	}
	return nil
}

func (r *rtmpOut) limit() uint64 {
	return uint64(r.cfg.BitrateKbps) * 1000 / 8 * uint64(rtmpQueue/time.Second)
}

func (r *rtmpOut) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units, r.sound = nil, nil
}

// video takes an access unit. After a gap it asks for no key frame: that would only make the queue
// longer, and one comes by itself.
func (r *rtmpOut) video(s Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.units == nil || (r.skip && !s.KeyFrame) {
		r.st.Dropped++
		return
	}
	if r.units.level() > r.limit() {
		r.skip = true
		r.st.Dropped++
		return
	}
	r.skip = false
	r.taken++
	r.st.Units++
	r.units.push(s, !s.KeyFrame)
}

// audio takes an AAC packet. Sound begins with the first key frame.
func (r *rtmpOut) audio(s Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sound != nil && r.taken > 0 && r.sound.level() < r.limit() {
		r.sound.push(s, false)
	}
}

func (r *rtmpOut) stats() RTMPStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.st
}

// redact takes the address and the stream key out of what GStreamer says.
func (r *rtmpOut) redact(err error) string {
	if err == nil {
		return ""
	}
	text := strings.ReplaceAll(err.Error(), r.cfg.RTMP.URL, "…")
	u, perr := url.Parse(r.cfg.RTMP.URL)
	if perr != nil {
		return text
	}
	secrets := []string{u.RawQuery}
	for _, path := range []string{u.EscapedPath(), u.Path} { // as given, and as it is sent
		path = strings.Trim(path, "/")
		secrets = append(secrets, path, path[strings.LastIndexByte(path, '/')+1:])
	}
	if u.User != nil {
		if password, ok := u.User.Password(); ok {
			_, escaped, _ := strings.Cut(u.User.String(), ":")
			secrets = append(secrets, password, escaped)
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

// aacEncoder is one that works on this machine, with what it says about its packets and a packet
// of silence that it made.
type aacEncoder struct {
	element string
	caps    string
	silent  []byte
}

// aacFrame is what an AAC-LC packet lasts at 48 kHz: 1024 samples.
const aacFrame = 1024 * time.Second / 48000

// aacDelay is the overlap of the transform: what a packet decodes to is the sound of the one before.
const aacDelay = aacFrame

// aacElements, best first; the first two are rarely installed.
var aacElements = []string{"fdkaacenc", "avenc_aac", "voaacenc", "faac"}

// findAAC lets the encoders encode some silence until one works.
func findAAC(c Config) (aacEncoder, error) {
	var reasons []error
	for _, element := range aacElements {
		if gst.Find(element) == nil {
			continue
		}
		enc, err := tryAAC(c, element)
		if err == nil {
			return enc, nil
		}
		reasons = append(reasons, err)
	}
	if len(reasons) == 0 {
		return aacEncoder{}, &MissingElementError{Element: "voaacenc", Package: elements.Package("voaacenc")}
	}
	return aacEncoder{}, fmt.Errorf("capture: no AAC encoder works: %w", errors.Join(reasons...))
}

func tryAAC(c Config, element string) (aacEncoder, error) {
	g, err := newGraph(fmt.Sprintf("audiotestsrc wave=silence num-buffers=20 ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! %s bitrate=%d"+
		" ! audio/mpeg,mpegversion=4,stream-format=raw ! appsink name=%s sync=false", element, c.aacBitrate(), nameAAC))
	if err != nil {
		return aacEncoder{}, err
	}
	defer g.stopSoon()
	var mu sync.Mutex
	enc := aacEncoder{element: element}
	if err := g.onSample(nameAAC, func(s *gst.Sample, b *gst.Buffer) {
		mu.Lock()
		defer mu.Unlock()
		enc.caps, enc.silent = s.GetCaps().String(), b.Bytes() // the last has settled
	}); err != nil {
		return aacEncoder{}, err
	}
	if err := g.pipeline.SetState(gst.StatePlaying); err != nil {
		return aacEncoder{}, fmt.Errorf("capture: %w", err)
	}
	if err := g.nextError(trialTime); err != nil && !errors.Is(err, errEndOfStream) {
		return aacEncoder{}, err
	}
	mu.Lock()
	defer mu.Unlock()
	if len(enc.silent) == 0 {
		return aacEncoder{}, fmt.Errorf("%w of %v: %s", errTrial, trialTime, element)
	}
	return enc, nil
}
