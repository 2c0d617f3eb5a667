package conformance

import "github.com/pion/webrtc/v4"

// spec names the clauses of one protocol, and the directions of its media.
type spec struct {
	name            string
	offer, answer   string // direction attributes
	direction       webrtc.RTPTransceiverDirection
	http            string
	setup           string
	malformed       string
	directions      string
	end             string
	patch           string
	trickle         string
	restart         string
	bundle          string
	single          string
	redirect        string
	iceServers      string
	bearer          string
	security        string
	wholeOrNothing  string // empty: the protocol does not say
	setupActive     string // empty: the protocol does not say
	discoverability string // empty: the protocol does not say
}

// Sections of RFC 9725, and of draft-ietf-wish-whep as it stands in its working group's repository.
var (
	whipSpec = spec{
		name: "WHIP", offer: "sendonly", answer: "recvonly", direction: webrtc.RTPTransceiverDirectionSendonly,
		http: "RFC 9725 4.1", setup: "RFC 9725 4.2", malformed: "RFC 9725 4.2", directions: "RFC 9725 4.2", end: "RFC 9725 4.2",
		patch: "RFC 9725 4.3.1", trickle: "RFC 9725 4.3.2", restart: "RFC 9725 4.3.3",
		bundle: "RFC 9725 4.4.1", single: "RFC 9725 4.4.2", wholeOrNothing: "RFC 9725 4.4.3", setupActive: "RFC 9725 4.4.4",
		redirect: "RFC 9725 4.5", iceServers: "RFC 9725 4.6", bearer: "RFC 9725 4.7.1", security: "RFC 9725 5",
	}
	whepSpec = spec{
		name: "WHEP", offer: "recvonly", answer: "sendonly", direction: webrtc.RTPTransceiverDirectionRecvonly,
		http: "WHEP 4.1", discoverability: "WHEP 4.2", setup: "WHEP 4.3.1", malformed: "WHEP 4.3.4", directions: "WHEP 4.3.5", end: "WHEP 4.4",
		patch: "WHEP 4.5.1", trickle: "WHEP 4.5.2", restart: "WHEP 4.5.3",
		bundle: "WHEP 4.6.1", single: "WHEP 4.6.2",
		redirect: "WHEP 4.7", iceServers: "WHEP 4.8", bearer: "WHEP 4.9.1", security: "WHEP 5",
	}
)
