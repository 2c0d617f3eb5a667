package appsync

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"hotseat/backend/events"
)

// serveHTTPPublish is POST /event. Any page may call it (CORS *), as on AWS: the
// authorization is a header that only the page itself can add.
func (s *Server) serveHTTPPublish(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers",
			"authorization, content-type, x-api-key, x-amz-date, x-amz-security-token, x-amz-user-agent, x-amz-content-sha256")
		w.Header().Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "POST, OPTIONS")
		writeErrors(w, http.StatusMethodNotAllowed, badRequest("Publish with POST"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.FrameBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeErrors(w, http.StatusRequestEntityTooLarge, badRequest("A publish request has at most %d bytes", tooLarge.Limit))
		return
	case err != nil:
		return // the client went away
	}
	var request events.PublishRequest
	if err := json.Unmarshal(body, &request); err != nil {
		writeErrors(w, http.StatusBadRequest, badRequest(`The body must be {"channel":"…","events":["<JSON>",…]}`))
		return
	}
	if !s.begin() {
		writeErrors(w, http.StatusServiceUnavailable, &EventError{Type: "ServiceUnavailableException",
			Message: "The server stops. Try again later"})
		return
	}
	defer s.running.Done()
	result, refusals := s.publish(r.Context(), s.headerAuthorization(r), body, request.Channel, request.Events)
	if refusals != nil {
		writeErrors(w, refusals[0].status(), refusals...)
		return
	}
	writeJSON(w, http.StatusOK, result)
}

// headerAuthorization makes of an HTTP request what a WebSocket operation carries as JSON.
// The host is the one that was asked for only where a signature covers it; otherwise the
// name under which the client reached us does not matter.
func (s *Server) headerAuthorization(r *http.Request) events.Authorization {
	given := make(events.Authorization, len(r.Header)+1)
	for name, values := range r.Header {
		given[strings.ToLower(name)] = strings.Join(values, ",")
	}
	given["host"] = r.Host
	if s.cfg.Host != "" && !strings.HasPrefix(r.Header.Get("Authorization"), sigV4Prefix) {
		given["host"] = s.cfg.Host
	}
	return given
}

func writeErrors(w http.ResponseWriter, status int, refusals ...*EventError) {
	writeJSON(w, status, events.ErrorBody{Errors: publishRefusal(refusals).wire()})
}

// writeJSON writes a small answer; if the client went away there is nobody to tell.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}
