package stage

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Handler serves the WHIP addresses. It expects paths below Config.PublicURL, so mount it with
// http.StripPrefix.
//
//	POST   /                                       -> 307 to the publish address of the token's own participant
//	POST   /{stage}/publish/{participant}          -> 201, answer, Location
//	POST   /{stage}/subscribe/{participant}        -> 201, answer, Location; {participant} is whom to receive
//	DELETE /{stage}/…/{participant}/{session}      -> 200
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.redirect)
	mux.HandleFunc("POST /{stage}/publish/{participant}", s.publish)
	mux.HandleFunc("POST /{stage}/subscribe/{participant}", s.subscribe)
	mux.HandleFunc("DELETE /{stage}/publish/{participant}/{session}", s.remove)
	mux.HandleFunc("DELETE /{stage}/subscribe/{participant}/{session}", s.remove)
	// RFC 9725 section 4.1: an endpoint answers OPTIONS, and says what may be posted.
	mux.HandleFunc("OPTIONS /", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", "POST, DELETE, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "86400")
		h.Set("Accept-Post", "application/sdp")
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The page that receives is often served from elsewhere. The token, not the origin, opens the door.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "Location, ETag, Retry-After")
		if r.URL.Path == "" { // the bare endpoint, after StripPrefix
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		mux.ServeHTTP(w, r)
	})
}

// credentials are a token, what it says, and how many disconnections had happened when it was verified.
type credentials struct {
	Token
	raw  string
	asOf uint64
}

func (s *Server) authorize(r *http.Request) (credentials, *problem) {
	scheme, raw, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	raw = strings.TrimSpace(raw)
	if !ok || !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return credentials{}, refusal(http.StatusUnauthorized, tokenMissing, "send the participant token as Authorization: Bearer <token>")
	}
	return s.verify(raw)
}

func (s *Server) verify(raw string) (credentials, *problem) {
	s.mu.Lock()
	asOf := s.disconnects
	s.mu.Unlock()
	token, err := s.cfg.Verify(raw)
	switch {
	case errors.Is(err, ErrTokenExpired):
		return credentials{}, refusal(http.StatusUnauthorized, tokenExpired, "the participant token has expired; ask for a new one")
	case err != nil:
		return credentials{}, refusal(http.StatusUnauthorized, tokenInvalid, "this is not a valid participant token of a stage here")
	}
	return credentials{Token: token, raw: raw, asOf: asOf}, nil
}

// redirect is IVS's global WHIP endpoint, which knows from the token alone where to publish.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request) {
	who, p := s.authorize(r)
	if p == nil && !who.Publish {
		p = s.refused(who.Token, PublishError, "", mayNot("publish"))
	}
	if p != nil {
		p.write(w)
		return
	}
	w.Header().Set("Location", s.address(who.StageID, "publish", who.ParticipantID))
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	who, p := s.authorize(r)
	if p != nil {
		p.write(w)
		return
	}
	switch {
	case !who.Publish:
		p = mayNot("publish")
	case r.PathValue("stage") != who.StageID:
		p = refusal(http.StatusForbidden, InsufficientCapabilities, "this token is for another stage")
	case r.PathValue("participant") != who.ParticipantID:
		p = refusal(http.StatusForbidden, InsufficientCapabilities, "a token publishes as its own participant only")
	}
	if p == nil {
		p = s.exchange(w, r, who, publishing)
	}
	if p != nil {
		s.refused(who.Token, PublishError, "", p).write(w)
	}
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	who, p := s.authorize(r)
	if p != nil {
		p.write(w)
		return
	}
	switch {
	case !who.Subscribe:
		p = mayNot("subscribe")
	case r.PathValue("stage") != who.StageID:
		p = refusal(http.StatusForbidden, InsufficientCapabilities, "this token is for another stage")
	}
	if p == nil {
		p = s.exchange(w, r, who, subscribing)
	}
	if p != nil {
		s.refused(who.Token, SubscribeError, r.PathValue("participant"), p).write(w)
	}
}

// exchange answers one offer. Everything that can be refused is refused before a connection exists.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, who credentials, want purpose) *problem {
	raw, p := readOffer(w, r)
	if p != nil {
		return p
	}
	checked, p := checkOffer(raw, want)
	if p != nil {
		return p
	}
	participant := r.PathValue("participant")
	f := s.feedFor(who.StageID, participant, want)
	if f == nil {
		return noPublisher()
	}
	n, err := s.newSession(who.Token, want, f)
	if err != nil {
		s.log.Error("stage session", "error", err)
		return refusal(http.StatusInternalServerError, InternalServerException, "no connection could be made; try again")
	}
	answer, p := s.answer(r, n, checked)
	for p == nil {
		switch s.admit(n, who.asOf) {
		case stale:
			who, p = s.verify(who.raw)
			continue
		case full:
			p = refusal(http.StatusForbidden, QuotaExceeded, "the stage is full: 12 can publish, 10,000 subscribe")
		case gone:
			if want == subscribing {
				p = noPublisher()
			} else {
				p = refusal(http.StatusConflict, InternalServerException, "the session ended while it was being set up; try again")
			}
		case admitted:
			verb := "publish"
			if want == subscribing {
				verb = "subscribe"
			}
			h := w.Header()
			h.Set("Content-Type", "application/sdp")
			h.Set("Location", s.address(who.StageID, verb, participant, n.id))
			h.Set("ETag", `"`+n.id+`"`)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, answer) // a client that is gone never connects, and is forgotten for it
			return nil
		}
	}
	s.end(n, "", p.Detail)
	return p
}

func (s *Server) answer(r *http.Request, n *session, checked offer) (string, *problem) {
	if n.want == publishing {
		n.takeTracks()
	} else if err := n.sendTracks(n.feed, checked); err != nil {
		s.log.Error("stage session", "error", err)
		return "", refusal(http.StatusInternalServerError, InternalServerException, "no connection could be made; try again")
	}
	answer, err := negotiate(r.Context(), n.pc, checked.sdp)
	if err != nil {
		return "", refusal(http.StatusBadRequest, InvalidInput, "the offer cannot be answered: "+clip(err.Error()))
	}
	return answer, nil
}

// remove ends a session (RFC 9725 section 4.2). Its address is unguessable, and still only its own token ends it.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	who, p := s.authorize(r)
	if p != nil {
		p.write(w)
		return
	}
	s.mu.Lock()
	n := s.sessions[r.PathValue("session")]
	own := n != nil && n.token.StageID == who.StageID && n.token.ParticipantID == who.ParticipantID
	if own {
		s.endLocked(n, "", "deleted by its client")
	}
	s.mu.Unlock()
	if !own {
		refusal(http.StatusNotFound, "", "this token has no such session; it may have ended").write(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// refused tells the observer of a refusal and passes it on.
func (s *Server) refused(who Token, name EventName, from string, p *problem) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Observer.Observe(Event{Name: name, Token: who, From: from, Code: p.Code, At: s.cfg.Now()})
	return p
}

func (s *Server) address(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return s.cfg.PublicURL + "/" + strings.Join(parts, "/")
}

func mayNot(verb string) *problem {
	return refusal(http.StatusForbidden, InsufficientCapabilities, "this token may not "+verb)
}

func noPublisher() *problem {
	p := refusal(http.StatusNotFound, PublisherNotFound, "this participant is not publishing; try again soon")
	p.retryAfter = 1
	return p
}
