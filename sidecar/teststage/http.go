package teststage

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

func (s *Stage) serveGlobal(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	left, node := s.redirects, s.node.URL
	s.mu.Unlock()
	hop, _ := strconv.Atoi(r.URL.Query().Get("hop"))
	if hop+1 < left {
		w.Header().Set("Location", "/?hop="+strconv.Itoa(hop+1)) // relative, on purpose
	} else {
		w.Header().Set("Location", node+"/publish")
	}
	// All that RFC 9725 clients meet, one after the other.
	w.WriteHeader([]int{http.StatusTemporaryRedirect, http.StatusFound, http.StatusPermanentRedirect, http.StatusMovedPermanently, http.StatusSeeOther}[hop%5])
}

func (s *Stage) serveNode(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	refusal, token := s.refusal, s.token
	s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "token missing", http.StatusUnauthorized)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		s.deletes++
		current := r.URL.Path == fmt.Sprintf("/resource/%d", s.resource)
		s.mu.Unlock()
		if current { // a late goodbye to an old session must not end the new one
			s.Vanish()
		}
		s.Deleted <- struct{}{}
	case r.Method == http.MethodPatch:
		s.patch(w, r, string(body))
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/sdp":
		http.Error(w, "not an offer", http.StatusUnsupportedMediaType)
	default:
		s.mu.Lock()
		s.posts++
		s.offers = append(s.offers, string(body))
		s.mu.Unlock()
		if refusal.Status != 0 {
			for name, value := range refusal.Header {
				w.Header().Set(name, value)
			}
			http.Error(w, refusal.Body, refusal.Status)
			return
		}
		s.created(w, string(body))
	}
}

func (s *Stage) created(w http.ResponseWriter, offer string) {
	answer, err := s.answer(offer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.resource++
	location := fmt.Sprintf("/resource/%d", s.resource)
	s.mu.Unlock()
	if s.options.Trickle {
		answer = strings.Replace(answer, "a=ice-ufrag:", "a=ice-options:trickle ice2\r\na=ice-ufrag:", 1)
	}
	if s.options.FirstOnly {
		answer = firstSectionOnly(answer)
	}
	h := w.Header()
	h.Set("Content-Type", "application/sdp")
	h.Set("Location", location)
	for _, link := range s.options.Links {
		h.Add("Link", link)
	}
	if s.options.Restarts {
		h.Set("ETag", s.nextTag())
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

func (s *Stage) nextTag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tag++
	return fmt.Sprintf(`"tag-%d"`, s.tag)
}

// firstSectionOnly drops candidates of all sections but the first.
func firstSectionOnly(sdp string) string {
	var b strings.Builder
	sections := 0
	for l := range strings.Lines(sdp) {
		if strings.HasPrefix(l, "m=") {
			sections++
		}
		if sections > 1 && (strings.HasPrefix(l, "a=candidate") || strings.HasPrefix(l, "a=end-of-candidates")) {
			continue
		}
		b.WriteString(l)
	}
	return b.String()
}

// patch takes candidates or restarts ICE (RFC 9725 sections 4.3.2 and 4.3.3).
func (s *Stage) patch(w http.ResponseWriter, r *http.Request, body string) {
	p := Patch{r.Header.Get("Content-Type"), r.Header.Get("If-Match"), body}
	select {
	case s.Patches <- p:
	default:
	}
	switch {
	case p.ContentType != "application/trickle-ice-sdpfrag":
		http.Error(w, "not a fragment", http.StatusUnsupportedMediaType)
	case p.IfMatch == "*" && s.options.Restarts:
		frag, err := s.restart(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", p.ContentType)
		w.Header().Set("ETag", s.nextTag())
		_, _ = io.WriteString(w, frag)
	case p.IfMatch != "*" && s.options.Trickle:
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "not here", http.StatusUnprocessableEntity)
	}
}
