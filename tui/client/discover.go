package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Errors of Discover, to be tested with errors.Is. The sentences around them say what to do.
var (
	// ErrUnreachable: nothing answers at the address, or its certificate is not trusted.
	ErrUnreachable = errors.New("cannot reach the backend")
	// ErrNotHotseat: something answers, and it is no Hotseat.
	ErrNotHotseat = errors.New("this is not a Hotseat")
)

// config is what GET /api/config tells.
type config struct {
	Region  string `json:"region"`
	Cognito struct {
		Endpoint string `json:"endpoint"`
		ClientID string `json:"clientId"`
	} `json:"cognito"`
	Events struct {
		HTTPURL     string `json:"httpUrl"`
		RealtimeURL string `json:"realtimeUrl"`
		Host        string `json:"host"`
	} `json:"events"`
}

// Place is a backend as it describes itself to anybody, before they sign in.
type Place struct {
	URL  string // without a slash at the end
	http *http.Client
	conf config
}

// Discover asks a backend where people sign in and where its channels are.
func Discover(ctx context.Context, httpClient *http.Client, address string) (*Place, error) {
	return discover(ctx, httpClient, address, "/api/config")
}

// discover reads the configuration at a path.
func discover(ctx context.Context, httpClient *http.Client, address, path string) (*Place, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	p := &Place{URL: base, http: httpClient}
	anyone := &api{base: base, http: httpClient}
	err = anyone.call(ctx, http.MethodGet, path, nil, &p.conf)
	var refused *Refusal
	var untrusted *tls.CertificateVerificationError
	var network *url.Error
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("ask %s what it is: %w", base, ctx.Err())
	case errors.As(err, &untrusted):
		return nil, fmt.Errorf("%w at %s: its certificate is not trusted: %w", ErrUnreachable, base, untrusted.Err)
	case errors.As(err, &network):
		return nil, fmt.Errorf("%w at %s: %w; is it running there, and is the address right?", ErrUnreachable, base, network.Err)
	case errors.As(err, &refused) && refused.Status >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%w at %s: it answered %d %s", ErrUnreachable, base, refused.Status, http.StatusText(refused.Status))
	case err != nil, p.conf.Events.RealtimeURL == "", p.conf.Events.HTTPURL == "", p.conf.Cognito.ClientID == "":
		return nil, fmt.Errorf("%s: %w: it does not say where people sign in (GET /api/config)", base, ErrNotHotseat)
	}
	return p, nil
}

// Untrusted reports whether an error is about a certificate of an authority that is not known here.
func Untrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// InsecureAddress returns the first address of the place, or the place's own, that would carry
// tokens unencrypted over a network; "" if there is none. Loopback is no network, unless a server elsewhere
// names it: that means this machine, and whatever listens here.
func (p *Place) InsecureAddress() string {
	for _, address := range []string{p.URL, cognitoEndpoint(p.conf), p.conf.Events.HTTPURL, p.conf.Events.RealtimeURL} {
		if Insecure(address) || loopback(address) && !loopback(p.URL) {
			return address
		}
	}
	return ""
}

// Insecure reports whether an address is neither encrypted nor on this machine.
func Insecure(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	if u.Scheme == "https" || u.Scheme == "wss" {
		return false
	}
	return !loopback(address)
}

// loopback reports whether an address is on this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// parseAddress checks a backend's address and takes off the slash at its end.
func parseAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" {
		return "", fmt.Errorf("the backend's address %q must begin with http:// or https://, and name a host", address)
	}
	return strings.TrimSuffix(address, "/"), nil
}
