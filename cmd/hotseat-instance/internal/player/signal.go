package player

import (
	"encoding/json"
	"errors"
	"fmt"
)

// MaxSignal bounds a SignalRequest in bytes. Chromium's offers with all its codecs
// are below 10 KiB.
const MaxSignal = 64 << 10

// ErrOffer reports a SignalRequest that cannot be answered.
var ErrOffer = errors.New("signal request cannot be answered")

// signal is what SignalRequest and SignalResponse hold, as GameLift Streams' Web
// SDK writes and reads it. Unknown members are skipped.
type signal struct {
	Type        string `json:"type"`
	SDP         string `json:"sdp"`
	ProtocolURL string `json:"webSdkProtocolUrl,omitempty"`
}

// parseOffer takes the session description out of a SignalRequest.
func parseOffer(request string) (string, error) {
	if len(request) > MaxSignal {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrOffer, len(request), MaxSignal)
	}
	var offer signal
	if err := json.Unmarshal([]byte(request), &offer); err != nil {
		return "", fmt.Errorf("%w: it is not the JSON of the Web SDK: %w", ErrOffer, err)
	}
	if offer.Type != "offer" || offer.SDP == "" {
		return "", fmt.Errorf("%w: type is %q and the description has %d bytes; want an offer", ErrOffer, offer.Type, len(offer.SDP))
	}
	return offer.SDP, nil
}

func formatAnswer(sdp, protocolURL string) (string, error) {
	answer, err := json.Marshal(signal{Type: "answer", SDP: sdp, ProtocolURL: protocolURL})
	if err != nil {
		return "", fmt.Errorf("write the signal response: %w", err)
	}
	return string(answer), nil
}
