package conformance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// open makes a session and looks at the answer.
func (s *side) open(ctx context.Context) error {
	p, err := newPeer(s.direction, s.mark)
	if err != nil {
		return err
	}
	s.peer = p
	if s.offered, err = p.offer(ctx, nil); err != nil {
		return err
	}
	// A broadcast that has just begun may not be there yet for those who receive.
	var a reply
	poll(ctx, connectTime, func() bool {
		a, err = s.post(ctx, s.offered)
		if a.status == http.StatusNotFound {
			time.Sleep(200 * time.Millisecond)
		}
		return a.status != http.StatusNotFound
	})
	if err != nil {
		return err
	}
	s.examineAnswer(a)
	if a.status != http.StatusCreated {
		return fmt.Errorf("the offer was answered with %s: %.200s", a, a.body)
	}
	s.answered, s.etag = a.body, a.header.Get("ETag")
	if s.location, err = resolve(a.url, a.header.Get("Location")); err != nil {
		return err
	}
	if err := p.accept(ctx, s.answered); err != nil {
		return err
	}
	return nil
}

// close ends a session whatever became of it.
func (s *side) close(ctx context.Context) {
	if s.peer == nil {
		return
	}
	if s.location != "" {
		_, _ = s.send(ctx, request{method: http.MethodDelete, url: s.location, token: s.token}) // it may be gone already
		s.location = ""
	}
	s.peer.end()
	s.peer = nil
}

func (s *side) examineAnswer(a reply) {
	s.judge(s.setup, Must, "an offer is answered with 201", a.status == http.StatusCreated, a.String())
	if a.status != http.StatusCreated {
		return
	}
	s.judge(s.setup, Must, "the answer is application/sdp", a.mediaType() == typeSDP, fmt.Sprintf("Content-Type %q", a.header.Get("Content-Type")))
	s.judge(s.setup, Must, "Location names the session", a.header.Get("Location") != "", "Location "+shape(a.header.Get("Location")))
	switch etag := a.header.Get("ETag"); {
	case etag == "":
		s.note(s.patch, Must, "201 has a strong ETag, where ICE can be restarted", NotOffered, "no ETag")
	default:
		s.judge(s.patch, Must, "201 has a strong ETag, where ICE can be restarted", strong(etag), "ETag "+shape(etag))
	}
	s.examineLinks(a)
	switch {
	case len(a.moved) == 0:
		s.note(s.redirect, Must, "redirections of POST are 307, never 301 or 302", NotOffered, "the address answers itself")
	default:
		good := true
		for _, status := range a.moved {
			good = good && (status == 307 || status == 308)
		}
		s.judge(s.redirect, Must, "redirections of POST are 307, never 301 or 302", good, fmt.Sprint(a.moved))
	}
	s.examineOverload(a)
	s.examineDescription(a.body)
}

func (s *side) examineOverload(a reply) {
	for _, status := range a.waited {
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			s.note(s.redirect, May, "overload is 503 with Retry-After", Pass, fmt.Sprintf("seen: %v", a.waited))
			return
		}
	}
	s.note(s.redirect, May, "overload is 503 with Retry-After", Skipped, "the server was not overloaded")
}

// examineLinks looks at STUN and TURN servers that are handed out.
func (s *side) examineLinks(a reply) {
	const rule = "Link hands out ICE servers"
	servers := 0
	for _, value := range a.header.Values("Link") {
		for link := range strings.SplitSeq(value, ", <") {
			if !strings.Contains(link, "ice-server") {
				continue
			}
			servers++
			target, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
			known := strings.HasPrefix(target, "stun:") || strings.HasPrefix(target, "stuns:")
			turn := strings.HasPrefix(target, "turn:") || strings.HasPrefix(target, "turns:")
			if !known && !(turn && strings.Contains(link, "username=") && strings.Contains(link, "credential=")) {
				s.note(s.iceServers, May, rule, Fail, "not the form of the section: "+target)
				return
			}
		}
	}
	if servers == 0 {
		s.note(s.iceServers, May, rule, NotOffered, "no Link with rel=ice-server")
		return
	}
	s.note(s.iceServers, May, rule, Pass, fmt.Sprintf("%d servers", servers))
}

