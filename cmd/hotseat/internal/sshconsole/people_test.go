package sshconsole

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"hotseat/backend/playtest"
)

// newKey is a public key, and as it stands in a file.
func newKey(t testing.TB) (gossh.PublicKey, string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
}

func TestAPersonIsNameAndRoleOfTheirKey(t *testing.T) {
	one, oneText := newKey(t)
	two, twoText := newKey(t)
	three, threeText := newKey(t)
	people, err := ParsePeople([]byte("# the night shift\n\n" +
		`name="Night shift",role="qa-lead" ` + oneText + " laptop\r\n" +
		`role="qa-lead",name="Night shift" ` + twoText + "\n" +
		`  name="Zoë \"Z\"",role="viewer" ` + threeText))
	if err != nil {
		t.Fatal(err)
	}
	lead := people[string(one.Marshal())]
	if lead.Name != "Night shift" || lead.Role != playtest.RoleLead || !strings.HasPrefix(lead.ID, "ssh-") {
		t.Errorf("the first is %+v", lead)
	}
	if people[string(two.Marshal())] != lead {
		t.Error("the same name with another key is another person")
	}
	if z := people[string(three.Marshal())]; z.Name != `Zoë "Z"` || z.Role != playtest.RoleViewer || z.ID == lead.ID {
		t.Errorf("the third is %+v", z)
	}
}

func TestEveryMistakeInTheFileIsNamedWithItsLine(t *testing.T) {
	_, key := newKey(t)
	_, other := newKey(t)
	for name, c := range map[string]struct{ file, want string }{
		"no options":      {key, `line 1: who is it? give name="…"`},
		"no role":         {`name="a" ` + key, "line 1: the role is qa-lead, player or viewer"},
		"a machine":       {`name="a",role="backend" ` + key, `not "backend"`},
		"a sidecar":       {`name="a",role="sidecar" ` + key, `not "sidecar"`},
		"another option":  {`name="a",role="viewer",command="sh" ` + key, `the option "command" does not exist`},
		"OpenSSH's":       {`no-pty,name="a",role="viewer" ` + key, `the option "no-pty" does not exist`},
		"no marks":        {`name=a,role="viewer" ` + key, `write name="…" with quotation marks`},
		"twice":           {`name="a",role="viewer",role="qa-lead" ` + key, "role is given twice"},
		"control":         {"name=\"a\x1b[2J\",role=\"viewer\" " + key, "printable characters"},
		"turned around":   {"name=\"a\u202eb\",role=\"viewer\" " + key, "printable characters"},
		"long name":       {`name="` + strings.Repeat("é", 41) + `",role="viewer" ` + key, "more than 40 characters"},
		"no key":          {`name="a",role="viewer" ssh-ed25519 AAAA`, "this is no key"},
		"a private key":   {"-----BEGIN OPENSSH PRIVATE KEY-----", "this is no key"},
		"a long line":     {`name="a",role="viewer" ` + key + strings.Repeat(" x", maxLine), "longer than"},
		"the key again":   {`name="a",role="viewer" ` + key + "\n" + `name="b",role="qa-lead" ` + key, "line 2: the key is on an earlier line"},
		"two roles":       {`name="a",role="viewer" ` + key + "\n" + `name="a",role="qa-lead" ` + other, `line 2: "a" is a viewer on an earlier line`},
		"the fourth line": {"#\n\n" + `name="a",role="viewer" ` + key + "\nnonsense", "line 4: this is no key"},
	} {
		t.Run(name, func(t *testing.T) {
			people, err := ParsePeople([]byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if people != nil {
				t.Error("somebody was read from a file with a mistake")
			}
		})
	}
}

func FuzzParsePeople(f *testing.F) {
	_, key := newKey(f)
	for _, seed := range []string{`name="a",role="qa-lead" ` + key, "# nobody", "nonsense", `name="a" ` + key + "\n" + key, `name="a\",role="viewer" ` + key, "\xff\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		people, err := ParsePeople(data)
		if err != nil && people != nil {
			t.Fatal("people from a file with a mistake")
		}
		for key, who := range people {
			if _, err := gossh.ParsePublicKey([]byte(key)); err != nil || checkName(who.Name) != nil || !who.Role.IsPerson() || who.ID != personID(who.Name) {
				t.Fatalf("%+v with key error %v", who, err)
			}
		}
	})
}

func TestAChangedFileCountsAtTheNextSignInAndABrokenOneDoesNot(t *testing.T) {
	one, oneText := newKey(t)
	two, twoText := newKey(t)
	path := filepath.Join(t.TempDir(), "people")
	now := time.Now()
	write := func(text string) {
		t.Helper()
		now = now.Add(lookEvery)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf("name=\"a\",role=\"viewer\" %s\n", oneText))
	p, err := loadPeople(path, slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	expect := func(key gossh.PublicKey, role playtest.Role) {
		t.Helper()
		who, ok := p.find(key)
		if ok != (role != "") || who.Role != role {
			t.Errorf("found %+v, want role %q", who, role)
		}
	}
	expect(one, playtest.RoleViewer)
	expect(two, "")
	write(fmt.Sprintf("name=\"b\",role=\"qa-lead\" %s\n", twoText))
	expect(one, "")
	expect(two, playtest.RoleLead)
	write("nonsense")
	expect(two, playtest.RoleLead)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	expect(two, playtest.RoleLead)
	write(fmt.Sprintf("name=\"a\",role=\"player\" %s\n", oneText))
	expect(two, "")
	expect(one, playtest.RolePlayer)
}
