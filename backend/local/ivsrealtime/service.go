package ivsrealtime

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Account is the AWS account number in every ARN of the local services.
const Account = "000000000000"

// Config is everything a Service needs from outside.
type Config struct {
	Region    string // e.g. us-west-2
	WhipURL   string // the global WHIP endpoint, stage.Config.PublicURL; a stage's own is <it>/<stage id>
	EventsURL string // what stages name as their events endpoint; nothing of ours calls it
	Now       func() time.Time
	Log       *slog.Logger
}

// Disconnecter puts people off a stage. *stage.Server is one.
type Disconnecter interface {
	DisconnectParticipant(stageID, participantID string)
	DisconnectStage(stageID string)
}

// Service is the control API. Make it with New, then give it the stage server with SetStage.
type Service struct {
	cfg    Config
	log    *slog.Logger
	key    *ecdsa.PrivateKey // signs participant tokens
	keyARN string

	mu     sync.Mutex // guards everything below
	media  Disconnecter
	stages map[string]*stageRecord // by id
	order  []string                // ids, oldest first
}

// New returns a Service without stages, with a token key of its own: tokens do not outlive it.
func New(cfg Config) (*Service, error) {
	if cfg.Region == "" {
		return nil, fmt.Errorf("ivs real-time needs a region, e.g. us-west-2")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	// Participant tokens are signed on P-384 (ES384): IVS Real-Time User Guide, "Distribute participant tokens".
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key for participant tokens: %w", err)
	}
	s := &Service{cfg: cfg, log: cfg.Log, key: key, stages: make(map[string]*stageRecord)}
	s.keyARN = s.arn("public-key", newID())
	return s, nil
}

// SetStage names the stage server that DeleteStage and DisconnectParticipant act on.
func (s *Service) SetStage(d Disconnecter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media = d
}

func (s *Service) disconnecter() Disconnecter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.media
}

// Handler serves the control API at POST /<Operation>. Requests are not authenticated here.
func (s *Service) Handler() http.Handler { return s.routes() }

func (s *Service) arn(kind, id string) string {
	return "arn:aws:ivs:" + s.cfg.Region + ":" + Account + ":" + kind + "/" + id
}

// newID makes an id as IVS's own look: 12 characters.
func newID() string { return rand.Text()[:12] }

// newSessionID makes the id of a stage session: "st-" and 13 characters.
func newSessionID() string { return "st-" + rand.Text()[:13] }
