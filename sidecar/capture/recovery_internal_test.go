package capture

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"hotseat/sidecar/testscreen"
)

// eventually polls until ok or ten seconds have passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between two polls
	}
}

// entries counts what is in a folder of /proc.
func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestEncodingsThatWereReplacedAreFreed(t *testing.T) {
	p := opened(t, func(c *Config) { c.ThumbnailInterval = time.Second })
	const changes = 12
	var freed atomic.Int32
	fds := 0
	for i := range changes {
		e := p.current.Load()
		runtime.AddCleanup(e, func(n *atomic.Int32) { n.Add(1) }, &freed)
		p.Adapt([2]Target{{Width: 240, Height: 180}, {Width: 320, Height: 240}}[i%2])
		eventually(t, "another size", func() bool { return p.current.Load() != e })
		e = nil
		unit(t, p)
		if i == 1 {
			fds = entries(t, "/proc/self/fd")
		}
	}
	eventually(t, "the encodings to be freed", func() bool {
		runtime.GC()
		return freed.Load() >= changes-1 // the last one may still be closing
	})
	eventually(t, "their files to be closed", func() bool {
		runtime.GC()
		return entries(t, "/proc/self/fd") <= fds+4
	})
}

func TestASoundServerThatRefusesLeavesNoThreadsBehind(t *testing.T) {
	p := opened(t, func(c *Config) { c.PulseServer = "unix:/nonexistent/native" })
	tracks := []*track{{frame: opusFrame, silent: opusSilence, out: func(Sample, bool) {}}}
	try := func(n int) {
		for range n {
			if flowed, err := p.playAudio(tracks, ""); flowed || err == nil {
				t.Fatal("a sound server that is not there plays")
			}
		}
	}
	try(5)
	threads, fds := entries(t, "/proc/self/task"), entries(t, "/proc/self/fd")
	try(30)
	eventually(t, "the threads and files of 30 tries to go", func() bool {
		runtime.GC() // what is left to finalisers
		return entries(t, "/proc/self/task") <= threads+10 && entries(t, "/proc/self/fd") <= fds+10
	})
}

func TestAMissingSoundServerIsKnownWithoutAPipeline(t *testing.T) {
	missing := t.TempDir() + "/native"
	if certain, err := probeSound("unix:" + missing); !certain || err == nil {
		t.Errorf("certain %v, error %v, want to know that nobody is there", certain, err)
	}
	t.Setenv("PULSE_SERVER", "{0123456789abcdef}unix:"+missing+" "+testscreen.Sound(t))
	if _, err := probeSound(""); err != nil {
		t.Errorf("the second server of a list: %v", err)
	}
	for _, name := range []string{"PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	if certain, err := probeSound(""); certain && err != nil {
		t.Error("without a name the client library may know better, but the probe is certain")
	}
	for entry, want := range map[string][2]string{
		"unix:/run/native":        {"unix", "/run/native"},
		"/run/native":             {"unix", "/run/native"},
		"{feed}unix:/run/native":  {"unix", "/run/native"},
		"tcp:host.example":        {"tcp", "host.example:4713"},
		"tcp6:[::1]:99":           {"tcp6", "[::1]:99"},
		"tcp4:127.0.0.1:4713":     {"tcp4", "127.0.0.1:4713"},
		"host.example":            {"tcp", "host.example:4713"},
		"{feed}tcp6:[2001:db8::]": {"tcp6", "[2001:db8::]:4713"},
	} {
		if network, address := soundAddress(entry); network != want[0] || address != want[1] {
			t.Errorf("%q: %s %s, want %v", entry, network, address, want)
		}
	}
}

func TestASizeThatTheEncoderRefusesLeavesTheRestAdaptable(t *testing.T) {
	t.Parallel()
	picky := x264
	picky.name = "picky"
	picky.properties = func(c Config) []property {
		if c.Width == 160 {
			return []property{{"speed-preset", "nonsense"}}
		}
		return x264.properties(c)
	}
	p := opened(t, nil, picky)
	unit(t, p)
	p.Adapt(Target{Width: 160, Height: 160, BitrateKbps: 900})
	eventually(t, "the bitrate that came with the size", func() bool { return p.Stats().BitrateKbps == 900 })
	p.Adapt(Target{BitrateKbps: 500})
	eventually(t, "another bitrate", func() bool { return p.Stats().BitrateKbps == 500 })
	p.Adapt(Target{Framerate: 15})
	eventually(t, "another frame rate", func() bool { return p.Stats().Framerate == 15 })
	if s := p.Stats(); s.Width != 320 || s.Adaptations != 3 {
		t.Errorf("stats %+v, want the size that works and three adaptations", s)
	}
}

