package whip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// restartWait bounds an ICE restart: PATCH and checks. It must leave room for a whole new
	// connection within the 3 s that the stage may be off the air.
	restartWait = 900 * time.Millisecond
	// trickleEvery collects candidates that are found one after the other into one PATCH.
	trickleEvery = 100 * time.Millisecond
	// trickleMost ends the search for candidates; a connection that has none by then will fail.
	trickleMost = 15 * time.Second
)

// restart makes ICE anew within the session (RFC 9725 section 4.3.3): what a change of network
// needs, without a new handshake and without the stage's audience losing the participant.
func (p *Publisher) restart(ctx context.Context, s *session) error {
	if s.etag == "" {
		return errors.New("whip: the stage restarts no ICE")
	}
	ctx, cancel := context.WithTimeout(ctx, restartWait)
	defer cancel()
	drain(s.connected)
	// The stage's STUN and TURN servers are asked now; pion takes none while it gathers. A bad list
	// must not end a connection that may need none of it.
	if len(p.iceServers) > 0 && s.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete {
		_ = s.pc.SetConfiguration(p.rtcConfiguration())
	}
	offer, err := s.offer(ctx, &webrtc.OfferOptions{ICERestart: true}, restartWait/2)
	if err != nil {
		return err
	}
	mine, err := readICE(offer)
	if err != nil {
		return err
	}
	drain(s.lost)
	r, err := p.patch(ctx, s, "*", fragment(offer, mine, true))
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return fmt.Errorf("whip: the stage answered %d to an ICE restart", r.status)
	}
	theirs, err := readICE(r.body)
	if err != nil {
		return err
	}
	answer, err := renewed(s.answer, theirs)
	if err != nil {
		return err
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("whip: the restart's answer: %w", err)
	}
	s.answer = answer
	if tag := r.header.Get("ETag"); tag != "" {
		s.etag = tag
	}
	return s.waitConnected(ctx, restartWait)
}

func drain[T any](ch chan T) {
	for {
		select {
		case <-ch:
		default:
			return
		}
	}
}

// trickle sends the candidates that are found after the offer (RFC 9725 section 4.3.2), several
// in one PATCH. A stage that refuses them gets no more: it has what was in the offer.
func (p *Publisher) trickle(s *session) {
	local := s.pc.LocalDescription()
	if local == nil {
		return
	}
	mine, err := readICE(local.SDP)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), trickleMost)
	s.quit = cancel
	gathered, offered, tag := s.gathered, s.offered, s.etag
	s.trickling.Go(func() {
		defer cancel()
		for complete := false; !complete; {
			select {
			case <-gathered:
				complete = true
			case <-time.After(trickleEvery):
			case <-ctx.Done():
				return
			}
			mine.candidates = nil
			for more := true; more; {
				select {
				case c := <-s.candidates:
					if _, known := offered[c.Candidate]; !known {
						offered[c.Candidate] = struct{}{}
						mine.candidates = append(mine.candidates, c.Candidate)
					}
				default:
					more = false
				}
			}
			if len(mine.candidates) == 0 {
				continue // nobody waits for an end of what was in the offer
			}
			if _, err := p.patch(ctx, s, tag, fragment(local.SDP, mine, complete)); err != nil {
				p.log.Info("the stage takes no candidates after the offer", "reason", err)
				return
			}
		}
	})
}
