package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"hotseat/backend/playtest"
)

const (
	// maxEventBytes bounds one event: a thumbnail of 24 KiB in base64, and air. The channel's own
	// bound is 240 KB.
	maxEventBytes = 64 << 10
	// maxThumbnailBytes is docs/protocol.md's bound of the decoded JPEG.
	maxThumbnailBytes = 24 << 10
	// maxThumbnailSide bounds a picture before it is decoded: a small JPEG can claim to be huge.
	maxThumbnailSide = 1024
	// maxReactions bounds how many people's reactions one update tells apart.
	maxReactions = 64
	// maxPendingSteps: a hand-over has five steps.
	maxPendingSteps = 32
	// maxPresence bounds how many people's signs of life one update holds.
	maxPresence = 1000
)

// decodePicture reads the JPEG of a THUMBNAIL. Its errors say what is wrong with it.
func decodePicture(encoded string) (image.Image, error) {
	if base64.StdEncoding.DecodedLen(len(encoded)) > maxThumbnailBytes+2 {
		return nil, fmt.Errorf("thumbnail: more than %d bytes", maxThumbnailBytes)
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("thumbnail: %w", err)
	}
	head, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("thumbnail: %w", err)
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxThumbnailSide || head.Height > maxThumbnailSide {
		return nil, fmt.Errorf("thumbnail: %d × %d is out of bounds", head.Width, head.Height)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("thumbnail: %w", err)
	}
	return img, nil
}

// add takes one message of the live channel into what the next update will tell.
func (l *LiveUpdate) add(e playtest.Event, raw []byte, now time.Time) error {
	switch e.Action {
	case playtest.ActionSidecarHealth:
		h := Health{At: now}
		if err := json.Unmarshal(raw, &h); err != nil {
			return err
		}
		l.Health = &h
		l.Heartbeat++
	case playtest.ActionThumbnail:
		var t struct{ JPEG string }
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		img, err := decodePicture(t.JPEG)
		if err != nil {
			return err
		}
		l.Picture = &Picture{At: now, Image: img}
	case playtest.ActionPresence:
		var p struct {
			Watching bool
			Client   string
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		l.addPresence(Presence{Person: e.Actor, At: now, Watching: p.Watching, Client: p.Client})
	case playtest.ActionHandoverStep:
		var s struct {
			RequestID, Step string
			ElapsedMs       float64
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if len(l.Steps) == maxPendingSteps {
			l.Steps = l.Steps[1:]
		}
		l.Steps = append(l.Steps, Step{At: now, RequestID: s.RequestID, Step: s.Step, Elapsed: time.Duration(s.ElapsedMs * float64(time.Millisecond))})
	case playtest.ActionReact:
		l.addReaction(e.Actor, e.Reaction)
	}
	return nil
}

func (l *LiveUpdate) addPresence(p Presence) {
	for i := range l.Presence {
		if old := l.Presence[i]; old.Person.ID == p.Person.ID && old.Client == p.Client {
			l.Presence[i] = p
			return
		}
	}
	if len(l.Presence) < maxPresence {
		l.Presence = append(l.Presence, p)
	}
}

func (l *LiveUpdate) addReaction(who playtest.Person, kind string) {
	for i := range l.Reactions {
		if r := &l.Reactions[i]; r.Kind == kind && (r.Person.ID == who.ID || len(l.Reactions) >= maxReactions) {
			r.Count++
			return
		}
	}
	if len(l.Reactions) < maxReactions+len(playtest.Reactions) {
		l.Reactions = append(l.Reactions, Reaction{Person: who, Kind: kind, Count: 1})
	}
}
