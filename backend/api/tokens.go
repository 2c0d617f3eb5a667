package api

import (
	"net/http"
	"strings"
	"time"

	"hotseat/backend/aws"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
)

// watchToken is how long a viewer's stage token may be used to join; the page asks for a new one
// with every connection, so it need not be long.
const watchToken = time.Hour

func (s *Server) stageToken(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.visible(r, who)
	if err != nil {
		return 0, nil, err
	}
	if !record.EndedAt.IsZero() {
		return 0, nil, steward.ErrNotRunning
	}
	token, err := s.cfg.AWS.CreateStageToken(r.Context(), aws.TokenRequest{
		Stage: record.StageARN, UserID: who.ID, Subscribe: true, Life: watchToken,
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"token": token.Token, "participantId": token.ParticipantID, "expirationTime": token.Expires,
		"whepUrl": s.outside(strings.TrimSuffix(record.SubscribeURL, "/") + "/subscribe/" + record.BroadcasterID),
	}, nil
}

func (s *Server) outside(address string) string {
	if s.cfg.Outside == nil {
		return address
	}
	return s.cfg.Outside(address)
}

// broadcastToken gives a sidecar another token to publish with: one lasts for a session's length as it was
// started, and can be refused before, when the stage forgot it.
func (s *Server) broadcastToken(r *http.Request, _ playtest.Person) (int, any, error) {
	record, err := s.record(r)
	if err != nil {
		return 0, nil, err
	}
	token, err := s.cfg.Steward.BroadcastToken(r.Context(), record.ID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"token": token.Token, "expirationTime": token.Expires}, nil
}
