package stage

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

// offer is an SDP offer that passed every check that can be made without a peer connection.
type offer struct {
	sdp          string
	video, audio bool
	ufrag        string // of the client's ICE session
	candidates   int
}

// purpose is what an offer is made for.
type purpose int

const (
	publishing purpose = iota
	subscribing
)

// readOffer takes the body of a request: bounded in size and in time before anything looks at it.
func readOffer(w http.ResponseWriter, r *http.Request) (string, *problem) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/sdp" {
		return "", refusal(http.StatusUnsupportedMediaType, InvalidInput, "send the offer with Content-Type: application/sdp")
	}
	// Not every writer can do it (tests use recorders); a server's own read timeout then remains.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(offerReadTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOfferBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", refusal(http.StatusRequestEntityTooLarge, InvalidInput,
			fmt.Sprintf("the offer is larger than %d KiB", maxOfferBytes>>10))
	case err != nil:
		return "", refusal(http.StatusBadRequest, InvalidInput, "the offer did not arrive completely")
	}
	return string(body), nil
}

// checkOffer reads an offer the way a stage sees it: at most one audio and one video section, bundled
// (RFC 9725 section 4.4.1 asks for max-bundle), media in the direction of the purpose, and codecs that
// every viewer can decode.
func checkOffer(raw string, want purpose) (offer, *problem) {
	out := offer{sdp: raw}
	bad := func(detail string) (offer, *problem) {
		return offer{}, refusal(http.StatusBadRequest, InvalidInput, detail)
	}
	var session sdp.SessionDescription
	if err := session.UnmarshalString(raw); err != nil {
		return bad("the body is not a session description (RFC 8866): " + clip(err.Error()))
	}
	out.ufrag, _ = session.Attribute("ice-ufrag")
	bundled := bundle(&session)
	for _, media := range session.MediaDescriptions {
		for _, a := range media.Attributes {
			switch {
			case a.Key == "candidate":
				out.candidates++
			case a.Key == "ice-ufrag" && out.ufrag == "":
				out.ufrag = a.Value
			}
		}
		flows := direction(&session, media)
		var seen *bool
		switch media.MediaName.Media {
		case "video":
			seen = &out.video
		case "audio":
			seen = &out.audio
		default:
			return bad("a stage carries audio and video only; leave other media sections (data channels) out of the offer")
		}
		if *seen {
			return bad("the offer has more than one " + media.MediaName.Media + " section; a stage takes one")
		}
		switch {
		case flows == "inactive":
			continue
		case want == publishing && flows == "recvonly":
			return bad("the offer wants to receive; to publish, offer sendonly media")
		case want == subscribing && flows == "sendonly":
			return bad("the offer wants to send; to subscribe, offer recvonly media")
		}
		*seen = true
		if mid, _ := media.Attribute("mid"); !slices.Contains(bundled, mid) {
			return bad("the offer's " + media.MediaName.Media + " is in no a=group:BUNDLE; set the bundle policy max-bundle (RFC 9725 section 4.4.1)")
		}
		if role(&session, media) == "passive" {
			return bad("the offer has a=setup:passive, and a stage is the DTLS server; offer actpass or active (RFC 9725 section 4.4.4)")
		}
		carried, p := checkCodecs(media, want)
		if p != nil {
			return offer{}, p
		}
		keepOnly(media, carried)
	}
	if !out.video && !out.audio {
		return bad("the offer has neither an audio nor a video section")
	}
	if out.candidates > maxCandidates {
		return bad(fmt.Sprintf("the offer has more than %d candidates", maxCandidates))
	}
	slim, err := session.Marshal()
	if err != nil {
		return bad("the offer cannot be written again: " + clip(err.Error()))
	}
	out.sdp = string(slim)
	return out, nil
}

