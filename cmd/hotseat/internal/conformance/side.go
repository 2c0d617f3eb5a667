package conformance

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/pion/webrtc/v4"
)

// side is one half of an examination: publishing or receiving.
type side struct {
	*runner
	spec
	endpoint, token string
	quiet           bool // open notes nothing: it was examined before

	peer     *peer
	offered  string
	answered string
	location string // absolute
	etag     string
	watcher  *side // receives what this one publishes
}

func (s *side) post(ctx context.Context, offer string) (reply, error) {
	return s.send(ctx, request{method: http.MethodPost, url: s.endpoint, token: s.token, contentType: typeSDP, body: offer})
}

func (s *side) note(clause string, level Level, rule string, verdict Verdict, evidence string) {
	if !s.quiet {
		s.runner.note(clause, level, s.name+": "+rule, verdict, evidence)
	}
}

func (s *side) judge(clause string, level Level, rule string, ok bool, evidence string) {
	if !s.quiet {
		s.runner.judge(clause, level, s.name+": "+rule, ok, evidence)
	}
}

// unanswered notes a clause for which no answer came.
func (s *side) unanswered(clause string, level Level, rule string, err error) {
	s.note(clause, level, rule, Fail, "no answer: "+err.Error())
}

// examineEndpoint looks at what the address says of itself before anybody posts.
func (s *side) examineEndpoint(ctx context.Context) {
	const rule = "OPTIONS answers a page's preflight (CORS) without a token"
	preflight, err := s.send(ctx, request{method: http.MethodOptions, url: s.endpoint, header: map[string]string{
		"Origin": "https://page.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
	}})
	if err != nil {
		s.unanswered(s.end, Must, rule, err)
	} else {
		h := preflight.header
		origin, methods, headers := h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Methods"), strings.ToLower(h.Get("Access-Control-Allow-Headers"))
		s.judge(s.end, Must, rule, preflight.ok() && origin != "" && (methods == "" || methods == "*" || strings.Contains(methods, "POST")) &&
			strings.Contains(headers, "authorization") && (strings.Contains(headers, "content-type") || strings.Contains(headers, "*")),
			fmt.Sprintf("%s, origin %q, methods %q, headers %q", preflight, origin, methods, headers))
		s.judge(s.iceServers, Should, "a preflight tells no STUN or TURN servers", !strings.Contains(strings.Join(h.Values("Link"), ","), "ice-server"),
			fmt.Sprintf("%d Link headers", len(h.Values("Link"))))
	}
	if plain, err := s.send(ctx, request{method: http.MethodOptions, url: s.endpoint}); err != nil {
		s.unanswered(s.end, Should, "OPTIONS names application/sdp in Accept-Post", err)
	} else {
		s.judge(s.end, Should, "OPTIONS names application/sdp in Accept-Post", plain.ok() && strings.Contains(plain.header.Get("Accept-Post"), typeSDP),
			fmt.Sprintf("%s, Accept-Post %q", plain, plain.header.Get("Accept-Post")))
	}
	s.examineGet(ctx, "GET on the endpoint is 2xx without content", s.endpoint)
	if s.discoverability != "" {
		head, err := s.send(ctx, request{method: http.MethodHead, url: s.endpoint, token: s.token})
		if err != nil {
			s.unanswered(s.discoverability, Should, "HEAD is 200 with Content-Type application/sdp", err)
			return
		}
		s.judge(s.discoverability, Should, "HEAD is 200 with Content-Type application/sdp", head.status == http.StatusOK && head.mediaType() == typeSDP,
			fmt.Sprintf("%s, Content-Type %q", head, head.header.Get("Content-Type")))
	}
}

func (s *side) examineGet(ctx context.Context, rule, address string) {
	get, err := s.send(ctx, request{method: http.MethodGet, url: address, token: s.token})
	if err != nil {
		s.unanswered(s.http, Must, rule, err)
		return
	}
	s.judge(s.http, Must, rule, get.ok() && get.body == "", fmt.Sprintf("%s with %d bytes", get, len(get.body)))
}

// examineRefusals posts what must not open a session, and what may.
func (s *side) examineRefusals(ctx context.Context) {
	good, err := s.sample(ctx, s.direction)
	if err != nil {
		s.note(s.setup, Must, "an offer can be made", Skipped, err.Error())
		return
	}
	s.refuses(ctx, s.malformed, Must, "another Content-Type is refused with 4xx",
		request{token: s.token, contentType: "text/plain", body: good}, reply.refused)
	s.refuses(ctx, s.malformed, Must, "a body that is no SDP is refused with 4xx",
		request{token: s.token, contentType: typeSDP, body: "this is no session description"}, reply.refused)
	s.refuses(ctx, s.malformed, Must, "an offer cut short is refused with 4xx",
		request{token: s.token, contentType: typeSDP, body: good[:len(good)/3]}, reply.refused)
	s.examineTokens(ctx, good)
	if opposite, err := s.sample(ctx, s.direction.Revers()); err == nil {
		s.refuses(ctx, s.directions, Should, "an offer in the other direction ("+s.answer+") is refused with 4xx",
			request{token: s.token, contentType: typeSDP, body: opposite}, reply.refused)
	}
	s.refuses(ctx, s.directions, Should, "an inactive offer is refused with 4xx",
		request{token: s.token, contentType: typeSDP, body: strings.ReplaceAll(good, "a="+s.offer, "a=inactive")}, reply.refused)
	binding := Must
	if s.name == whepSpec.name {
		binding = Should // there it is the player that is bound
	}
	s.refuses(ctx, s.single, binding, "a second video track is taken, or refused with 400 or 422",
		request{token: s.token, contentType: typeSDP, body: twoVideos(good)},
		func(a reply) bool { return a.status == 400 || a.status == 422 || a.status == 201 && !partial(a.body) })
	if s.wholeOrNothing != "" {
		s.refuses(ctx, s.wholeOrNothing, Should, "one unknown codec refuses the whole offer, with 400 or 422",
			request{token: s.token, contentType: typeSDP, body: unknownVideo(good)}, func(a reply) bool { return a.status == 400 || a.status == 422 })
	}
	if s.setupActive != "" {
		s.refuses(ctx, s.setupActive, Should, "setup:active is taken, or refused with 400 or 422",
			request{token: s.token, contentType: typeSDP, body: strings.ReplaceAll(good, "a=setup:actpass", "a=setup:active")},
			func(a reply) bool {
				return a.status == 400 || a.status == 422 || a.status == 201 && strings.Contains(a.body, "a=setup:passive")
			})
	}
	s.examineAddresses(ctx, good)
}

