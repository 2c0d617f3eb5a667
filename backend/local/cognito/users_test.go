package cognito

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDemoUsersAreSavedForTheirOwnerAloneAndReused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "users.json")
	made, created, err := LoadOrCreateUsers(path)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again, created, err := LoadOrCreateUsers(path)
	if err != nil || created || !slices.Equal(made, again) {
		t.Fatalf("created %v, %v, got %v", created, err, again)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".users-*")); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestDemoPasswordsAreStrongReadableAndDifferent(t *testing.T) {
	pattern := regexp.MustCompile(`^[A-Z][a-z]{4}(-[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]){3}[0-9]$`)
	seen := map[string]bool{}
	groups := []string{}
	for _, u := range DemoUsers() {
		if !pattern.MatchString(u.Password) || seen[u.Password] {
			t.Errorf("the password of %s is %q", u.Email, u.Password)
		}
		seen[u.Password] = true
		groups = append(groups, u.Group)
	}
	if !slices.Equal(groups, []string{"player", "viewer", "qa-lead"}) {
		t.Fatalf("groups %v", groups)
	}
}

func TestUserFilesThatAreNotRightAreNotUsed(t *testing.T) {
	good, _ := json.Marshal(userFile{testUsers})
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		says    string
	}{
		"readable by others": {string(good), 0o644, "chmod 600"},
		"not JSON":           {"users:", 0o600, "invalid character"},
		"misspelt field":     {strings.Replace(string(good), `"group"`, `"gruop"`, 1), 0o600, "gruop"},
		"no users":           {`{"users":[]}`, 0o600, "no users"},
		"short password":     {`{"users":[{"email":"a@b","password":"1234567","group":""}]}`, 0o600, "8 to 256"},
		"no address":         {`{"users":[{"email":"viewer","password":"12345678","group":""}]}`, 0o600, "e-mail"},
		"huge":               {string(good) + strings.Repeat(" ", maxUserFileBytes), 0o600, "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.json")
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			_, _, err := LoadOrCreateUsers(path)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			if kept, _ := os.ReadFile(path); string(kept) != c.content {
				t.Fatal("the file was changed")
			}
		})
	}
	if _, err := LoadUsers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestThePoolKeepsNoPassword(t *testing.T) {
	p := newPool(t)
	p.mustSignIn(t)
	u := p.users.find(viewerEmail)
	if u.verifier.Sign() == 0 || !u.hasPassword(p.poolName, viewerSecret) || u.hasPassword(p.poolName, viewerSecret+" ") {
		t.Fatal("the verifier does not stand for the password")
	}
	if other := p.users.find("lead@ivs.rocks"); other.salt.Cmp(u.salt) == 0 {
		t.Fatal("two users share a salt")
	}
}
