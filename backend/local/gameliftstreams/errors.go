package gameliftstreams

import (
	"encoding/json"
	"errors"
	"net/http"
)

// apiError is an error of the API: its name, HTTP status and a message for people.
type apiError struct {
	name    string
	status  int
	message string
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

// The errors of the API reference that can occur here.
func invalid(message string) error {
	return &apiError{"ValidationException", http.StatusBadRequest, message}
}
func notFound(message string) error {
	return &apiError{"ResourceNotFoundException", http.StatusNotFound, message}
}
func conflict(message string) error {
	return &apiError{"ConflictException", http.StatusConflict, message}
}
func quotaExceeded(message string) error {
	return &apiError{"ServiceQuotaExceededException", http.StatusPaymentRequired, message}
}
func internalError(message string) error {
	return &apiError{"InternalServerException", http.StatusInternalServerError, message}
}
func accessDenied(message string) error {
	return &apiError{"AccessDeniedException", http.StatusForbidden, message}
}

// WriteError answers a request with an error in the form of the API: name in the
// header x-amzn-ErrorType, message in the body (AWS restJson1 protocol). It is
// exported for the check of signatures in front of the handler.
func WriteError(w http.ResponseWriter, status int, name, message string) {
	w.Header().Set("x-amzn-ErrorType", name)
	writeJSON(w, status, map[string]string{"Message": message})
}

func writeFailure(w http.ResponseWriter, err error) {
	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{"InternalServerException", http.StatusInternalServerError, "the request could not be carried out"}
	}
	WriteError(w, known.status, known.name, known.message)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // fails only when the caller has left
}
