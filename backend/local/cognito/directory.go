package cognito

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/uuid"
)

// saltBytes is the size of a salt; Cognito's have 16 bytes too.
const saltBytes = 16

// user is a person as the pool keeps one: no password.
type user struct {
	id       string // sub and cognito:username, a UUID
	email    string
	name     string
	group    string
	salt     *big.Int
	verifier *big.Int
	decoy    bool // stands for a name that nobody has
}

// hasPassword reports whether the password yields the user's verifier.
func (u *user) hasPassword(poolName, password string) bool {
	got := passwordVerifier(poolName, u.id, password, u.salt)
	size := (groupN.BitLen() + 7) / 8
	return subtle.ConstantTimeCompare(
		got.FillBytes(make([]byte, size)), u.verifier.FillBytes(make([]byte, size))) == 1
}

// directory is the pool's users. It does not change.
type directory struct {
	byName map[string]*user // canonical e-mail address, and id
	secret []byte           // makes decoys
}

func newDirectory(poolID, poolName string, users []User) (*directory, error) {
	d := &directory{byName: make(map[string]*user, 2*len(users)), secret: make([]byte, 32)}
	rand.Read(d.secret)
	for _, given := range users {
		if err := given.check(); err != nil {
			return nil, err
		}
		email := canonical(given.Email)
		if d.byName[email] != nil {
			return nil, fmt.Errorf("user pool: %s is there twice", email)
		}
		salt := make([]byte, saltBytes)
		rand.Read(salt)
		u := &user{
			// Derived, so that a person is the same one after a restart: logs of
			// playtests name people by this id.
			id:    uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:user-pool:"+poolID+":"+email)).String(),
			email: email,
			name:  given.Name,
			group: given.Group,
			salt:  new(big.Int).SetBytes(salt),
		}
		u.verifier = passwordVerifier(poolName, u.id, given.Password, u.salt)
		d.byName[email], d.byName[u.id] = u, u
	}
	return d, nil
}

// find returns a user by e-mail address or id, without regard to case. For a
// name that nobody has it returns a decoy, the same each time, so that the
// answers do not tell which names exist. Its verifier is no power of the
// generator: nothing shows that, and computing one would take time that shows.
func (d *directory) find(name string) *user {
	name = canonical(name)
	if u := d.byName[name]; u != nil {
		return u
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, d.derive("id", name)).String()
	return &user{
		id:       id,
		salt:     new(big.Int).SetBytes(d.derive("salt", name)[:saltBytes]),
		verifier: new(big.Int).SetBytes(d.derive("verifier", name)),
		decoy:    true,
	}
}

// derive returns 32 bytes that look random to whoever lacks the secret.
func (d *directory) derive(use, name string) []byte {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte(use + "\x00" + name))
	return mac.Sum(nil)
}

// canonical is the form in which names are compared. Pools ignore case unless
// told otherwise (UsernameConfiguration).
func canonical(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
