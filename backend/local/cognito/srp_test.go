package cognito

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// srpClient is a client's half of the protocol, written from the formulas in
// hexadecimal text, as the official clients work, and sharing no code with the
// server.
type srpClient struct {
	n, g, a, publicA *big.Int
}

func newSRPClient() *srpClient {
	// The prime by its definition in RFC 3526 section 5:
	// 2^3072 - 2^3008 - 1 + 2^64 * ( [2^2942 pi] + 1690314 )
	one := big.NewInt(1)
	power := func(e uint) *big.Int { return new(big.Int).Lsh(one, e) }
	n := new(big.Int).Add(piTimesPowerOf2(2942), big.NewInt(1690314))
	n.Lsh(n, 64)
	n.Add(n, power(3072)).Sub(n, power(3008)).Sub(n, one)

	c := &srpClient{n: n, g: big.NewInt(2), a: big.NewInt(0).SetBytes(bytes.Repeat([]byte{0xA5, 0x17}, 32))}
	c.publicA = new(big.Int).Exp(c.g, c.a, c.n)
	return c
}

// piTimesPowerOf2 is floor(2^bits * pi), by Machin's formula with guard bits.
func piTimesPowerOf2(bits uint) *big.Int {
	const guard = 64
	arctan := func(x int64) *big.Int {
		term := new(big.Int).Lsh(big.NewInt(1), bits+guard)
		term.Div(term, big.NewInt(x))
		sum, square := new(big.Int).Set(term), big.NewInt(x*x)
		for k := int64(3); term.Sign() != 0; k += 2 {
			term.Div(term, square)
			part := new(big.Int).Div(term, big.NewInt(k))
			if k%4 == 3 {
				sum.Sub(sum, part)
			} else {
				sum.Add(sum, part)
			}
		}
		return sum
	}
	pi := new(big.Int).Mul(big.NewInt(16), arctan(5))
	pi.Sub(pi, new(big.Int).Mul(big.NewInt(4), arctan(239)))
	return pi.Rsh(pi, guard)
}

// padHex is the text that clients hash.
func padHex(n *big.Int) string {
	text := n.Text(16)
	if len(text)%2 == 1 {
		return "0" + text
	}
	if strings.ContainsRune("89abcdef", rune(text[0])) {
		return "00" + text
	}
	return text
}

func hashHex(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func number(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic("not hexadecimal: " + text)
	}
	return n
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, part := range parts {
		m.Write(part)
	}
	return m.Sum(nil)
}

// responses answers a challenge with a password at a time.
func (c *srpClient) responses(parameters map[string]string, username, password string, at time.Time) map[string]string {
	_, poolName, _ := strings.Cut(poolID, "_")
	userID, b := parameters["USER_ID_FOR_SRP"], number(parameters["SRP_B"])

	identity := sha256.Sum256([]byte(poolName + userID + ":" + password))
	x := number(hashHex(padHex(number(parameters["SALT"])) + hex.EncodeToString(identity[:])))
	k := number(hashHex(padHex(c.n) + padHex(c.g)))
	u := number(hashHex(padHex(c.publicA) + padHex(b)))

	// S = (B - k*g^x) ^ (a + u*x)
	base := new(big.Int).Exp(c.g, x, c.n)
	base.Sub(b, base.Mul(base, k)).Mod(base, c.n)
	exponent := new(big.Int).Mul(u, x)
	s := new(big.Int).Exp(base, exponent.Add(exponent, c.a), c.n)

	salt, _ := hex.DecodeString(padHex(u))
	secret, _ := hex.DecodeString(padHex(s))
	key := mac(mac(salt, secret), []byte("Caldera Derived Key"), []byte{1})[:16]
	block, _ := base64.StdEncoding.DecodeString(parameters["SECRET_BLOCK"])
	timestamp := at.UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	return map[string]string{
		"USERNAME":                    username,
		"PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
		"TIMESTAMP":                   timestamp,
		"PASSWORD_CLAIM_SIGNATURE":    base64.StdEncoding.EncodeToString(mac(key, []byte(poolName+userID), block, []byte(timestamp))),
	}
}

func (p *pool) startSRPAs(username string, publicA *big.Int) (map[string]string, error) {
	out, err := p.InitiateAuth(context.Background(), &idp.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserSrpAuth, ClientId: aws.String(clientID),
		AuthParameters: map[string]string{"USERNAME": username, "SRP_A": publicA.Text(16)},
	})
	if err != nil {
		return nil, err
	}
	return out.ChallengeParameters, nil
}

