// Package api is the backend's HTTP side for browsers and consoles, and the page itself.
//
// It knows who is asking from the token alone, checks rights here on the server, and leaves every
// decision about the seat to the gate and every deed to the steward. Each route states in the
// table of routes who may use it; a route without a statement does not exist.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"hotseat/backend/auth"
	"hotseat/backend/aws"
	"hotseat/backend/gate"
	"hotseat/backend/playtest"
	"hotseat/backend/ratelimit"
	"hotseat/backend/steward"
	"hotseat/backend/store"
)

// maxBody bounds a request's body: an SDP offer of a browser is about 8 KiB.
const maxBody = 64 << 10

// PublicConfig is what a client must know before it can sign in. GET /api/config, open to all.
type PublicConfig struct {
	Region  string        `json:"region"`
	Cognito CognitoConfig `json:"cognito"`
	Events  EventsConfig  `json:"events"`
	Local   bool          `json:"local"`
}

// CognitoConfig says where people sign in.
type CognitoConfig struct {
	Endpoint   string `json:"endpoint"`
	UserPoolID string `json:"userPoolId"`
	ClientID   string `json:"clientId"`
}

// EventsConfig says where the channels are.
type EventsConfig struct {
	HTTPURL     string `json:"httpUrl"`
	RealtimeURL string `json:"realtimeUrl"`
	Host        string `json:"host"`
}

// Verifier tells whose token it is.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Config is what a Server works with.
type Config struct {
	Public   PublicConfig
	Inside   PublicConfig // the same for programs on this machine, GET /api/config?inside=1; zero: Public
	Verifier Verifier
	Gate     *gate.Gate
	Store    *store.Store
	Steward  *steward.Steward
	AWS      *aws.Clients
	Page     fs.FS                       // the built page; nil: none
	Outside  func(address string) string // an address of the services as clients reach it; nil: as it is
	Connect  []string                    // other origins that the page speaks to, for its content security policy
	Length   time.Duration               // of a session that does not say; 0: an hour
	Now      func() time.Time            // for the rates
	Log      *slog.Logger
}

// Server answers the routes of docs/protocol.md.
type Server struct {
	cfg   Config
	mux   *http.ServeMux
	rates *ratelimit.Keyed[string]
}

// A page makes a handful of requests when it opens and then one every 25 s; a console polls its lobby.
const (
	requestsPerSecond = 10
	requestBurst      = 60
)

// access is who may use a route.
type access int

const (
	open        access = iota // anyone, without a token
	signedIn                  // any person
	starters                  // qa-lead and player
	leads                     // qa-lead
	watchers                  // any person, and the session's own sidecar
	broadcaster               // the session's own sidecar
)

func (a access) allows(role playtest.Role) bool {
	switch a {
	case signedIn, watchers:
		return role.IsPerson()
	case starters:
		return role == playtest.RoleLead || role == playtest.RolePlayer
	case leads:
		return role == playtest.RoleLead
	}
	return false
}

// allowsSidecar: beside people, or alone, the sidecar of the session that the route names.
func (a access) allowsSidecar() bool { return a == watchers || a == broadcaster }

// handler answers a request of a person (the zero Person on open routes) with a status and a
// value to encode, nil for no body.
type handler func(r *http.Request, who playtest.Person) (status int, body any, err error)

type route struct {
	pattern string
	access  access
	handle  handler
}

func (s *Server) routes() []route {
	return []route{
		{"GET /api/config", open, s.config},
		{"GET /api/me", signedIn, s.me},
		{"GET /api/applications", signedIn, s.applications},
		{"GET /api/sessions", signedIn, s.sessions},
		{"POST /api/sessions", starters, s.start},
		{"GET /api/sessions/{id}", watchers, s.session},
		{"DELETE /api/sessions/{id}", leads, s.end},
		{"GET /api/sessions/{id}/log", watchers, s.log},
		{"POST /api/sessions/{id}/broadcast-token", broadcaster, s.broadcastToken},
		{"POST /api/sessions/{id}/stage-token", signedIn, s.stageToken},
		{"PUT /api/sessions/{id}/offer", signedIn, s.offer},
		{"GET /api/sessions/{id}/answer", signedIn, s.answer},
	}
}

