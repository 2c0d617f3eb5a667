package cognito

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// User is somebody who may sign in.
type User struct {
	Email    string `json:"email"`          // signs in with it; case does not matter
	Name     string `json:"name,omitempty"` // the name attribute; may be empty
	Password string `json:"password"`       // 8-256 bytes
	Group    string `json:"group"`          // of cognito:groups; may be empty
}

// minPasswordBytes is the default of a pool's password policy.
const minPasswordBytes = 8

func (u User) check() error {
	local, domain, found := strings.Cut(u.Email, "@")
	switch {
	case !found || local == "" || domain == "" || len(u.Email) > maxUsernameBytes || u.Email != strings.TrimSpace(u.Email):
		return fmt.Errorf("user pool: %q is not an e-mail address of at most %d bytes", u.Email, maxUsernameBytes)
	case len(u.Password) < minPasswordBytes || len(u.Password) > maxPasswordBytes:
		return fmt.Errorf("user pool: the password of %s must have %d to %d bytes", u.Email, minPasswordBytes, maxPasswordBytes)
	case len(u.Name) > 256 || len(u.Group) > 128:
		return fmt.Errorf("user pool: the name or the group of %s is too long", u.Email)
	}
	return nil
}

// DemoUsers returns one user for each role, with new passwords.
func DemoUsers() []User {
	users := []User{
		{Email: "player@ivs.rocks", Group: "player"},
		{Email: "viewer@ivs.rocks", Group: "viewer"},
		{Email: "lead@ivs.rocks", Group: "qa-lead"},
	}
	for i := range users {
		users[i].Password = newPassword()
	}
	return users
}

// newPassword returns a password of 64 random bits that can be read aloud and
// typed: four pronounceable words of five letters, as in "Kubof-zidan-tomuk-lihas7".
// Each word is consonant, vowel, consonant, vowel, consonant out of 16 and 4
// letters, so it holds 16 bits. The capital and the digit are there for
// Cognito's default policy, not for strength.
func newPassword() string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	random := make([]byte, 9)
	rand.Read(random)
	words := make([]string, 4)
	for i := range words {
		bits := uint16(random[2*i])<<8 | uint16(random[2*i+1])
		words[i] = string([]byte{
			consonants[bits>>12], vowels[bits>>10&3], consonants[bits>>6&15], vowels[bits>>4&3], consonants[bits&15],
		})
	}
	password := strings.Join(words, "-")
	return strings.ToUpper(password[:1]) + password[1:] + string('0'+random[8]%10)
}

// userFile is the file of users: {"users":[{"email":…,"password":…,"group":…}]}.
type userFile struct {
	Users []User `json:"users"`
}

// maxUserFileBytes bounds the file; a user takes about 100 bytes.
const maxUserFileBytes = 1 << 20

// SaveUsers writes users with their passwords to a file that only its owner can
// read (0600), in one step: a reader sees the old file or the new one.
func SaveUsers(path string, users []User) error {
	content, err := json.MarshalIndent(userFile{users}, "", "  ")
	if err != nil {
		return fmt.Errorf("save users: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save users: %w", err)
	}
	// CreateTemp makes files 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".users-*")
	if err != nil {
		return fmt.Errorf("save users: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when all went well
	_, err = file.Write(append(content, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("save users: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("save users: %w", err)
	}
	return nil
}

// LoadUsers reads a file that SaveUsers wrote or a person edited. The error wraps
// [fs.ErrNotExist] when there is none. A file that others can read is refused:
// it holds passwords.
func LoadUsers(path string) ([]User, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("load users: %s holds passwords and others can read it (mode %#o): run chmod 600 on it", path, info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(file, maxUserFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	if len(content) > maxUserFileBytes {
		return nil, fmt.Errorf("load users: %s is larger than 1 MiB", path)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields() // a misspelt field would be a user without a group
	var parsed userFile
	if err := decoder.Decode(&parsed); err != nil {
		return nil, fmt.Errorf("load users: %s: %w", path, err)
	}
	if len(parsed.Users) == 0 {
		return nil, fmt.Errorf("load users: %s holds no users: add some, or remove it to get new demo users", path)
	}
	for _, u := range parsed.Users {
		if err := u.check(); err != nil {
			return nil, fmt.Errorf("load users: %s: %w", path, err)
		}
	}
	return parsed.Users, nil
}

// LoadOrCreateUsers returns the users of a file. When there is no file it saves
// demo users there and reports true.
func LoadOrCreateUsers(path string) (users []User, created bool, err error) {
	users, err = LoadUsers(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return users, false, err
	}
	users = DemoUsers()
	if err := SaveUsers(path, users); err != nil {
		return nil, false, err
	}
	return users, true, nil
}