func TestAFailedTrialIsForgottenAfterAWhile(t *testing.T) {
	t.Parallel()
	initGStreamer()
	e, c := x264, Config{Width: 160, Height: 160}.withDefaults()
	e.name = "tired"
	remember := func(age time.Duration) {
		trials.mu.Lock()
		defer trials.mu.Unlock()
		trials.seen[e.trialKey(c)] = verdict{errTrial, time.Now().Add(-age)}
	}
	if remember(0); e.try(c) == nil {
		t.Error("a trial that just failed is made again")
	}
	if remember(trialMemory); e.try(c) != nil {
		t.Error("a trial that failed long ago bans the encoder")
	}
	remember(0)
	if e.forgive(c); e.try(c) != nil {
		t.Error("an encoder that was forgiven is still banned")
	}
}

func TestAnEncoderThatFailedOnceIsTakenAgainWhenItHasRested(t *testing.T) {
	t.Parallel()
	p := opened(t, func(c *Config) { c.rest = 700 * time.Millisecond }, x264, openh264)
	unit(t, p)
	breakIt["error"](p.current.Load())
	eventually(t, "the other encoder", func() bool { s := p.Stats(); return s.Encoder == NameOpenH264 && s.Fallback })
	eventually(t, "the first encoder", func() bool { s := p.Stats(); return s.Encoder == NameX264 && !s.Fallback })
	for range 5 {
		unit(t, p)
	}
}

func TestEncodersTakeTurnsAndThenAreWaitedFor(t *testing.T) {
	now := time.Unix(0, 0)
	r := newRoster([]encoder{nvenc, x264}, 0)
	expect := func(want encoder, wantAgain bool, wantWait time.Duration) {
		t.Helper()
		if e, again, wait, ok := r.next(now); !ok || !e.same(want) || again != wantAgain || wait != wantWait {
			t.Fatalf("%s, again %v, in %v (%v), want %s, %v, %v", e.name, again, wait, ok, want.name, wantAgain, wantWait)
		}
	}
	r.failed(nvenc, now)
	expect(x264, false, 0)
	now = now.Add(time.Second)
	if _, ok := r.better(x264, now); ok {
		t.Error("an encoder that just failed is better")
	}
	r.failed(x264, now)
	expect(nvenc, true, 0) // its rest ends first
	r.failed(nvenc, now)
	expect(x264, true, reopenPause)
	r.failed(x264, now)
	expect(nvenc, true, 2*reopenPause)
	r.failed(nvenc, now)
	expect(x264, true, 4*reopenPause)
	if _, _, _, ok := r.next(now); ok {
		t.Error("encoders are opened again and again without an end")
	}
	now = now.Add(restMost)
	if e, ok := r.better(x264, now); !ok || !e.same(nvenc) {
		t.Error("an encoder that has rested is not taken again")
	}
	expect(nvenc, false, 0)
}

func TestAMachineThatStoodStillIsNoStall(t *testing.T) {
	var w stallWatch
	for now := time.Second; now < 5*time.Second; now += busPoll {
		if w.stalled(now, 0) {
			t.Fatal("a stall of an encoder that works")
		}
	}
	// The machine is paused for ten seconds in the midst of a picture.
	if now := 15 * time.Second; w.stalled(now, 10*time.Second) {
		t.Error("a pause of the machine is taken for a stall")
	}
	stalled := time.Duration(0)
	for now := 15*time.Second + busPoll; stalled == 0 && now < 30*time.Second; now += busPoll {
		if w.stalled(now, now-5*time.Second) {
			stalled = now
		}
	}
	if stalled != 15*time.Second+stallTime {
		t.Errorf("an encoder that stays silent after the pause is given up at %v", stalled)
	}
}

func TestAFrozenSoundServerDoesNotKeepTheEncoderFromClosing(t *testing.T) {
	t.Parallel()
	sound := testscreen.ServeSound(t)
	sound.Freeze()
	p := opened(t, func(c *Config) { c.Audio, c.PulseServer = true, sound.Address })
	unit(t, p)
	e := p.current.Load()
	p.Close()
	eventually(t, "the encoder to be closed", func() bool { return e.graph.pipeline.GetCurrentState() == gst.StateNull })
	sound.Thaw()
	ended := make(chan struct{})
	go func() { defer close(ended); p.wg.Wait() }()
	eventually(t, "what waited for the sound server to end", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
}
