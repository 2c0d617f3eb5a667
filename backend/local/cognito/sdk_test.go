package cognito

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"hotseat/backend/auth"
)

func TestSignInGivesTokensThatTheBackendAccepts(t *testing.T) {
	p := newPool(t)
	verifier := auth.NewVerifier(auth.Config{Issuer: p.Issuer(), ClientID: clientID, JWKSURL: p.JWKSURL(), Now: p.Now})
	for _, c := range []struct {
		email, password, name string
		role                  auth.Role
	}{
		{viewerEmail, viewerSecret, "viewer", auth.RoleViewer},
		{"LEAD@IVS.rocks", "Another-secret-1", "Night Shift", auth.RoleQALead},
	} {
		tokens, err := p.signIn(c.email, c.password)
		if err != nil {
			t.Fatal(err)
		}
		if tokens.ExpiresIn != 900 || aws.ToString(tokens.TokenType) != "Bearer" || aws.ToString(tokens.RefreshToken) == "" {
			t.Fatalf("got %d s of %q", tokens.ExpiresIn, aws.ToString(tokens.TokenType))
		}
		id, err := verifier.Verify(context.Background(), *tokens.IdToken)
		if err != nil {
			t.Fatal(err)
		}
		if id.Name != c.name || id.Role != c.role || id.TokenUse != auth.UseID || !id.Expires.Equal(noon.Add(15*time.Minute)) {
			t.Fatalf("got %+v", id)
		}
		access, err := verifier.Verify(context.Background(), *tokens.AccessToken)
		if err != nil || access.ID != id.ID || access.Role != c.role || access.TokenUse != auth.UseAccess {
			t.Fatalf("got %+v, %v", access, err)
		}
	}
}

func TestWrongPasswordAndUnknownUserLookTheSame(t *testing.T) {
	p := newPool(t)
	_, err := p.signIn(viewerEmail, viewerSecret+"x")
	wantError(t, err, "NotAuthorizedException", "Incorrect username or password.")
	_, err = p.signIn("nobody@ivs.rocks", viewerSecret)
	wantError(t, err, "NotAuthorizedException", "Incorrect username or password.")
}

func TestAPersonIsTheSameAfterARestart(t *testing.T) {
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		s, err := newWithKeys(Config{Endpoint: "http://127.0.0.1/", PoolID: poolID, ClientID: clientID}, testUsers, keys)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.users.find(viewerEmail).id)
	}
	if ids[0] != ids[1] {
		t.Fatalf("got the ids %v", ids)
	}
}

