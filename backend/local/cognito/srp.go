package cognito

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
)

// The group of Cognito's SRP: the 3072-bit prime of RFC 3526 section 5 (group
// 15) with generator 2. RFC 5054 appendix A has the same prime with generator 5.
const groupPrimeHex = "" +
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74" +
	"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437" +
	"4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05" +
	"98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb" +
	"9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718" +
	"3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33" +
	"a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7" +
	"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864" +
	"d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e2" +
	"08e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"

var (
	groupN, _ = new(big.Int).SetString(groupPrimeHex, 16)
	groupG    = big.NewInt(2)

	// multiplier is k = H(PAD(N) | PAD(g)) of RFC 5054 section 2.5.3, where PAD is
	// Cognito's: see pad.
	multiplier = hashNumber(pad(groupN), pad(groupG))
)

// pad is the byte form that Cognito's clients hash: big-endian, as short as
// possible, with a leading zero byte when the first bit would be set (a
// two's-complement number that is positive). It is not the fixed-length PAD of
// RFC 5054.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

// hashNumber is SHA-256 over the parts, as a number.
func hashNumber(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

// passwordVerifier is v = g^x with x = H(PAD(salt) | H(pool user ":" password)).
// It is all that the pool keeps of a password.
func passwordVerifier(poolName, userID, password string, salt *big.Int) *big.Int {
	inner := sha256.Sum256([]byte(poolName + userID + ":" + password))
	x := hashNumber(pad(salt), inner[:])
	return new(big.Int).Exp(groupG, x, groupN)
}

// exchange is the server's half of one SRP-6a run (RFC 5054 section 2.5).
type exchange struct {
	verifier *big.Int
	publicA  *big.Int // the client's A
	privateB *big.Int
	publicB  *big.Int
	scramble *big.Int // u
}

var errPublicValue = errors.New("the public value is outside of the group")

// newExchange answers a client's A with a fresh B.
//
// math/big does not work in constant time. That leaks to whoever can time this
// process closely; a local pool lives with it.
func newExchange(verifier, publicA *big.Int) (*exchange, error) {
	// A that is a multiple of N would make the secret zero for everybody
	// (RFC 5054 section 2.5.4).
	if publicA.Sign() <= 0 || new(big.Int).Mod(publicA, groupN).Sign() == 0 || publicA.Cmp(groupN) > 0 {
		return nil, errPublicValue
	}
	for {
		secret := make([]byte, 32) // RFC 5054 section 2.5.3: at least 256 bits
		rand.Read(secret)
		e := &exchange{verifier: verifier, publicA: publicA, privateB: new(big.Int).SetBytes(secret)}
		e.publicB = new(big.Int).Mul(multiplier, verifier)
		e.publicB.Add(e.publicB, new(big.Int).Exp(groupG, e.privateB, groupN))
		e.publicB.Mod(e.publicB, groupN)
		e.scramble = hashNumber(pad(publicA), pad(e.publicB))
		// Either being zero voids the proof; it does not happen by chance.
		if e.publicB.Sign() != 0 && e.scramble.Sign() != 0 {
			return e, nil
		}
	}
}

// proof is the PASSWORD_CLAIM_SIGNATURE that a client with the right password
// sends: an HMAC with a key derived from the common secret S.
func (e *exchange) proof(poolName, userID string, secretBlock []byte, timestamp string) ([]byte, error) {
	// S = (A * v^u) ^ b
	s := new(big.Int).Exp(e.verifier, e.scramble, groupN)
	s.Mul(s, e.publicA).Mod(s, groupN).Exp(s, e.privateB, groupN)

	// Cognito's key derivation is one block of HKDF (RFC 5869).
	key, err := hkdf.Key(sha256.New, pad(s), pad(e.scramble), "Caldera Derived Key", 16)
	if err != nil {
		return nil, fmt.Errorf("derive the proof's key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(poolName + userID))
	mac.Write(secretBlock)
	mac.Write([]byte(timestamp))
	return mac.Sum(nil), nil
}
