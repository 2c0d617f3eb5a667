package stage

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pion/webrtc/v4"
)

// patch adds candidates to a session, or restarts its ICE (RFC 9725 section 4.3): a client whose address
// changed goes on with the same session.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
	n, p := s.own(r)
	if p == nil && !n.patches.Allow() {
		p = tooMany(1)
	}
	var f fragment
	if p == nil {
		f, p = readFragment(w, r)
	}
	if p != nil {
		p.write(w)
		return
	}
	n.ice.Lock()
	defer n.ice.Unlock()
	switch p = precondition(r.Header.Get("If-Match"), n.etag); {
	case p != nil:
		p.write(w)
	case f.ufrag == n.remoteUfrag:
		if p := n.trickle(f); p != nil {
			p.write(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		answer, err := n.restart(r.Context(), f)
		if err != nil {
			s.log.Info("an ICE restart was refused", "stage", n.token.StageID, "participant", n.token.ParticipantID, "error", err)
			refusal(http.StatusBadRequest, InvalidInput, "ICE cannot be restarted with this fragment: "+clip(err.Error())).write(w)
			return
		}
		h := w.Header()
		h.Set("Content-Type", fragmentType)
		h.Set("ETag", n.etag)
		_, _ = io.WriteString(w, answer.String()) // a client that is gone is noticed by its silence
	}
}

// trickle gives the connection more addresses of its peer. What cannot be used is passed over in silence (RFC 9725
// section 4.3.2). n.ice is held.
func (n *session) trickle(f fragment) *problem {
	if n.candidates += len(f.candidates); n.candidates > maxCandidates {
		return refusal(http.StatusBadRequest, InvalidInput, fmt.Sprintf("the session has been given more than %d candidates", maxCandidates))
	}
	for _, c := range f.candidates {
		if err := n.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c}); err != nil {
			n.server.log.Debug("a candidate cannot be used", "error", err)
		}
	}
	return nil
}

// restart replaces the ICE session, and leaves everything else as it was. If it fails before that, the session goes
// on as it is. n.ice is held.
func (n *session) restart(ctx context.Context, f fragment) (fragment, error) {
	offer, err := restartOffer(n.offered, f)
	if err != nil {
		return fragment{}, err
	}
	if _, p := checkOffer(offer, n.want); p != nil {
		return fragment{}, fmt.Errorf("%s", p.Detail)
	}
	answer, err := negotiate(ctx, n.pc, offer)
	if err != nil {
		return fragment{}, err
	}
	fresh, err := parseFragment(answer)
	if err != nil {
		return fragment{}, fmt.Errorf("reading our own answer: %w", err)
	}
	n.etag, n.remoteUfrag, n.candidates = newETag(), f.ufrag, len(f.candidates)
	n.server.log.Info("ICE restarted", "stage", n.token.StageID, "participant", n.token.ParticipantID, "publish", n.want == publishing)
	return fresh, nil
}

// own finds the session that a request is about, if it belongs to the token that comes with it. Its address is
// unguessable, and still only its own token may use it.
func (s *Server) own(r *http.Request) (*session, *problem) {
	who, p := s.authorize(r)
	if p != nil {
		return nil, p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.sessions[r.PathValue("session")]
	if n == nil || n.token.StageID != who.StageID || n.token.ParticipantID != who.ParticipantID {
		return nil, refusal(http.StatusNotFound, "", "this token has no such session; it may have ended")
	}
	return n, nil
}

// withMuxOnly says in an answer what the server does anyway: it never takes RTCP on a port of its own. RFC 9725
// section 4.4.1 wants that said in every section, and pion says only rtcp-mux.
func withMuxOnly(answer string) string {
	return strings.ReplaceAll(answer, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
}
