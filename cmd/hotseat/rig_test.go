package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat/internal/account"
	"hotseat/cmd/hotseat/internal/standin"
)

var (
	ann  = playtest.Person{ID: "u-ann", Name: "ann", Role: playtest.RoleViewer}
	anna = playtest.Person{ID: "u-anna", Name: "anna", Role: playtest.RoleViewer}
	bob  = playtest.Person{ID: "u-bob", Name: "bob", Role: playtest.RolePlayer}
)

// desktop is a person's machine: a configuration folder of its own, and nothing in the environment.
type desktop struct {
	t       *testing.T
	backend *standin.Backend
	config  string
}

func newDesktop(t *testing.T, b *standin.Backend) *desktop {
	d := &desktop{t: t, backend: b, config: t.TempDir()}
	t.Setenv("XDG_CONFIG_HOME", d.config)
	for _, name := range []string{account.EnvServer, account.EnvEmail, account.EnvPassword} {
		t.Setenv(name, "")
	}
	return d
}

// signedIn is a desktop on which the account of a role has signed in.
func signedIn(t *testing.T, role playtest.Role) *desktop {
	t.Helper()
	b := standin.New(t)
	d := newDesktop(t, b)
	d.login(role)
	return d
}

func (d *desktop) login(role playtest.Role, more ...string) {
	d.t.Helper()
	for _, u := range d.backend.Users {
		if u.Group == string(role) {
			d.t.Setenv(account.EnvPassword, u.Password)
			if r := d.hotseat(append([]string{"login", "--server", d.backend.URL, "--email", u.Email}, more...)...); r.err != nil {
				d.t.Fatalf("login: %v", r.err)
			}
			d.t.Setenv(account.EnvPassword, "")
			return
		}
	}
	d.t.Fatalf("no account for a %s", role)
}

// result is what a command did.
type result struct {
	out, errors string
	err         error
}

func (r result) code() int {
	if r.err == nil {
		return 0
	}
	return exitCode(r.err)
}

func (d *desktop) hotseat(args ...string) result {
	d.t.Helper()
	return d.run(d.t.Context(), nil, args...)
}

func (d *desktop) run(ctx context.Context, in io.Reader, args ...string) result {
	d.t.Helper()
	root := &cobra.Command{Use: "hotseat", SilenceUsage: true, SilenceErrors: true}
	addRemote(root)
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetIn(in)
	if in == nil {
		root.SetIn(strings.NewReader(""))
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return result{out.String(), errs.String(), err}
}

// refused is the error that a command wrote for a program.
func (r result) refused(t *testing.T) (code, message string) {
	t.Helper()
	var answer struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || r.err == nil || answer.Error.Message != r.err.Error() {
		t.Errorf("the answer %q with the error %v: %v", r.out, r.err, err)
	}
	return answer.Error.Code, answer.Error.Message
}

// says publishes as somebody, through the gate.
func (d *desktop) says(session string, who playtest.Person, action playtest.Action) {
	d.backend.Publish(session, who, map[string]any{"action": action})
}

// lastOf is the newest event of an action in a log.
func (d *desktop) lastOf(session string, action playtest.Action) (playtest.Event, error) {
	var last playtest.Event
	for line := range strings.Lines(d.hotseat("tail", session, "--no-follow", "--json").out) {
		var e playtest.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return last, err
		}
		if e.Action == action {
			last = e
		}
	}
	if last.Seq == 0 {
		return last, errors.New("no such event")
	}
	return last, nil
}