// strong reports whether an entity tag is one (RFC 9110 section 8.8.3).
func strong(etag string) bool {
	return len(etag) >= 3 && strings.HasPrefix(etag, `"`) && strings.HasSuffix(etag, `"`)
}

// shape shows the form of a secret, without the secret.
func shape(s string) string {
	const shown = 12
	if len(s) <= shown {
		return s
	}
	return fmt.Sprintf("%s… (%d characters)", s[:shown], len(s))
}

// examineSession looks at a running session: its address, trickle ICE and ICE restarts.
func (s *side) examineSession(ctx context.Context) {
	s.examineGet(ctx, "GET on a session is 2xx without content", s.location)
	current := readFragment(s.offered)
	if s.token != "" {
		s.patches(ctx, s.bearer, Must, "PATCH without a token: 401 or 403", request{contentType: typeFragment, body: current.String()},
			func(a reply) bool { return a.status == 401 || a.status == 403 })
	}
	s.patches(ctx, s.patch, Must, "PATCH with another Content-Type is refused with 4xx",
		request{token: s.token, contentType: "text/plain", body: current.String()}, reply.refused)
	s.patches(ctx, s.patch, Must, "PATCH with what is no fragment is refused with 4xx",
		request{token: s.token, contentType: typeFragment, body: "v=what"}, reply.refused)
	s.examineTrickle(ctx, current)
	s.examineRestart(ctx)
}

func (s *side) patches(ctx context.Context, clause string, level Level, rule string, q request, good func(reply) bool) reply {
	q.method, q.url = http.MethodPatch, s.location
	a, err := s.send(ctx, q)
	if err != nil {
		s.unanswered(clause, level, rule, err)
		return a
	}
	s.judge(clause, level, rule, good(a), a.String())
	return a
}

func (s *side) ifMatch(value string) map[string]string {
	if value == "" {
		return nil
	}
	return map[string]string{"If-Match": value}
}

func (s *side) examineTrickle(ctx context.Context, current fragment) {
	const rule = "a PATCH with candidates is 204 without content and ETag"
	// Addresses for documentation (RFC 5737): nobody answers there.
	current.candidates = []string{"1 1 udp 2130706431 192.0.2.1 40000 typ host"}
	a, err := s.send(ctx, request{method: http.MethodPatch, url: s.location, token: s.token, contentType: typeFragment, body: current.String(), header: s.ifMatch(s.etag)})
	switch {
	case err != nil:
		s.unanswered(s.trickle, Must, rule, err)
		return
	case a.refused() || a.status == http.StatusNotImplemented:
		s.note(s.trickle, May, rule, NotOffered, a.String())
		return
	}
	s.judge(s.trickle, Must, rule, a.status == http.StatusNoContent && a.header.Get("ETag") == "" && a.body == "",
		fmt.Sprintf("%s, ETag %q, %d bytes", a, a.header.Get("ETag"), len(a.body)))
	strange := current
	strange.candidates = []string{
		"2 1 sctp 2130706431 192.0.2.1 40000 typ host", "3 1 udp 2130706431 nobody.invalid 40000 typ host",
		"4 1 udp 2130706431 192.0.2.2 40001 typ host",
	}
	s.patches(ctx, s.trickle, Must, "candidates that cannot be used are passed over in silence",
		request{token: s.token, contentType: typeFragment, body: strange.String(), header: s.ifMatch(s.etag)}, func(a reply) bool { return a.status == http.StatusNoContent })
	if s.etag == "" {
		s.note(s.patch, Must, "PATCH without If-Match: 428; with an old one: 412", Skipped, "there are no entity tags")
		return
	}
	s.patches(ctx, s.patch, Must, "PATCH without If-Match: 428", request{token: s.token, contentType: typeFragment, body: current.String()},
		func(a reply) bool { return a.status == http.StatusPreconditionRequired })
	s.patches(ctx, s.patch, Must, "PATCH with another session's If-Match: 412",
		request{token: s.token, contentType: typeFragment, body: current.String(), header: s.ifMatch(`"another"`)},
		func(a reply) bool { return a.status == http.StatusPreconditionFailed })
}

