package cognito

import (
	"math/big"
	"regexp"
	"time"
)

// Bounds of what signs in, from the API reference (UsernameType, PasswordType).
const (
	maxUsernameBytes = 128
	maxPasswordBytes = 256
)

// initiateAuthInput is what the pool reads of the operation's input; analytics,
// context and client metadata are ignored.
type initiateAuthInput struct {
	AuthFlow       string
	ClientID       string `json:"ClientId"`
	AuthParameters map[string]string
}

// authOutput is the answer of InitiateAuth and RespondToAuthChallenge: tokens, or
// a challenge.
type authOutput struct {
	AuthenticationResult *tokenSet `json:",omitempty"`
	ChallengeName        string    `json:",omitempty"`
	ChallengeParameters  map[string]string
}

// tokenSet is AuthenticationResultType of the API reference.
type tokenSet struct {
	AccessToken  string
	IDToken      string `json:"IdToken"`
	RefreshToken string `json:",omitempty"`
	ExpiresIn    int    // seconds
	TokenType    string
}

func (s *Service) initiateAuth(c call) (any, error) {
	var in initiateAuthInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := s.checkClient(in.ClientID); err != nil {
		return nil, err
	}
	now := s.config.Now()
	if !s.limits.allowAddress(c.remote, now) {
		return nil, errTooMany
	}
	switch in.AuthFlow {
	case "USER_PASSWORD_AUTH":
		return s.signInWithPassword(in.AuthParameters, now)
	case "USER_SRP_AUTH":
		return s.startSRP(in.AuthParameters, now)
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		token := in.AuthParameters["REFRESH_TOKEN"]
		if token == "" {
			return nil, missingParameter("REFRESH_TOKEN")
		}
		return s.refresh(token, now)
	case "":
		return nil, missingParameter("AuthFlow")
	case "ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH":
		return nil, badRequest("InvalidParameterException", "Initiate Auth method not supported.")
	default:
		return nil, badRequest("InvalidParameterException", "The local user pool knows the flows USER_PASSWORD_AUTH, USER_SRP_AUTH and REFRESH_TOKEN_AUTH.")
	}
}

func (s *Service) checkClient(id string) error {
	switch {
	case id == s.config.ClientID:
		return nil
	case id == "":
		return missingParameter("ClientId")
	case !clientIDPattern.MatchString(id):
		return badRequest("InvalidParameterException", "Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+]+")
	default:
		return badRequest("ResourceNotFoundException", "User pool client %s does not exist.", id)
	}
}

// signInWithPassword tests the password against the stored verifier, as a proof
// by SRP would: a password that yields the verifier is the right one.
func (s *Service) signInWithPassword(parameters map[string]string, now time.Time) (any, error) {
	username, password := parameters["USERNAME"], parameters["PASSWORD"]
	switch {
	case username == "":
		return nil, missingParameter("USERNAME")
	case password == "":
		return nil, missingParameter("PASSWORD")
	case len(username) > maxUsernameBytes || len(password) > maxPasswordBytes:
		return nil, errWrongPassword
	}
	u := s.users.find(username) // a decoy for an unknown one: the same work, never right
	attempt, ok := s.limits.attempt(u.id, now)
	if !ok {
		return nil, errTooMany
	}
	if !u.hasPassword(s.poolName, password) || u.decoy {
		s.config.Log.Info("sign-in refused", "flow", "password")
		return nil, errWrongPassword
	}
	attempt.succeeded(now)
	return s.signedIn(u, now)
}

// srpAPattern is a positive number of at most the group's 3072 bits.
var srpAPattern = regexp.MustCompile(`^[0-9a-fA-F]{1,770}$`)

func (s *Service) startSRP(parameters map[string]string, now time.Time) (any, error) {
	username, publicA := parameters["USERNAME"], parameters["SRP_A"]
	switch {
	case username == "":
		return nil, missingParameter("USERNAME")
	case publicA == "":
		return nil, missingParameter("SRP_A")
	case len(username) > maxUsernameBytes:
		return nil, errWrongPassword
	case !srpAPattern.MatchString(publicA):
		return nil, badRequest("InvalidParameterException", "SRP_A is not a hexadecimal number of at most 3072 bits.")
	}
	a, _ := new(big.Int).SetString(publicA, 16)
	u := s.users.find(username)
	exchange, err := newExchange(u.verifier, a)
	if err != nil {
		return nil, badRequest("InvalidParameterException", "SRP_A is not a valid public value.")
	}
	block := s.pending.add(challenge{user: u, username: canonical(username), exchange: exchange, begun: now})
	return authOutput{
		ChallengeName: "PASSWORD_VERIFIER",
		ChallengeParameters: map[string]string{
			"SALT":            u.salt.Text(16),
			"SECRET_BLOCK":    block,
			"SRP_B":           exchange.publicB.Text(16),
			"USERNAME":        u.id,
			"USER_ID_FOR_SRP": u.id,
		},
	}, nil
}

// signedIn starts a session and answers with its tokens.
func (s *Service) signedIn(u *user, now time.Time) (any, error) {
	session, refreshToken := s.sessions.start(u, now)
	tokens, err := s.mint(session, now)
	if err != nil {
		return nil, err
	}
	tokens.RefreshToken = refreshToken
	s.config.Log.Info("signed in", "user", u.id)
	return authOutput{AuthenticationResult: tokens, ChallengeParameters: map[string]string{}}, nil
}
