package ivsrealtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// maxBody bounds a request; the largest sensible one, CreateStage with 12 tokens, has 15 KiB.
const maxBody = 64 << 10

// operation answers one API operation; body is its JSON input.
type operation func(*Service, []byte) (any, error)

// operations of the API (IVS Real-Time Streaming API Reference): each is POST /<name>.
var operations = map[string]operation{
	"CreateStage":            handle((*Service).createStage),
	"GetStage":               handle((*Service).getStage),
	"UpdateStage":            handle((*Service).updateStage),
	"ListStages":             handle((*Service).listStages),
	"DeleteStage":            handle((*Service).deleteStage),
	"CreateParticipantToken": handle((*Service).createParticipantToken),
	"DisconnectParticipant":  handle((*Service).disconnectParticipant),
	"ListStageSessions":      handle((*Service).listStageSessions),
	"GetStageSession":        handle((*Service).getStageSession),
	"ListParticipants":       handle((*Service).listParticipants),
	"GetParticipant":         handle((*Service).getParticipant),
	"ListParticipantEvents":  handle((*Service).listParticipantEvents),
}

// handle puts decoding before an operation. Unknown members are ignored, as the service does.
func handle[In, Out any](run func(*Service, In) (Out, error)) operation {
	return func(s *Service, body []byte) (any, error) {
		var in In
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, &in); err != nil {
				return nil, invalid("the body is not the JSON of this operation")
			}
		}
		return run(s, in)
	}
}

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	for name, run := range operations {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				writeError(w, invalid("the body did not arrive completely, or is larger than 64 KiB"))
				return
			}
			out, err := run(s, body)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, out)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &apiError{http.StatusNotFound, "UnknownOperationException", "no such operation here"})
	})
	return mux
}

// apiError is an error of the service, as its clients know it.
type apiError struct {
	status  int
	kind    string
	message string
}

func (e *apiError) Error() string { return e.kind + ": " + e.message }

func invalid(message string) error {
	return &apiError{http.StatusBadRequest, "ValidationException", message}
}

func notFound(what string) error {
	return &apiError{http.StatusNotFound, "ResourceNotFoundException", what + " does not exist"}
}

func quota(message string) error {
	return &apiError{http.StatusPaymentRequired, "ServiceQuotaExceededException", message}
}

// writeError answers in the service's form. It names its message exceptionMessage, which generic clients (the
// AWS CLI among them) do not show: they look for message, so both are sent.
func writeError(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{http.StatusInternalServerError, "InternalServerException", "something went wrong here"}
	}
	w.Header().Set("X-Amzn-ErrorType", e.kind)
	writeJSON(w, e.status, map[string]string{"exceptionMessage": e.message, "message": e.message})
}

func writeJSON(w http.ResponseWriter, status int, out any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the client is gone: nobody left to tell
}
