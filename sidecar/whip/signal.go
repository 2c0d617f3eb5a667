package whip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// maxRedirects: the global WHIP address of IVS sends publishers to a node with one 307.
	maxRedirects = 5
	// maxAnswer bounds what a server may answer; an SDP answer has 1 to 3 KiB.
	maxAnswer = 64 << 10
	// httpWait bounds one request.
	httpWait = 5 * time.Second
)

// Media types of RFC 9725 sections 4.2 and 4.3.
const (
	typeSDP     = "application/sdp"
	typeSDPFrag = "application/trickle-ice-sdpfrag"
)

// newHTTPClient follows no redirects: net/http would drop the Authorization header on the way
// to another host, and turn POST into GET for 301, 302 and 303.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       httpWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSHandshakeTimeout: httpWait,
			IdleConnTimeout:     30 * time.Second,
		},
	}
}

// created is what a stage answers to an offer that it takes: 201 (RFC 9725 section 4.2).
type created struct {
	answer     string
	resource   *url.URL // of the WHIP session: to DELETE and PATCH
	etag       string   // "": the stage restarts no ICE (section 4.3.3)
	iceServers []webrtc.ICEServer
}

// post sends an offer, going after redirects with body and token.
func (p *Publisher) post(ctx context.Context, token, offer string) (*created, error) {
	at, err := url.Parse(p.cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("whip: endpoint: %w", err)
	}
	for range maxRedirects + 1 {
		r, err := p.do(ctx, request{method: http.MethodPost, to: at, token: token, body: offer, contentType: typeSDP})
		if err != nil {
			return nil, err
		}
		switch r.status {
		case http.StatusCreated:
			resource, err := location(at, r.header)
			if err != nil {
				return nil, err
			}
			return &created{
				answer: r.body, resource: resource, etag: r.header.Get("ETag"),
				iceServers: iceServers(r.header.Values("Link")),
			}, nil
		// RFC 9725 section 4.5 asks servers for 307; the others are met in the field, and mean
		// the same to a client that has nothing but an offer to send.
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
			http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			if at, err = location(at, r.header); err != nil {
				return nil, err
			}
		default:
			return nil, newStatusError(r.status, r.header, r.body, time.Now())
		}
	}
	return nil, fmt.Errorf("whip: more than %d redirects, the last to %s", maxRedirects, at.Redacted())
}

// delete ends a session (RFC 9725 section 4.2).
func (p *Publisher) delete(ctx context.Context, s *session) error {
	r, err := p.do(ctx, request{method: http.MethodDelete, to: s.resource, token: s.token})
	if err != nil {
		return err
	}
	if r.status/100 != 2 && r.status != http.StatusNotFound && r.status != http.StatusGone {
		return newStatusError(r.status, r.header, r.body, time.Now())
	}
	return nil
}

// patch sends candidates, or the credentials of an ICE restart (RFC 9725 section 4.3).
func (p *Publisher) patch(ctx context.Context, s *session, ifMatch, frag string) (*response, error) {
	r, err := p.do(ctx, request{
		method: http.MethodPatch, to: s.resource, token: s.token, body: frag, contentType: typeSDPFrag, ifMatch: ifMatch,
	})
	if err != nil {
		return nil, err
	}
	if r.status/100 != 2 {
		return nil, newStatusError(r.status, r.header, r.body, time.Now())
	}
	return r, nil
}

type request struct {
	method      string
	to          *url.URL
	token       string
	body        string
	contentType string
	ifMatch     string
}

type response struct {
	status int
	header http.Header
	body   string
}

func (p *Publisher) do(ctx context.Context, r request) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.to.String(), strings.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if r.body != "" {
		req.Header.Set("Content-Type", r.contentType)
		req.Header.Set("Accept", r.contentType)
	}
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("whip: cannot reach the stage: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("whip: read the answer of the stage: %w", err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("whip: the stage answered more than %d bytes", maxAnswer)
	}
	return &response{resp.StatusCode, resp.Header, string(data)}, nil
}

// location reads a Location header, which may be relative. The token goes by https, or stays on
// this machine, and never from https to http.
func location(base *url.URL, h http.Header) (*url.URL, error) {
	text := h.Get("Location")
	if text == "" {
		return nil, errors.New("whip: the stage answered without a Location header")
	}
	to, err := base.Parse(text)
	if err != nil || to.Host == "" || (to.Scheme != "https" && to.Scheme != "http") {
		return nil, errors.New("whip: the stage answered with a Location header that is no http address")
	}
	if to.Scheme == "http" && (base.Scheme == "https" || !isLoopback(to.Hostname())) {
		return nil, fmt.Errorf("whip: the stage sends us to %s, where the token would travel in clear text", to.Redacted())
	}
	return to, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