// refuses posts a request and judges the answer. A session that was opened is removed.
func (s *side) refuses(ctx context.Context, clause string, level Level, rule string, q request, good func(reply) bool) {
	q.method, q.url = http.MethodPost, s.endpoint
	a, err := s.send(ctx, q)
	if err != nil {
		s.unanswered(clause, level, rule, err)
		return
	}
	s.remove(ctx, a)
	if a.status == http.StatusNotFound {
		s.note(clause, level, rule, Skipped, "404: the server knows no broadcast here")
		return
	}
	s.judge(clause, level, rule, good(a), a.String())
}

func (s *side) examineTokens(ctx context.Context, offer string) {
	if s.token == "" {
		s.note(s.bearer, Must, "without a token nobody comes in", Skipped, "no token was given: the server lets anybody in")
		return
	}
	for _, c := range []struct{ with, token string }{{"without a token", ""}, {"with a wrong token", "not-a-token"}} {
		rule := "POST " + c.with + ": 401 or 403"
		a, err := s.send(ctx, request{method: http.MethodPost, url: s.endpoint, token: c.token, contentType: typeSDP, body: offer})
		if err != nil {
			s.unanswered(s.bearer, Must, rule, err)
			continue
		}
		s.remove(ctx, a)
		if a.status == http.StatusCreated {
			s.note(s.bearer, Must, rule, NotOffered, "201 Created: anybody is let in")
			continue
		}
		s.judge(s.bearer, Must, rule, a.status == 401 || a.status == 403, a.String())
		if a.status == http.StatusUnauthorized {
			s.judge("RFC 9110 15.5.2", Must, "401 "+c.with+" says how to sign in (WWW-Authenticate)",
				a.header.Get("WWW-Authenticate") != "", fmt.Sprintf("WWW-Authenticate %q", a.header.Get("WWW-Authenticate")))
		}
	}
}

// examineAddresses opens two sessions, and looks at what tells them apart.
func (s *side) examineAddresses(ctx context.Context, offer string) {
	const rule = "session addresses cannot be guessed"
	var parts []string
	for range 2 {
		a, err := s.post(ctx, offer)
		if err != nil || a.status != http.StatusCreated {
			s.note(s.security, Should, rule, Skipped, fmt.Sprintf("no second session: %s %v", a, err))
			return
		}
		location := a.header.Get("Location")
		s.remove(ctx, a)
		parts = append(parts, location[strings.LastIndexByte(strings.TrimRight(location, "/"), '/')+1:])
	}
	s.judge(s.security, Should, rule, parts[0] != parts[1] && min(len(parts[0]), len(parts[1])) >= 20 && differ(parts[0], parts[1]) >= 10,
		fmt.Sprintf("%d characters, of which %d differ between two sessions", len(parts[0]), differ(parts[0], parts[1])))
}

// examineHammer posts what is no offer as fast as it can, until it is told to stop.
func (s *side) examineHammer(ctx context.Context) {
	const rule, most = "one that hammers is told to wait (429 or 503, Retry-After)", 100
	address := s.endpoint
	for n := range most {
		a, err := s.once(ctx, request{method: http.MethodPost, token: s.token, contentType: typeSDP, body: "this is no session description"}, address)
		if err != nil {
			s.unanswered(s.security, Should, rule, err)
			return
		}
		if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
			wait := a.header.Get("Retry-After")
			s.judge(s.security, Should, rule, wait != "", fmt.Sprintf("%s after %d requests, Retry-After %q", a, n, wait))
			return
		}
		if next, err := resolve(address, a.header.Get("Location")); err == nil {
			address = next // where the sessions are made
		}
	}
	s.judge(s.security, Should, rule, false, fmt.Sprintf("%d requests were answered at once", most))
}

func differ(a, b string) int {
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// remove deletes the session of an answer, if there is one.
func (s *side) remove(ctx context.Context, a reply) {
	if a.status != http.StatusCreated {
		return
	}
	if location, err := resolve(a.url, a.header.Get("Location")); err == nil {
		_, _ = s.send(ctx, request{method: http.MethodDelete, url: location, token: s.token}) // judged elsewhere
	}
}

// sample is an offer of a connection that is never made.
func (s *side) sample(ctx context.Context, direction webrtc.RTPTransceiverDirection) (string, error) {
	p, err := newPeer(direction, s.mark)
	if err != nil {
		return "", err
	}
	defer p.end()
	return p.offer(ctx, nil)
}
