package account

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"hotseat/backend/events"
	"hotseat/tui/client"
)

// The environment's names.
const (
	EnvServer   = "HOTSEAT_SERVER"
	EnvEmail    = "HOTSEAT_EMAIL"
	EnvPassword = "HOTSEAT_PASSWORD"
)

// ErrNotSignedIn: there is no way to sign in without asking, and nobody to ask.
var ErrNotSignedIn = errors.New("not signed in")

// Options say which backend, and how to sign in to it.
type Options struct {
	Server       string // its address; "": HOTSEAT_SERVER, else the one used last
	Email        string // "": HOTSEAT_EMAIL, else the saved session's
	PasswordFile string // file with the password on its first line; "-": standard input
	CAFile       string // PEM certificates of authorities that are trusted besides the system's
	InsecureHTTP bool   // tokens may travel unencrypted

	Store   *Store
	Prompt  Prompter // nil: nobody can be asked
	Getenv  func(string) string
	Stdin   io.Reader // for PasswordFile "-"
	Now     func() time.Time
	Warn    func(format string, args ...any) // what a person should know; never secrets
	NoSaved bool                             // sign in with the password although a session is saved
}

// Prompter asks a person at the terminal.
type Prompter interface {
	Ask(ctx context.Context, question string) (string, error)
	AskSecret(ctx context.Context, question string) (string, error) // without echo
}

// SignedIn is a person known to a backend.
type SignedIn struct {
	Place *client.Place
	URL   string
	Email string
	TLS   *tls.Config // nil: the system's
	Token events.Credentials

	signIn  *client.SignIn
	refresh string
	opts    Options
}

