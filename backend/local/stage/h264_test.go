package stage

import (
	"testing"
	"time"
)

func TestPictureSizeIsReadFromTheParameterSet(t *testing.T) {
	for _, size := range [][2]int{{1280, 720}, {1920, 1080}, {720, 1280}, {160, 90}, {854, 480}} {
		got, err := parseSPS(makeSPS(66, size[0], size[1]))
		if err != nil || got.width != size[0] || got.height != size[1] || got.profile != 66 {
			t.Errorf("%v: %+v, %v", size, got, err)
		}
	}
	// As x264 writes it for 1280x720 constrained baseline, with emulation prevention bytes in the VUI.
	real := []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80}
	if got, err := parseSPS(real); err != nil || got.width != 1280 || got.height != 720 {
		t.Errorf("x264: %+v, %v", got, err)
	}
}

func TestBrokenParameterSetsAreRefused(t *testing.T) {
	good := makeSPS(66, 1280, 720)
	for n := range len(good) - 1 {
		if got, err := parseSPS(good[:n]); err == nil {
			t.Errorf("%d of %d bytes were read as %+v", n, len(good), got)
		}
	}
}

func TestKeyFramesAreFoundInEveryPacketForm(t *testing.T) {
	set := makeSPS(66, 1280, 720)
	aggregate := append([]byte{nalSTAPA, 0, 2, 9, 0xf0, 0, byte(len(set))}, set...)
	for name, c := range map[string]struct {
		payload []byte
		key     bool
		sps, b  bool
	}{
		"empty":               {nil, false, false, false},
		"single IDR":          {[]byte{0x65, 0x88}, true, false, false},
		"single SPS":          {set, true, true, false},
		"P slice":             {[]byte{0x61, 0x98}, false, false, false},
		"B slice":             {[]byte{0x61, 0x9c}, false, false, true},
		"aggregate with SPS":  {aggregate, true, true, false},
		"aggregate cut short": {aggregate[:len(aggregate)-3], false, false, false},
		"first IDR fragment":  {[]byte{0x7c, 0x85, 0x88}, true, false, false},
		"later IDR fragment":  {[]byte{0x7c, 0x05, 0x88}, false, false, false},
		"first B fragment":    {[]byte{0x7c, 0x81, 0x9c}, false, false, true},
	} {
		if g := look(c.payload); g.keyFrame != c.key || (g.sps != nil) != c.sps || g.bSlice != c.b {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func TestBitrateIsAMeanOverSeconds(t *testing.T) {
	const second = MaxBitsPerSecond / 8
	now := time.Unix(1_800_000_000, 0)
	var m meter
	if m.add(2*second, now) != nil { // a burst
		t.Error("a burst was refused")
	}
	for range 10 {
		now = now.Add(time.Second)
		if m.add(second/2, now) != nil {
			t.Error("half the limit was refused")
		}
	}
	var broken *violation
	for range meterSeconds + 1 {
		now = now.Add(time.Second)
		broken = m.add(second+1000, now)
	}
	if broken == nil || broken.code != BitrateExceeded {
		t.Errorf("more than the limit for %d seconds was accepted", meterSeconds)
	}
	if now = now.Add(time.Hour); m.add(1, now) != nil {
		t.Error("the past is held against a publisher that was silent for an hour")
	}
}

func FuzzLook(f *testing.F) {
	f.Add(makeSPS(66, 1280, 720))
	f.Add(append([]byte{nalSTAPA, 0, 1, 9, 0, 14}, makeSPS(66, 1920, 1080)...))
	f.Add([]byte{0x7c, 0x85, 0x88, 0, 0, 3})
	f.Add([]byte{0x67, 66, 0, 31, 0, 0, 3, 0, 0, 3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		g := look(payload)
		if g.sps == nil {
			return
		}
		if set, err := parseSPS(g.sps); err == nil && (set.width < 0 || set.height < 0 || set.width > 1<<14 || set.height > 1<<15) {
			t.Errorf("%dx%d", set.width, set.height)
		}
	})
}
