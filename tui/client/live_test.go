package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"testing"
	"time"

	"hotseat/backend/playtest"
)

func jpegOf(w, h int) string {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestAPictureIsBoundedBeforeItIsDecoded(t *testing.T) {
	if img, err := decodePicture(jpegOf(320, 180)); err != nil || img.Bounds().Dx() != 320 {
		t.Errorf("a thumbnail: %v", err)
	}
	for what, encoded := range map[string]string{
		"too wide":     jpegOf(maxThumbnailSide+1, 2),
		"too large":    base64.StdEncoding.EncodeToString(make([]byte, maxThumbnailBytes+10)),
		"not base64":   "%%%",
		"not a JPEG":   "aGVsbG8=",
		"nothing":      "",
		"only a start": jpegOf(64, 64)[:200],
	} {
		if _, err := decodePicture(encoded); err == nil {
			t.Errorf("%s was decoded", what)
		}
	}
}

func TestReactionsAndPresenceAreBounded(t *testing.T) {
	var u LiveUpdate
	for i := range 5000 {
		who := playtest.Person{ID: fmt.Sprint(i), Name: fmt.Sprint(i)}
		raw, _ := json.Marshal(map[string]any{"watching": true, "client": "page"})
		_ = u.add(playtest.Event{Action: playtest.ActionPresence, Actor: who}, raw, time.Time{})
		_ = u.add(playtest.Event{Action: playtest.ActionReact, Actor: who, Reaction: "fire"}, raw, time.Time{})
	}
	total := 0
	for _, r := range u.Reactions {
		total += r.Count
	}
	if total != 5000 || len(u.Reactions) > maxReactions {
		t.Errorf("%d reactions in %d entries", total, len(u.Reactions))
	}
	if len(u.Presence) != maxPresence {
		t.Errorf("%d people", len(u.Presence))
	}
}

func FuzzLiveMessagesNeverPanic(f *testing.F) {
	for _, seed := range []string{
		`{"session":"s-1","action":"SIDECAR_HEALTH","fps":30,"state":"live"}`, `{"action":"THUMBNAIL","jpeg":"` + jpegOf(16, 16) + `"}`,
		`{"action":"PRESENCE","watching":true}`, `{"action":"HANDOVER_STEP","step":"closing","elapsedMs":1e300}`, `{"action":"STREAM_REACT","reaction":"fire"}`, `{"action":5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decodeEvent(raw)
		if err != nil {
			return
		}
		var u LiveUpdate
		_ = u.add(e, raw, time.Time{})
		if u.Picture != nil && u.Picture.Image.Bounds().Dx() > maxThumbnailSide {
			t.Error("a picture out of bounds")
		}
	})
}