// New makes the server.
func New(cfg Config) *Server {
	if cfg.Length == 0 {
		cfg.Length = time.Hour
	}
	if cfg.Inside == (PublicConfig{}) {
		cfg.Inside = cfg.Public
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), rates: ratelimit.New[string](cfg.Now)}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.guard(r))
	}
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, &Error{http.StatusNotFound, "not_found", "there is no such route; docs/protocol.md lists them"})
	})
	s.mux.Handle("/", s.page())
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// guard checks the token and the right before the route sees the request.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		var who playtest.Person
		if r.access != open {
			identity, err := s.cfg.Verifier.Verify(req.Context(), req.Header.Get("Authorization"))
			switch {
			case errors.Is(err, auth.ErrUnavailable):
				s.fail(w, &Error{http.StatusServiceUnavailable, "sign_in_unavailable", err.Error()})
				return
			case err != nil:
				w.Header().Set("WWW-Authenticate", `Bearer realm="hotseat"`) // RFC 6750, section 3
				s.fail(w, &Error{http.StatusUnauthorized, "unauthorized", authMessage(err)})
				return
			case r.access.allowsSidecar() && identity.Role == playtest.RoleSidecar && identity.Session == req.PathValue("id"):
			case !r.access.allows(identity.Role):
				s.fail(w, &Error{http.StatusForbidden, "not_allowed", fmt.Sprintf("a %s may not do this", identity.Role)})
				return
			}
			who = identity.Person
			if !s.rates.Allow(who.ID, requestsPerSecond, requestBurst) {
				s.fail(w, &Error{http.StatusTooManyRequests, "too_fast", "too many requests; wait a second"})
				return
			}
		}
		status, body, err := r.handle(req, who)
		if err != nil {
			s.fail(w, err)
			return
		}
		s.write(w, status, body)
	})
}

func authMessage(err error) string {
	switch {
	case errors.Is(err, auth.ErrExpired):
		return auth.ErrExpired.Error()
	default:
		return auth.ErrInvalid.Error()
	}
}

// Error is a refusal as the HTTP API tells it.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"` // what happened and what to do, for a person
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func badRequest(format string, args ...any) *Error {
	return &Error{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...)}
}

// fail answers with an error. What is not an *Error is the backend's own trouble: it is logged
// here and told without details.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var e *Error
	var refusal *playtest.Refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &refusal):
		e = &Error{http.StatusForbidden, string(refusal.Code), refusal.Message}
	case errors.As(err, &tooLarge):
		e = &Error{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a request has at most %d bytes", maxBody)}
	case errors.Is(err, store.ErrNotFound):
		e = &Error{http.StatusNotFound, "no_such_session", "there is no such session; the lobby lists them"}
	case errors.Is(err, steward.ErrNotRunning):
		e = &Error{http.StatusConflict, "not_running", "this session is over"}
	case aws.IsFull(err):
		e = &Error{http.StatusConflict, "full", "as many playtests run as this deployment has room for; end one first"}
	case aws.IsThrottled(err):
		e = &Error{http.StatusServiceUnavailable, "busy", "the services ask for patience; try again in a few seconds"}
	case errors.Is(err, context.Canceled):
		e = &Error{499, "client_gone", "the client went away"}
	default:
		s.cfg.Log.Error("a request failed", "error", err)
		e = &Error{http.StatusInternalServerError, "internal", "something went wrong in the backend; its log says what"}
	}
	s.write(w, e.Status, map[string]*Error{"error": e})
}

func (s *Server) write(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}

// decode reads a JSON body; an empty one is the zero value.
func decode(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &tooLarge):
		return err
	}
	return badRequest("the body is not the JSON that this route takes; docs/protocol.md shows it")
}
