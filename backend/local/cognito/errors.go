package cognito

import (
	"fmt"
	"net/http"
)

// apiError is a refusal in the shape of the service.
type apiError struct {
	status  int
	name    string // the exception's name, __type on the wire
	message string
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

// badRequest makes a refusal with status 400, which the service uses for all
// its modelled errors but InternalErrorException.
func badRequest(name, format string, args ...any) error {
	return &apiError{status: http.StatusBadRequest, name: name, message: fmt.Sprintf(format, args...)}
}

// Refusals, spelled as the service spells them: clients compare both parts.
var (
	// The same for an unknown user and a wrong password (the app client setting
	// PreventUserExistenceErrors).
	errWrongPassword = badRequest("NotAuthorizedException", "Incorrect username or password.")

	errRefreshToken       = badRequest("NotAuthorizedException", "Invalid Refresh Token")
	errRefreshExpired     = badRequest("NotAuthorizedException", "Refresh Token has expired")
	errRefreshRevoked     = badRequest("NotAuthorizedException", "Refresh Token has been revoked")
	errAccessToken        = badRequest("NotAuthorizedException", "Invalid Access Token")
	errAccessTokenExpired = badRequest("NotAuthorizedException", "Access Token has expired")
	errAccessTokenRevoked = badRequest("NotAuthorizedException", "Access Token has been revoked")
	errChallengeOver      = badRequest("NotAuthorizedException", "Invalid session for the user.")
	errTooMany            = badRequest("TooManyRequestsException", "Too many attempts. Wait a moment and try again.")
	errUnsupportedToken   = badRequest("UnsupportedTokenTypeException", "Unsupported token type. Only refresh tokens can be revoked.")

	errTooLarge = &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "The request is larger than 64 KiB."}
	errInternal = &apiError{http.StatusInternalServerError, "InternalErrorException", "Something went wrong; try again."}
)

func missingParameter(name string) error {
	return badRequest("InvalidParameterException", "Missing required parameter %s", name)
}
