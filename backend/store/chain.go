package store

import (
	"crypto/sha256"
	"encoding/hex"
)

// Hash stands for a line of a log and all lines before it: SHA-256(hash of the line before ||
// bytes of the line as stored). The line before the first has the zero Hash. What is hashed is
// what is stored, byte for byte, so there is no canonical form to agree on.
//
// A chain without a key shows what was touched by somebody who did not mend it. Who can write the
// database can also compute a whole new chain, or cut lines off the end: against that, keep a head
// elsewhere and compare.
type Hash [sha256.Size]byte

// Next is the hash of the line that comes after this one.
func (h Hash) Next(line []byte) Hash {
	digest := sha256.New()
	digest.Write(h[:])
	digest.Write(line)
	return Hash(digest.Sum(nil))
}

// String is the hash in lower-case hexadecimal, 64 characters.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }
