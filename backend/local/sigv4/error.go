package sigv4

import "net/http"

// Error codes of a refused request, as the AWS services spell them (AWS
// "Common Errors" page of each API reference).
const (
	CodeMissingToken        = "MissingAuthenticationTokenException"
	CodeIncompleteSignature = "IncompleteSignatureException"
	CodeUnknownKey          = "UnrecognizedClientException"
	CodeInvalidSignature    = "InvalidSignatureException"
	CodeTooLarge            = "RequestEntityTooLargeException"
	CodeUnreadable          = "SerializationException"
)

// Error says why a request was refused, in the words of the services.
type Error struct {
	Code    string // one of the Code constants
	Message string // a sentence for the person who reads the client's error
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Status returns the HTTP status that goes with one of the Code constants.
func Status(code string) int {
	switch code {
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnreadable:
		return http.StatusBadRequest
	default:
		return http.StatusForbidden
	}
}

func refuse(code, message string) error { return &Error{Code: code, Message: message} }
