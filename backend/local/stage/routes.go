package stage

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Handler serves the WHIP addresses. It expects paths below Config.PublicURL, so mount it with
// http.StripPrefix.
//
//	POST   /                                       -> 307 to the publish address of the token's own participant
//	POST   /{stage}/publish/{participant}          -> 201, answer, Location
//	POST   /{stage}/subscribe/{participant}        -> 201, answer, Location; {participant} is whom to receive
//	PATCH  /{stage}/…/{participant}/{session}      -> 204 (more candidates) or 200 (ICE restarted), with If-Match
//	DELETE /{stage}/…/{participant}/{session}      -> 200
//
// OPTIONS and GET are answered everywhere, without content.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.redirect)
	mux.HandleFunc("POST /{stage}/publish/{participant}", s.publish)
	mux.HandleFunc("POST /{stage}/subscribe/{participant}", s.subscribe)
	for _, session := range []string{"/{stage}/publish/{participant}/{session}", "/{stage}/subscribe/{participant}/{session}"} {
		mux.HandleFunc("PATCH "+session, s.patch)
		mux.HandleFunc("DELETE "+session, s.remove)
		mux.HandleFunc("GET "+session, s.look)
	}
	for _, endpoint := range []string{"/{$}", "/{stage}/publish/{participant}", "/{stage}/subscribe/{participant}"} {
		mux.HandleFunc("GET "+endpoint, endpointExists)
	}
	mux.HandleFunc("OPTIONS /", s.options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The page that receives is often served from elsewhere. The token, not the origin, opens the door.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "Location, ETag, Link, Retry-After")
		if r.URL.Path == "" { // the bare endpoint, after StripPrefix
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		mux.ServeHTTP(w, r)
	})
}

// options says what may be done (RFC 9725 section 4.2). A page's preflight learns no ICE servers, which have secrets
// (section 4.6); whoever asks with a token does.
func (s *Server) options(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "OPTIONS, GET, HEAD, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Accept-Post", "application/sdp")
	h.Set("Accept-Patch", fragmentType)
	if r.Header.Get("Authorization") != "" {
		if _, p := s.authorize(r); p == nil {
			s.link(h)
		}
	}
	w.WriteHeader(http.StatusOK)
}

// endpointExists answers GET, and so HEAD, by which a player finds out that an address is one to post offers to
// (WHEP section 4.2). There is nothing to get (RFC 9725 section 4.1).
func endpointExists(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusOK)
}

// look answers GET on a session: it is there.
func (s *Server) look(w http.ResponseWriter, r *http.Request) {
	if _, p := s.own(r); p != nil {
		p.write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// link names the ICE servers that a client may use (RFC 9725 section 4.6, RFC 8288).
func (s *Server) link(h http.Header) {
	for _, server := range s.cfg.ICEServers {
		value := "<" + server.URL + `>; rel="ice-server"`
		if server.Username != "" {
			value += fmt.Sprintf(`; username=%s; credential=%s; credential-type="password"`, quoted(server.Username), quoted(server.Credential))
		}
		h.Add("Link", value)
	}
}

// quoted is a quoted-string of HTTP (RFC 9110 section 5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
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
	address, now := from(r), time.Now()
	if s.failed.exhausted(address, now) {
		return credentials{}, tooMany(1)
	}
	who, p := s.verify(raw)
	if p != nil {
		s.failed.allow(address, now)
	}
	return who, p
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
	if p := s.busy(); p != nil {
		return p
	}
	if !s.joins.allow(who.StageID+"/"+who.ParticipantID, time.Now()) {
		return tooMany(1)
	}
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
	if errors.Is(err, errBehind) {
		return overloaded("the machine serves as many as it can; come back in a moment", 3)
	}
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
			h.Set("ETag", n.etag)
			s.link(h)
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
	// Nobody else knows the session yet.
	n.offered, n.remoteUfrag, n.candidates = checked.sdp, checked.ufrag, checked.candidates
	return answer, nil
}

// remove ends a session (RFC 9725 section 4.2). Whatever If-Match says: it is the session that is meant, not one of
// its ICE sessions.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	n, p := s.own(r)
	if p != nil {
		p.write(w)
		return
	}
	s.end(n, "", "deleted by its client")
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