// mediaFlows reports whether what this side publishes or receives still arrives.
func (s *side) mediaFlows(ctx context.Context) (bool, string) {
	receiver := s
	if s.direction == webrtc.RTPTransceiverDirectionSendonly {
		receiver = s.watcher
	}
	if receiver == nil {
		up := poll(ctx, connectTime, func() bool { return s.peer.ConnectionState() == webrtc.PeerConnectionStateConnected })
		return up, "connection " + s.peer.ConnectionState().String() + "; nobody receives"
	}
	began := time.Now()
	flows := receiver.peer.awaitMedia(ctx, 15, connectTime)
	return flows, fmt.Sprintf("15 frames within %.1f s: %t", time.Since(began).Seconds(), flows)
}

func (s *side) examineRestart(ctx context.Context) {
	const rule = "ICE restarts: 200, a fragment, a new ETag"
	restarted, err := s.peer.offer(ctx, &webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		s.note(s.restart, May, rule, Skipped, err.Error())
		return
	}
	a, err := s.send(ctx, request{method: http.MethodPatch, url: s.location, token: s.token, contentType: typeFragment, body: readFragment(restarted).String(), header: s.ifMatch("*")})
	if err != nil {
		s.unanswered(s.restart, Must, rule, err)
		s.reopen(ctx)
		return
	}
	if a.refused() || a.status == http.StatusNotImplemented || a.status == http.StatusNoContent {
		verdict, evidence := NotOffered, a.String()
		if a.status == http.StatusNoContent {
			verdict, evidence = Fail, "204, as if it were trickle: the new credentials were lost"
		}
		s.note(s.restart, May, rule, verdict, evidence)
		s.reopen(ctx)
		return
	}
	fresh, before := readFragment(a.body), readFragment(s.answered)
	etag := a.header.Get("ETag")
	s.judge(s.restart, Must, rule, a.status == http.StatusOK && a.mediaType() == typeFragment && strong(etag) && etag != s.etag,
		fmt.Sprintf("%s, %s, ETag %s", a, a.mediaType(), shape(etag)))
	s.judge(s.restart, Must, "the fragment has a new ufrag and a new password", fresh.ufrag != "" && fresh.pwd != "" && fresh.ufrag != before.ufrag && fresh.pwd != before.pwd,
		fmt.Sprintf("ufrag new: %t, password new: %t, %d candidates", fresh.ufrag != before.ufrag, fresh.pwd != before.pwd, len(fresh.candidates)))
	old := s.etag
	answer, err := replaceICE(s.answered, fresh)
	if err == nil {
		err = s.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	}
	if err != nil {
		s.note(s.restart, Must, "media goes on after the restart", Fail, err.Error())
		s.reopen(ctx)
		return
	}
	s.answered, s.etag, s.offered = answer, etag, restarted
	flows, evidence := s.mediaFlows(ctx)
	s.judge(s.restart, Must, "media goes on after the restart", flows, evidence)
	if old != "" {
		s.patches(ctx, s.patch, Must, "the ETag before the restart: 412",
			request{token: s.token, contentType: typeFragment, body: readFragment(restarted).String(), header: s.ifMatch(old)},
			func(a reply) bool { return a.status == http.StatusPreconditionFailed })
	}
	s.examineBrokenRestart(ctx)
}