func TestGetUserReturnsTheAttributes(t *testing.T) {
	p := newPool(t)
	tokens := p.mustSignIn(t)
	user, err := p.userOf(tokens.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, a := range user.UserAttributes {
		got[*a.Name] = *a.Value
	}
	if got["email"] != viewerEmail || got["sub"] != *user.Username || got["email_verified"] != "true" {
		t.Fatalf("got %v", got)
	}

	_, err = p.userOf(tokens.IdToken)
	wantError(t, err, "NotAuthorizedException", "Invalid Access Token")
	_, err = p.userOf(aws.String("abc"))
	wantError(t, err, "NotAuthorizedException", "Invalid Access Token")
	p.Advance(15 * time.Minute)
	_, err = p.userOf(tokens.AccessToken)
	wantError(t, err, "NotAuthorizedException", "Access Token has expired")
}

func TestRefreshLastsEightHours(t *testing.T) {
	p := newPool(t)
	first := p.mustSignIn(t)

	p.Advance(8*time.Hour - time.Second)
	second, err := p.refreshWith(*first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken != nil {
		t.Fatal("a refresh gave a new refresh token")
	}
	if _, err := p.userOf(second.AccessToken); err != nil {
		t.Fatal(err)
	}
	byOtherCall, err := p.GetTokensFromRefreshToken(context.Background(), &idp.GetTokensFromRefreshTokenInput{
		ClientId: aws.String(clientID), RefreshToken: first.RefreshToken,
	})
	if err != nil || byOtherCall.AuthenticationResult.IdToken == nil {
		t.Fatalf("GetTokensFromRefreshToken: %v", err)
	}

	p.Advance(time.Second)
	_, err = p.refreshWith(*first.RefreshToken)
	wantError(t, err, "NotAuthorizedException", "Refresh Token has expired")
	_, err = p.refreshWith("invented")
	wantError(t, err, "NotAuthorizedException", "Invalid Refresh Token")
	_, err = p.refreshWith(*first.AccessToken)
	wantError(t, err, "NotAuthorizedException", "Invalid Refresh Token")
}

func TestARevokedTokenEndsItsSessionOnly(t *testing.T) {
	p := newPool(t)
	here, there := p.mustSignIn(t), p.mustSignIn(t)

	revoke := func(token *string) error {
		_, err := p.RevokeToken(context.Background(), &idp.RevokeTokenInput{ClientId: aws.String(clientID), Token: token})
		return err
	}
	wantError(t, revoke(here.AccessToken), "UnsupportedTokenTypeException", "")
	for range 2 { // the second time is no error
		if err := revoke(here.RefreshToken); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.refreshWith(*here.RefreshToken)
	wantError(t, err, "NotAuthorizedException", "Refresh Token has been revoked")
	_, err = p.userOf(here.AccessToken)
	wantError(t, err, "NotAuthorizedException", "Access Token has been revoked")
	if _, err := p.userOf(there.AccessToken); err != nil {
		t.Fatal(err)
	}
}

func TestGlobalSignOutEndsAllSessionsOfThePerson(t *testing.T) {
	p := newPool(t)
	here, there := p.mustSignIn(t), p.mustSignIn(t)
	lead, err := p.signIn("lead@ivs.rocks", "Another-secret-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.GlobalSignOut(context.Background(), &idp.GlobalSignOutInput{AccessToken: here.AccessToken}); err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []*types.AuthenticationResultType{here, there} {
		_, err := p.refreshWith(*tokens.RefreshToken)
		wantError(t, err, "NotAuthorizedException", "revoked")
		_, err = p.userOf(tokens.AccessToken)
		wantError(t, err, "NotAuthorizedException", "revoked")
	}
	if _, err := p.userOf(lead.AccessToken); err != nil {
		t.Fatal(err)
	}
}

func TestTheOldestOfTooManySessionsEnds(t *testing.T) {
	p := newPool(t)
	first := p.mustSignIn(t)
	u := p.users.find(viewerEmail)
	for range maxSessionsPerUser {
		p.sessions.start(u, p.Now())
	}
	_, err := p.refreshWith(*first.RefreshToken)
	wantError(t, err, "NotAuthorizedException", "Invalid Refresh Token")
	if n := len(p.sessions.byRefresh); n != maxSessionsPerUser || n != len(p.sessions.byOrigin) {
		t.Fatalf("%d sessions are kept", n)
	}
	p.Advance(9 * time.Hour)
	p.sessions.start(u, p.Now())
	if n := len(p.sessions.byRefresh); n != 1 {
		t.Fatalf("%d sessions are kept after all but one are over", n)
	}
}

func TestGuessingIsSlowedAndKnowingIsNot(t *testing.T) {
	p := newPool(t)
	for range 3 * attemptsBurst {
		p.mustSignIn(t) // right passwords cost no attempt
	}
	for range attemptsBurst {
		_, err := p.signIn(viewerEmail, "wrong")
		wantError(t, err, "NotAuthorizedException", "")
	}
	_, err := p.signIn(viewerEmail, "wrong")
	wantError(t, err, "TooManyRequestsException", "")
	_, err = p.signIn(p.users.find(viewerEmail).id, "wrong") // the same person by id
	wantError(t, err, "TooManyRequestsException", "")
	_, err = p.signIn(viewerEmail, viewerSecret) // not even the right one may be tested
	wantError(t, err, "TooManyRequestsException", "")
	if _, err := p.signIn("lead@ivs.rocks", "Another-secret-1"); err != nil {
		t.Fatal(err) // others are not in the way
	}
	p.Advance(time.Second)
	p.mustSignIn(t)
}

func TestAnAddressIsLimited(t *testing.T) {
	p := newPool(t)
	for range requestsBurst {
		_, err := p.userOf(aws.String("abc"))
		wantError(t, err, "NotAuthorizedException", "")
	}
	_, err := p.userOf(aws.String("abc"))
	wantError(t, err, "TooManyRequestsException", "")
	p.Advance(time.Second)
	p.mustSignIn(t)
}