func (p *pool) respond(responses map[string]string) (*types.AuthenticationResultType, error) {
	out, err := p.RespondToAuthChallenge(context.Background(), &idp.RespondToAuthChallengeInput{
		ChallengeName: types.ChallengeNameTypePasswordVerifier, ClientId: aws.String(clientID), ChallengeResponses: responses,
	})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

func mustStart(t *testing.T, p *pool, c *srpClient, username string) map[string]string {
	t.Helper()
	parameters, err := p.startSRPAs(username, c.publicA)
	if err != nil {
		t.Fatal(err)
	}
	return parameters
}

func TestTheGroupIsTheOneOfTheRFC(t *testing.T) {
	if newSRPClient().n.Cmp(groupN) != 0 {
		t.Fatal("the prime is not that of RFC 3526 section 5")
	}
}

func TestSRPSignsInWithoutSendingThePassword(t *testing.T) {
	p, c := newPool(t), newSRPClient()
	// More than once: padding differs with the first bits of the numbers.
	for range 8 {
		parameters := mustStart(t, p, c, viewerEmail)
		for _, name := range []string{viewerEmail, parameters["USER_ID_FOR_SRP"]} {
			parameters = mustStart(t, p, c, viewerEmail)
			tokens, err := p.respond(c.responses(parameters, name, viewerSecret, p.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if user, err := p.userOf(tokens.AccessToken); err != nil || *user.Username != parameters["USER_ID_FOR_SRP"] {
				t.Fatalf("got %+v, %v", user, err)
			}
		}
	}
}

func TestSRPRefusals(t *testing.T) {
	const wrong, over = "Incorrect username or password.", "Invalid session for the user."
	for name, test := range map[string]struct {
		username, password string
		skew               time.Duration
		change             map[string]string
		wait               time.Duration
		exception, message string
	}{
		"wrong password":          {password: "wrong", exception: "NotAuthorizedException", message: wrong},
		"unknown user":            {username: "nobody@ivs.rocks", exception: "NotAuthorizedException", message: wrong},
		"answer of somebody else": {change: map[string]string{"USERNAME": "lead@ivs.rocks"}, exception: "NotAuthorizedException", message: wrong},
		"signature not base64":    {change: map[string]string{"PASSWORD_CLAIM_SIGNATURE": "***"}, exception: "NotAuthorizedException", message: wrong},
		"another time signed":     {change: map[string]string{"TIMESTAMP": "Sun Nov 22 12:00:01 UTC 2026"}, exception: "NotAuthorizedException", message: wrong},
		"clock late":              {skew: -6 * time.Minute, exception: "NotAuthorizedException", message: "five minutes"},
		"clock early":             {skew: 6 * time.Minute, exception: "NotAuthorizedException", message: "five minutes"},
		"time unreadable":         {change: map[string]string{"TIMESTAMP": "2026-11-22T12:00:00Z"}, exception: "InvalidParameterException", message: "TIMESTAMP"},
		"invented secret block":   {change: map[string]string{"PASSWORD_CLAIM_SECRET_BLOCK": "AAAA"}, exception: "NotAuthorizedException", message: over},
		"too late":                {wait: challengeLife, exception: "NotAuthorizedException", message: over},
		"no signature":            {change: map[string]string{"PASSWORD_CLAIM_SIGNATURE": ""}, exception: "InvalidParameterException", message: "PASSWORD_CLAIM_SIGNATURE"},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newPool(t), newSRPClient()
			username, password := viewerEmail, viewerSecret
			if test.username != "" {
				username = test.username
			}
			if test.password != "" {
				password = test.password
			}
			parameters := mustStart(t, p, c, username)
			responses := c.responses(parameters, username, password, p.Now().Add(test.skew))
			maps.Copy(responses, test.change)
			p.Advance(test.wait)
			_, err := p.respond(responses)
			wantError(t, err, test.exception, test.message)
		})
	}
}

func TestASecretBlockIsGoodForOneAnswer(t *testing.T) {
	p, c := newPool(t), newSRPClient()

	parameters := mustStart(t, p, c, viewerEmail)
	right := c.responses(parameters, viewerEmail, viewerSecret, p.Now())
	if _, err := p.respond(right); err != nil {
		t.Fatal(err)
	}
	_, err := p.respond(right)
	wantError(t, err, "NotAuthorizedException", "Invalid session")

	parameters = mustStart(t, p, c, viewerEmail)
	_, err = p.respond(c.responses(parameters, viewerEmail, "wrong", p.Now()))
	wantError(t, err, "NotAuthorizedException", "Incorrect")
	_, err = p.respond(c.responses(parameters, viewerEmail, viewerSecret, p.Now()))
	wantError(t, err, "NotAuthorizedException", "Invalid session")
}

func TestPublicValuesOutsideOfTheGroupAreRefused(t *testing.T) {
	p := newPool(t)
	for _, a := range []*big.Int{
		big.NewInt(0), groupN, new(big.Int).Lsh(groupN, 1), new(big.Int).Add(groupN, big.NewInt(1)),
		new(big.Int).Lsh(big.NewInt(1), 5000), big.NewInt(-5),
	} {
		_, err := p.startSRPAs(viewerEmail, a)
		wantError(t, err, "InvalidParameterException", "SRP_A")
	}
}

func TestUnknownNamesGetTheSameDecoyEachTime(t *testing.T) {
	p, c := newPool(t), newSRPClient()
	first, second := mustStart(t, p, c, "nobody@ivs.rocks"), mustStart(t, p, c, "Nobody@ivs.rocks")
	for _, name := range []string{"SALT", "USER_ID_FOR_SRP"} {
		if first[name] != second[name] || first[name] == "" {
			t.Fatalf("%s: %q and %q", name, first[name], second[name])
		}
	}
	real := mustStart(t, p, c, viewerEmail)
	if len(first["USER_ID_FOR_SRP"]) != len(real["USER_ID_FOR_SRP"]) || first["SRP_B"] == second["SRP_B"] {
		t.Fatal("a decoy can be told from a person")
	}
}

func TestUnansweredChallengesAreBounded(t *testing.T) {
	store := newChallengeStore()
	var first string
	for i := range maxChallenges + 10 {
		block := store.add(challenge{begun: noon})
		if i == 0 {
			first = block
		}
	}
	if len(store.waiting) != maxChallenges || len(store.order) != maxChallenges {
		t.Fatalf("%d challenges are kept", len(store.waiting))
	}
	if _, ok := store.take(first, noon); ok {
		t.Fatal("the oldest is still there")
	}
	store.add(challenge{begun: noon.Add(challengeLife)})
	if len(store.waiting) != 1 {
		t.Fatalf("%d challenges are kept after all but one are over", len(store.waiting))
	}
}
