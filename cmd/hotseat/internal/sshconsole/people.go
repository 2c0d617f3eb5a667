package sshconsole

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	gossh "golang.org/x/crypto/ssh"

	"hotseat/backend/playtest"
)

const (
	// maxPeopleFile bounds the file of people: some thousands of keys.
	maxPeopleFile = 1 << 20
	// maxLine bounds a line; an RSA key of 16,384 bits has about 2.8 KB.
	maxLine = 8 << 10
	// maxName is docs/protocol.md's bound of a name, in characters.
	maxName = 40
	// lookEvery is how often the file is looked at for changes at most; each sign-in looks.
	lookEvery = time.Second
)

// roles are those that the file can give.
var roles = []playtest.Role{playtest.RoleLead, playtest.RolePlayer, playtest.RoleViewer}

// ParsePeople reads a file of people: lines as in OpenSSH's authorized_keys (sshd(8), AUTHORIZED_KEYS
// FILE FORMAT), with two options of our own before the key and no others:
//
//	name="Night shift",role="qa-lead" ssh-ed25519 AAAA… a comment
//
// role is qa-lead, player or viewer; one person may have several keys, by the same name. Empty lines
// and those that begin with # count for nothing. The keys of the map are keys in SSH's wire format. An
// error names every line that is wrong, and then nobody is read: half a list is a wrong list.
func ParsePeople(data []byte) (map[string]playtest.Person, error) {
	people := map[string]playtest.Person{}
	roleOf := map[string]playtest.Role{}
	var wrong []error
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, who, err := parseLine(line)
		switch earlier, known := roleOf[who.Name]; {
		case err != nil:
		case people[key].ID != "":
			err = errors.New("the key is on an earlier line already")
		case known && earlier != who.Role:
			err = fmt.Errorf("%q is a %s on an earlier line and a %s here", who.Name, earlier, who.Role)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		people[key], roleOf[who.Name] = who, who.Role
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return people, nil
}

func parseLine(line []byte) (key string, who playtest.Person, err error) {
	if len(line) > maxLine {
		return "", who, fmt.Errorf("longer than %d bytes", maxLine)
	}
	public, _, options, rest, err := gossh.ParseAuthorizedKey(line)
	if err != nil {
		return "", who, errors.New(`this is no key; a line is name="…",role="qa-lead" and then a public key as ssh-keygen writes it`)
	}
	if len(rest) > 0 {
		return "", who, errors.New("there is something after the key that does not belong to it")
	}
	if _, isCertificate := public.(*gossh.Certificate); isCertificate {
		return "", who, errors.New("this is a certificate; give the public key")
	}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value, quoted := unquote(value)
		switch {
		case name != "name" && name != "role":
			return "", who, fmt.Errorf("the option %q does not exist; there are name and role", name)
		case !quoted:
			return "", who, fmt.Errorf(`write %s="…" with quotation marks`, name)
		case name == "name" && who.Name != "", name == "role" && who.Role != "":
			return "", who, fmt.Errorf("%s is given twice", name)
		case name == "name":
			who.Name = value
		default:
			who.Role = playtest.Role(value)
		}
	}
	if err := checkName(who.Name); err != nil {
		return "", who, err
	}
	if !slices.Contains(roles, who.Role) {
		return "", who, fmt.Errorf("the role is qa-lead, player or viewer, not %q", who.Role)
	}
	who.ID = personID(who.Name)
	return string(public.Marshal()), who, nil
}

func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	return strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`), true
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New(`who is it? give name="…"`)
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("the name has more than %d characters", maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) || strings.TrimSpace(name) != name:
		return errors.New("the name is made of printable characters, without spaces around it")
	}
	return nil
}

// personID is the id of a name in tokens and logs: the same whichever key the person comes with, and
// unlike any id of a user pool, which are UUIDs.
func personID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "ssh-" + hex.EncodeToString(sum[:8])
}

// people is the file as it was read last. It is read again when it changed; a file that cannot be
// read any more leaves the list as it was, and says so in the log, until it is right again.
type people struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex // protects what follows; held over the small file's reading, so that it is read once
	byKey  map[string]playtest.Person
	looked time.Time
	size   int64
	mod    time.Time
}

// loadPeople reads the file; what is wrong with it is an error now, and a line in the log later.
func loadPeople(path string, log *slog.Logger, now func() time.Time) (*people, error) {
	p := &people{path: path, log: log, now: now}
	return p, p.read()
}

func (p *people) read() error {
	f, err := os.Open(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file of people at %s; a line of it is: name=\"…\",role=\"qa-lead\" ssh-ed25519 AAAA…", p.path)
	}
	if err != nil {
		return fmt.Errorf("reading the file of people: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the file of people: %w", err)
	}
	if err := strict(p.path, info, os.Geteuid()); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPeopleFile+1))
	if err != nil {
		return fmt.Errorf("reading the file of people: %w", err)
	}
	if len(data) > maxPeopleFile {
		return fmt.Errorf("%s has more than %d bytes", p.path, maxPeopleFile)
	}
	byKey, err := ParsePeople(data)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	p.byKey, p.size, p.mod = byKey, info.Size(), info.ModTime()
	return nil
}

// find says who has a key.
func (p *people) find(key gossh.PublicKey) (playtest.Person, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.looked) >= lookEvery {
		p.looked = now
		if info, err := os.Stat(p.path); err != nil || info.Size() != p.size || !info.ModTime().Equal(p.mod) {
			if err := p.read(); err != nil {
				p.log.Error("the file of people is not used as it is; the last good one counts", "error", err)
			} else {
				p.log.Info("the file of people was read again", "keys", len(p.byKey))
			}
		}
	}
	who, ok := p.byKey[string(key.Marshal())]
	return who, ok
}