// keepOnly takes every other payload type out of a section. The answer would not have them anyway, and the WebRTC
// stack reads the whole description once for each: two thirds of what a join costs, with the forty of a browser.
func keepOnly(media *sdp.MediaDescription, payloadTypes []string) {
	media.MediaName.Formats = slices.DeleteFunc(media.MediaName.Formats, func(format string) bool { return !slices.Contains(payloadTypes, format) })
	media.Attributes = slices.DeleteFunc(media.Attributes, func(a sdp.Attribute) bool {
		switch a.Key {
		case "rtpmap", "fmtp", "rtcp-fb":
			payloadType, _, _ := strings.Cut(a.Value, " ")
			return payloadType != "*" && !slices.Contains(payloadTypes, payloadType) // * is all (RFC 4585 section 4.2)
		}
		return false
	})
}

// checkCodecs returns the payload types of the section that the stage carries. Without one the whole offer is refused with
// 422 (RFC 9725 section 4.4.3; 406 would announce a counter-offer to a WHEP client). RTP names are compared without
// regard to case (RFC 8866 section 6.6).
func checkCodecs(media *sdp.MediaDescription, want purpose) (carried []string, _ *problem) {
	formats := make(map[string]string)
	for _, a := range media.Attributes {
		if payloadType, parameters, ok := strings.Cut(a.Value, " "); ok && a.Key == "fmtp" {
			formats[payloadType] = parameters
		}
	}
	for _, a := range media.Attributes {
		payloadType, codec, ok := strings.Cut(a.Value, " ")
		if !ok || a.Key != "rtpmap" {
			continue
		}
		codec = strings.ToLower(codec)
		if !slices.Contains(media.MediaName.Formats, payloadType) {
			continue
		}
		if media.MediaName.Media == "audio" && strings.HasPrefix(codec, "opus/48000") ||
			media.MediaName.Media == "video" && strings.HasPrefix(codec, "h264/90000") && baseline(formats[payloadType]) {
			carried = append(carried, payloadType)
		}
	}
	if len(carried) > 0 {
		return carried, nil
	}
	if media.MediaName.Media == "audio" {
		return nil, refusal(http.StatusUnprocessableEntity, InvalidAudioCodec, "a stage carries Opus only, and the offer has none")
	}
	detail := "a stage carries H.264 Baseline with packetization-mode=1 only, and the offer has none"
	if want == subscribing {
		detail = "this stream is H.264 Baseline (packetization-mode=1), which the offer cannot receive"
	}
	return nil, refusal(http.StatusUnprocessableEntity, InvalidVideoCodec, detail)
}

// baseline reports whether format parameters (RFC 6184 section 8.1) name one of videoProfiles.
func baseline(parameters string) bool {
	mode, profile := "", ""
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(key) {
		case "packetization-mode":
			mode = value
		case "profile-level-id":
			profile = strings.ToLower(value)
		}
	}
	if mode != "1" || len(profile) != 6 {
		return false
	}
	for _, p := range videoProfiles {
		if profile[:4] == p[:4] {
			return true
		}
	}
	return false
}

func direction(session *sdp.SessionDescription, media *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{media.Attributes, session.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				return a.Key
			}
		}
	}
	return "sendrecv" // the default of RFC 8866 section 6.7
}

// bundle is the identification tags of the sections that share one transport (RFC 9143 section 7.1).
func bundle(session *sdp.SessionDescription) []string {
	for _, a := range session.Attributes {
		if tags := strings.Fields(a.Value); a.Key == "group" && len(tags) > 0 && tags[0] == "BUNDLE" {
			return tags[1:]
		}
	}
	return nil
}

// role is the DTLS role that a section offers (RFC 8842 section 5.2).
func role(session *sdp.SessionDescription, media *sdp.MediaDescription) string {
	if setup, ok := media.Attribute("setup"); ok {
		return setup
	}
	setup, _ := session.Attribute("setup")
	return setup
}

// clip keeps an error that quotes a stranger's bytes short enough for a sentence.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:most], "?") + "…"
}
