package conformance

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// examineDescription looks at an answer's SDP.
func (s *side) examineDescription(body string) {
	var answer sdp.SessionDescription
	if err := answer.UnmarshalString(body); err != nil {
		s.note(s.setup, Must, "the answer is a session description", Fail, err.Error())
		return
	}
	s.judge(s.setup, Must, "the answer has every section of the offer, and refuses none", len(answer.MediaDescriptions) == 2 && !partial(body),
		fmt.Sprintf("%d sections of 2", len(answer.MediaDescriptions)))
	directions, muxed, only, setups, mids, msids := []string{}, 0, 0, map[string]bool{}, []string{}, map[string]bool{}
	for _, m := range answer.MediaDescriptions {
		for _, a := range append(answer.Attributes, m.Attributes...) {
			switch a.Key {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				directions = append(directions, a.Key)
			case "rtcp-mux":
				muxed++
			case "rtcp-mux-only":
				only++
			case "setup":
				setups[a.Value] = true
			case "mid":
				mids = append(mids, a.Value)
			case "msid":
				id, _, _ := strings.Cut(a.Value, " ")
				msids[id] = true
			}
		}
	}
	right := len(directions) == len(answer.MediaDescriptions)
	for _, d := range directions {
		right = right && d == s.answer
	}
	s.judge(s.directions, Must, "every section of the answer is "+s.answer, right, strings.Join(directions, ", "))
	bundle, _ := answer.Attribute("group")
	all := strings.HasPrefix(bundle, "BUNDLE")
	for _, mid := range mids {
		all = all && strings.Contains(bundle+" ", " "+mid+" ")
	}
	s.judge(s.bundle, Must, "all sections are in one BUNDLE group", all, "group "+bundle)
	s.judge(s.bundle, Must, "every section has rtcp-mux", muxed == len(answer.MediaDescriptions), fmt.Sprintf("%d of %d", muxed, len(answer.MediaDescriptions)))
	s.judge(s.bundle, Must, "every section has rtcp-mux-only", only == len(answer.MediaDescriptions), fmt.Sprintf("%d of %d", only, len(answer.MediaDescriptions)))
	s.judge("RFC 8842 5.3", Must, "the answer takes a DTLS role: setup active or passive", len(setups) == 1 && (setups["active"] || setups["passive"]), fmt.Sprint(setups))
	if s.name == whepSpec.name {
		s.judge(s.single, Must, "all sections are one MediaStream (msid)", len(msids) == 1, fmt.Sprintf("%d stream ids", len(msids)))
	}
	candidates := len(readFragment(body).candidates)
	s.judge(s.trickle, Must, "the answer has the server's candidates", candidates > 0, fmt.Sprintf("%d candidates", candidates))
}

// partial reports whether an answer refuses a section: port 0 and not bundled away (RFC 9143 section 7.3).
func partial(body string) bool {
	var answer sdp.SessionDescription
	if answer.UnmarshalString(body) != nil {
		return false
	}
	for _, m := range answer.MediaDescriptions {
		if _, bundled := m.Attribute("bundle-only"); m.MediaName.Port.Value == 0 && !bundled {
			return true
		}
	}
	return false
}

// twoVideos repeats an offer's video section under another mid.
func twoVideos(offer string) string {
	var parsed sdp.SessionDescription
	if parsed.UnmarshalString(offer) != nil {
		return offer
	}
	for _, m := range parsed.MediaDescriptions {
		if m.MediaName.Media != "video" {
			continue
		}
		second := *m
		second.Attributes = nil
		for _, a := range m.Attributes {
			switch a.Key {
			case "mid":
				a.Value = "second"
			case "ssrc", "ssrc-group", "candidate", "end-of-candidates":
				continue
			}
			second.Attributes = append(second.Attributes, a)
		}
		parsed.MediaDescriptions = append(parsed.MediaDescriptions, &second)
		break
	}
	for i, a := range parsed.Attributes {
		if a.Key == "group" {
			parsed.Attributes[i].Value += " second"
		}
	}
	out, err := parsed.Marshal()
	if err != nil {
		return offer
	}
	return string(out)
}

// unknownVideo offers video in a codec that nobody has, beside sound that everybody has.
func unknownVideo(offer string) string {
	var b strings.Builder
	video := false
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "m=") {
			video = strings.HasPrefix(line, "m=video")
		}
		if number, codec, ok := strings.Cut(line, " "); video && ok && strings.HasPrefix(line, "a=rtpmap:") {
			_, rate, _ := strings.Cut(codec, "/")
			line = number + " nobodys/" + rate
		}
		b.WriteString(line)
	}
	return b.String()
}