// examineBrokenRestart asks for a restart with a password that RFC 8839 section 5.4 does not allow: it has at
// least 22 characters.
func (s *side) examineBrokenRestart(ctx context.Context) {
	const rule = "a restart that cannot be done is refused, and the session goes on"
	broken := readFragment(s.offered)
	broken.ufrag, broken.pwd = "new1", "short"
	a, err := s.send(ctx, request{method: http.MethodPatch, url: s.location, token: s.token, contentType: typeFragment, body: broken.String(), header: s.ifMatch("*")})
	if err != nil {
		s.unanswered(s.restart, Must, rule, err)
		return
	}
	flows, evidence := s.mediaFlows(ctx)
	s.judge(s.restart, Must, rule, a.refused() && flows, "a password of 5 characters: "+a.String()+"; "+evidence)
	if !flows {
		s.reopen(ctx)
	}
}

// reopen makes a session again whose connection was given up by a restart that the server does not do.
func (s *side) reopen(ctx context.Context) {
	s.close(ctx)
	quiet := s.quiet
	s.quiet = true
	defer func() { s.quiet = quiet }()
	if err := s.open(ctx); err != nil {
		s.close(ctx)
		s.runner.note("-", Must, s.name+": a session can be made again", Fail, err.Error())
		return
	}
	// Some servers put those who receive out with the one who publishes.
	if s.watcher != nil {
		s.watcher.reopen(ctx)
	}
}

// examineMedia watches the broadcast arrive.
func (r *runner) examineMedia(ctx context.Context, whep *side) {
	began := time.Now()
	flows := whep.peer.awaitMedia(ctx, 30, connectTime)
	r.judge(whep.setup, Must, "media that WHIP sends is received by WHEP", flows,
		fmt.Sprintf("%d packets, %d with the broadcast's mark, in %.1f s", whep.peer.heard.Load(), whep.peer.marked.Load(), time.Since(began).Seconds()))
}

// examineEnd removes the session. watcher receives its media; nil: nobody does.
func (s *side) examineEnd(ctx context.Context, watcher *peer) {
	if s.peer == nil || s.location == "" {
		s.note(s.end, Must, "DELETE ends the session", Skipped, "the session was lost before")
		return
	}
	if s.token != "" {
		a, err := s.send(ctx, request{method: http.MethodDelete, url: s.location})
		if err != nil {
			s.unanswered(s.bearer, Must, "DELETE without a token: 401 or 403", err)
		} else {
			s.judge(s.bearer, Must, "DELETE without a token: 401 or 403", a.status == 401 || a.status == 403, a.String())
		}
	}
	rule := "DELETE ends the session, whatever its If-Match says"
	q := request{method: http.MethodDelete, url: s.location, token: s.token, header: s.ifMatch(`"another"`)}
	deleted := time.Now()
	first, err := s.send(ctx, q)
	if err != nil {
		s.unanswered(s.end, Must, rule, err)
		return
	}
	s.judge(s.end, Must, rule, first.ok(), first.String())
	if second, err := s.send(ctx, q); err != nil {
		s.unanswered(s.end, Should, "a second DELETE finds nothing: 404", err)
	} else {
		s.judge(s.end, Should, "a second DELETE finds nothing: 404", second.status == http.StatusNotFound, second.String())
	}
	down := poll(ctx, stopTime, func() bool {
		select {
		case <-s.peer.down:
			return true
		default:
			return false
		}
	})
	s.judge(s.end, Must, "DELETE revokes consent at once (RFC 7675 5.2)", down,
		fmt.Sprintf("connection %s after %.1f s", s.peer.ConnectionState(), time.Since(deleted).Seconds()))
	if watcher == nil {
		s.note(s.end, Must, "media stops with DELETE", Skipped, "nobody receives")
		return
	}
	last, quiet := watcher.awaitSilence(ctx, stopTime)
	s.judge(s.end, Must, "media stops with DELETE", quiet, fmt.Sprintf("last packet %d ms after it", max(0, last.Sub(deleted).Milliseconds())))
}