// Connect finds the backend and signs in. The error wraps ErrNotSignedIn or client.ErrSignIn when
// it is about the person, client.ErrUnreachable or client.ErrNotHotseat when about the backend.
func Connect(ctx context.Context, o Options) (*SignedIn, error) {
	s, err := reach(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if err := o.Store.SetLastServer(s.URL); err != nil {
		o.Warn("the server is not remembered: %v", err)
	}
	return s, nil
}

// reach finds the backend and makes sure that nothing would travel unencrypted.
func reach(ctx context.Context, o Options) (*SignedIn, error) {
	server, err := o.server()
	if err != nil {
		return nil, err
	}
	if client.Insecure(server) && !o.InsecureHTTP {
		return nil, fmt.Errorf("%s is not encrypted: the password and everything said would be readable on the way; use https://, or accept it with --insecure-http", server)
	}
	s := &SignedIn{URL: server, opts: o}
	httpClient := &http.Client{}
	if o.CAFile != "" {
		if s.TLS, err = trust(o.CAFile); err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = s.TLS
		httpClient.Transport = transport
	}
	s.Place, err = client.Discover(ctx, httpClient, server)
	switch {
	case client.Untrusted(err):
		return nil, fmt.Errorf("%w (--ca FILE names the authority that made it)", err)
	case err != nil:
		return nil, err
	}
	s.URL = s.Place.URL
	if address := s.Place.InsecureAddress(); address != "" {
		if !o.InsecureHTTP {
			return nil, fmt.Errorf("%s sends people to %s, which is not encrypted; accept it with --insecure-http", server, address)
		}
		o.Warn("warning: nothing is encrypted between here and %s", address)
	}
	return s, nil
}

func (o Options) server() (string, error) {
	for _, server := range []string{o.Server, o.Getenv(EnvServer), o.Store.LastServer()} {
		if server == "" {
			continue
		}
		if !strings.Contains(server, "://") {
			return "", fmt.Errorf("the server %q must begin with https:// (or http:// for one on this machine)", server)
		}
		return strings.TrimSuffix(server, "/"), nil
	}
	return "", fmt.Errorf("which server? name it with --server URL or %s; it is remembered", EnvServer)
}

// begin chooses how to sign in, and does it.
func (s *SignedIn) begin(ctx context.Context) error {
	o := s.opts
	saved, err := o.Store.Load(s.URL)
	if err != nil && !errors.Is(err, ErrNone) {
		o.Warn("%v", err)
	}
	email := first(o.Email, o.Getenv(EnvEmail))
	password, err := o.givenPassword()
	if err != nil {
		return err
	}
	useSaved := saved.RefreshToken != "" && !o.NoSaved && password == "" && (email == "" || strings.EqualFold(email, saved.Email))
	if useSaved {
		err = s.with(ctx, client.Account{Email: saved.Email, RefreshToken: saved.RefreshToken}, true)
		switch {
		case err == nil, !errors.Is(err, client.ErrSignIn):
			return err
		case o.Prompt == nil:
			return fmt.Errorf("%w: `hotseat login --server %s`", err, s.URL)
		}
		o.Warn("%v", err)
		email = saved.Email
	}
	if email == "" && password != "" {
		email = saved.Email // a password without an address is that person's
	}
	if email, password, err = o.ask(ctx, s.URL, email, password); err != nil {
		return err
	}
	return s.with(ctx, client.Account{Email: email, Password: password}, false)
}

// ask completes address and password with the person's answers.
func (o Options) ask(ctx context.Context, server, email, password string) (string, string, error) {
	var err error
	if email == "" && o.Prompt != nil {
		if email, err = o.Prompt.Ask(ctx, "E-mail: "); err != nil {
			return "", "", err
		}
	}
	if email != "" && password == "" && o.Prompt != nil {
		if password, err = o.Prompt.AskSecret(ctx, "Password of "+email+": "); err != nil {
			return "", "", err
		}
	}
	if email == "" || password == "" {
		return "", "", fmt.Errorf("%w to %s: run `hotseat login --server %s` once, or give --email and the password in %s or --password-file",
			ErrNotSignedIn, server, server, EnvPassword)
	}
	return email, password, nil
}

func (s *SignedIn) with(ctx context.Context, a client.Account, saved bool) error {
	a.OnRefreshToken = func(token string) {
		s.refresh = token
		if saved { // the pool has replaced the token that is kept
			if err := s.Keep(); err != nil {
				s.opts.Warn("%v", err)
			}
		}
	}
	s.Email, s.refresh = a.Email, a.RefreshToken
	s.signIn = s.Place.SignIn(a, s.opts.Now)
	s.Token = s.signIn.Token
	_, _, err := s.Token(ctx)
	return err
}

// Keep saves the session for the next time.
func (s *SignedIn) Keep() error {
	if s.refresh == "" {
		return errors.New("the user pool gave no refresh token, so the session cannot be saved")
	}
	return s.opts.Store.Save(Saved{Server: s.URL, Email: s.Email, RefreshToken: s.refresh, SavedAt: s.opts.Now().UTC().Truncate(time.Second)})
}

// Forget ends the saved session of the backend at the user pool and removes it from this machine,
// the latter also when the backend cannot be reached: the error says that. ErrNone: there is none.
func Forget(ctx context.Context, o Options) (email string, err error) {
	server, err := o.server()
	if err != nil {
		return "", err
	}
	saved, err := o.Store.Load(server)
	if err != nil && errors.Is(err, ErrNone) {
		return "", fmt.Errorf("%w for %s", ErrNone, server)
	}
	if removed := o.Store.Delete(server); removed != nil {
		return "", removed
	}
	if err != nil { // a file that could not be used is gone all the same
		return "", nil
	}
	o.Server = server
	s, err := reach(ctx, o)
	if err != nil {
		return saved.Email, fmt.Errorf("the session is gone from this machine, but not ended at the server: %w", err)
	}
	err = s.Place.SignIn(client.Account{Email: saved.Email, RefreshToken: saved.RefreshToken}, o.Now).Revoke(ctx)
	if err != nil {
		err = fmt.Errorf("the session is gone from this machine, but not ended at the server: %w", err)
	}
	return saved.Email, err
}

// givenPassword is the one that was given without being asked for, "" if none.
func (o Options) givenPassword() (string, error) {
	if o.PasswordFile == "" {
		return o.Getenv(EnvPassword), nil
	}
	in := o.Stdin
	if o.PasswordFile != "-" {
		f, err := os.Open(o.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return "", fmt.Errorf("the first line of %s is empty; it should be the password", o.PasswordFile)
	}
	return string(line), nil
}

// trust is the system's authorities and those of a file.
func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities of --ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", file)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
