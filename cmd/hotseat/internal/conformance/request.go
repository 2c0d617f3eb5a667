package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

// request is one HTTP request of a run.
type request struct {
	method, url, token, contentType, body string
	header                                map[string]string
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	url    string // after redirections
	moved  []int  // statuses of the redirections
	waited []int  // statuses that asked for patience
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)) }

// mediaType is the Content-Type without its parameters.
func (r reply) mediaType() string {
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func (r reply) refused() bool { return r.status >= 400 && r.status < 500 }
func (r reply) ok() bool      { return r.status >= 200 && r.status < 300 }

// send follows redirections itself, since net/http leaves the token behind when the host changes, and waits where
// a server asks for it.
func (r *runner) send(ctx context.Context, q request) (reply, error) {
	var moved, waited []int
	address := q.url
	for began := time.Now(); ; {
		out, err := r.once(ctx, q, address)
		if err != nil {
			return out, err
		}
		out.moved, out.waited, out.url = moved, waited, address
		switch out.status {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			next, err := resolve(address, out.header.Get("Location"))
			if err != nil || len(moved) >= 5 || q.method != http.MethodPost {
				return out, nil
			}
			moved, address = append(moved, out.status), next
		case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusNotFound:
			// 404 with Retry-After is said of a broadcast that is about to begin.
			seconds, err := strconv.Atoi(out.header.Get("Retry-After"))
			wait := time.Duration(max(1, seconds)) * time.Second
			if err != nil || time.Since(began)+wait > patience {
				return out, nil
			}
			waited = append(waited, out.status)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return out, ctx.Err()
			}
		default:
			return out, nil
		}
	}
}

func (r *runner) once(ctx context.Context, q request, address string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, q.method, address, strings.NewReader(q.body))
	if err != nil {
		return reply{}, err
	}
	if q.contentType != "" {
		request.Header.Set("Content-Type", q.contentType)
	}
	if q.token != "" {
		request.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, value := range q.header {
		request.Header.Set(name, value)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 256<<10))
	if err != nil {
		return reply{}, fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}, nil
}

// resolve makes a Location absolute.
func resolve(base, location string) (string, error) {
	if location == "" {
		return "", fmt.Errorf("no Location")
	}
	from, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	to, err := from.Parse(location)
	if err != nil {
		return "", fmt.Errorf("Location %q: %w", location, err)
	}
	return to.String(), nil
}
