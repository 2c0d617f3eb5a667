package ivsrealtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"hotseat/backend/local/stage"
)

// maxToken bounds a token before it is parsed. One with all its attributes full has 2 KB.
const maxToken = 8 << 10

// errToken is every reason to refuse a token but its age. Which one it was is nobody's business outside.
var errToken = errors.New("not a participant token of a stage here")

// claims are the payload of a participant token (IVS Real-Time User Guide, "Create self-signed tokens").
type claims struct {
	Expires      int64             `json:"exp"`
	Issued       int64             `json:"iat"`
	ID           string            `json:"jti"`
	UserID       string            `json:"user_id,omitempty"`
	Resource     string            `json:"resource"`
	Topic        string            `json:"topic"`
	EventsURL    string            `json:"events_url"`
	WhipURL      string            `json:"whip_url"`
	Capabilities capabilities      `json:"capabilities"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Version      string            `json:"version"`
}

type capabilities struct {
	Publish   bool `json:"allow_publish,omitempty"`
	Subscribe bool `json:"allow_subscribe,omitempty"`
}

var _ jwt.Claims = (*claims)(nil)

func (c claims) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.Expires, 0)), nil
}
func (c claims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.Issued, 0)), nil
}
func (c claims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (c claims) GetIssuer() (string, error)              { return "", nil }
func (c claims) GetSubject() (string, error)             { return "", nil }
func (c claims) GetAudience() (jwt.ClaimStrings, error)  { return nil, nil }

// tokenInput is what CreateStage and CreateParticipantToken take.
type tokenInput struct {
	StageARN     string            `json:"stageArn"` // CreateParticipantToken
	Duration     *int32            `json:"duration"` // minutes
	UserID       string            `json:"userId"`
	Attributes   map[string]string `json:"attributes"`
	Capabilities []string          `json:"capabilities"`
}

func (in tokenInput) check() error {
	switch {
	case in.Duration != nil && (*in.Duration < 1 || *in.Duration > maxDuration):
		return invalid("duration must be between 1 and 20160 minutes")
	case utf8.RuneCountInString(in.UserID) > maxUserID || !utf8.ValidString(in.UserID):
		return invalid("userId must have at most 128 characters")
	case len(in.Capabilities) > 2:
		return invalid("capabilities are PUBLISH and SUBSCRIBE")
	}
	for _, c := range in.Capabilities {
		if c != "PUBLISH" && c != "SUBSCRIBE" {
			return invalid("capabilities are PUBLISH and SUBSCRIBE")
		}
	}
	return checkAttributes(in.Attributes)
}

type createParticipantTokenOutput struct {
	ParticipantToken participantToken `json:"participantToken"`
}

func (s *Service) createParticipantToken(in tokenInput) (createParticipantTokenOutput, error) {
	var out createParticipantTokenOutput
	if err := in.check(); err != nil {
		return out, err
	}
	s.mu.Lock()
	r, err := s.find(in.StageARN)
	s.mu.Unlock()
	if err != nil {
		return out, err
	}
	out.ParticipantToken, err = s.mint(r.id, in)
	return out, err
}

// mint signs a token for a new participant. in has been checked.
func (s *Service) mint(stageID string, in tokenInput) (participantToken, error) {
	minutes := int32(defaultDuration)
	if in.Duration != nil {
		minutes = *in.Duration
	}
	may := in.Capabilities
	if len(may) == 0 {
		may = []string{"PUBLISH", "SUBSCRIBE"}
	}
	now := s.cfg.Now()
	expires := now.Add(time.Duration(minutes) * time.Minute)
	c := claims{
		Expires: expires.Unix(), Issued: now.Unix(),
		ID: newID(), UserID: in.UserID,
		Resource: s.arn("stage", stageID), Topic: stageID,
		EventsURL: s.cfg.EventsURL, WhipURL: s.whip(stageID),
		Capabilities: capabilities{Publish: slices.Contains(may, "PUBLISH"), Subscribe: slices.Contains(may, "SUBSCRIBE")},
		Attributes:   in.Attributes, Version: "1.0",
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES384, c)
	unsigned.Header["kid"] = s.keyARN
	signed, err := unsigned.SignedString(s.key)
	if err != nil {
		return participantToken{}, fmt.Errorf("signing a participant token: %w", err)
	}
	return participantToken{
		ParticipantID: c.ID, Token: signed, UserID: in.UserID, Attributes: in.Attributes,
		Duration: minutes, Capabilities: may, ExpirationTime: timestamp(expires),
	}, nil
}

// VerifyToken checks a participant token: signature, age, that its stage still exists and that its participant
// was not put out. An old token's error wraps stage.ErrTokenExpired.
func (s *Service) VerifyToken(token string) (stage.Token, error) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // base64 passes over line breaks
		return stage.Token{}, errToken
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != s.keyARN {
			return nil, errToken
		}
		return &s.key.PublicKey, nil
	}, jwt.WithValidMethods([]string{"ES384"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.cfg.Now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return stage.Token{}, fmt.Errorf("%w: %w", errToken, stage.ErrTokenExpired)
	case err != nil:
		return stage.Token{}, fmt.Errorf("%w: %w", errToken, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.stages[c.Topic]
	if r == nil || c.Resource != s.arn("stage", c.Topic) || !participantPattern.MatchString(c.ID) {
		return stage.Token{}, errToken
	}
	if _, revoked := r.revoked[c.ID]; revoked {
		return stage.Token{}, fmt.Errorf("%w: its participant was disconnected", errToken)
	}
	return stage.Token{
		ParticipantID: c.ID, UserID: c.UserID, StageARN: c.Resource, StageID: c.Topic,
		Publish: c.Capabilities.Publish, Subscribe: c.Capabilities.Subscribe,
		Attributes: c.Attributes, Expires: time.Unix(c.Expires, 0),
	}, nil
}

type disconnectInput struct {
	StageARN      string `json:"stageArn"`
	ParticipantID string `json:"participantId"`
	Reason        string `json:"reason"`
}

// disconnectParticipant puts a participant out for good: its token opens the stage no more ("disconnects
// a specified participant and revokes the participant permanently", IVS Real-Time API Reference).
func (s *Service) disconnectParticipant(in disconnectInput) (empty, error) {
	if !participantPattern.MatchString(in.ParticipantID) {
		return empty{}, invalid("participantId must have 1 to 64 of the characters a-z A-Z 0-9 - _")
	}
	if utf8.RuneCountInString(in.Reason) > maxReason {
		return empty{}, invalid("reason must have at most 128 characters")
	}
	s.mu.Lock()
	r, err := s.find(in.StageARN)
	if err != nil {
		s.mu.Unlock()
		return empty{}, err
	}
	now := s.cfg.Now()
	for id, until := range r.revoked { // whose tokens have expired meanwhile
		if until.Before(now) {
			delete(r.revoked, id)
		}
	}
	r.revoked[in.ParticipantID] = now.Add(maxDuration * time.Minute)
	s.mu.Unlock()
	if d := s.disconnecter(); d != nil {
		d.DisconnectParticipant(r.id, in.ParticipantID)
	}
	s.log.Info("participant disconnected", "stage", r.id, "participant", in.ParticipantID)
	return empty{}, nil
}
