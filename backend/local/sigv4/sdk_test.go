package sigv4_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams"
	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams/types"
	"github.com/aws/smithy-go"

	"hotseat/backend/local/sigv4"
)

const (
	service = "gameliftstreams"
	region  = "us-west-2"

	groupARN   = "arn:aws:gameliftstreams:us-west-2:123456789012:streamgroup/sg-1AB2C3De4"
	sessionARN = "arn:aws:gameliftstreams:us-west-2:123456789012:streamsession/sg-1AB2C3De4/ABC123def4567"
)

var goodKey = sigv4.Credentials{AccessKeyID: "AKIALOCALHOTSEAT0001", SecretAccessKey: "a local secret"}

// received is what the handler behind the middleware saw.
type received struct {
	calls int
	path  string
	body  []byte
}

// newService serves the middleware on a real socket, below prefix.
func newService(t *testing.T, prefix string, now func() time.Time) (string, *received) {
	t.Helper()
	seen := &received{}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.calls++
		seen.path = r.URL.EscapedPath()
		seen.body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"Arn":"`+sessionARN+`","Status":"ACTIVE"}`)
	})
	protected := sigv4.Middleware(service, region, goodKey, now, nil)(inner)
	server := httptest.NewServer(http.StripPrefix(prefix, protected))
	t.Cleanup(server.Close)
	return server.URL + prefix, seen
}

func newClient(url string, key sigv4.Credentials, transport http.RoundTripper) *gameliftstreams.Client {
	return gameliftstreams.New(gameliftstreams.Options{
		Region:       region,
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}, nil
		}),
		HTTPClient: &http.Client{Transport: transport},
		Retryer:    aws.NopRetryer{},
	})
}

func startSession(client *gameliftstreams.Client) error {
	_, err := client.StartStreamSession(context.Background(), &gameliftstreams.StartStreamSessionInput{
		Identifier:            aws.String(groupARN),
		ApplicationIdentifier: aws.String("a-9ZY8X7Wv6"),
		Protocol:              types.ProtocolWebrtc,
		SignalRequest:         aws.String(`{"type":"offer","sdp":"v=0"}`),
	})
	return err
}

func wantCode(t *testing.T, err error, code, messagePart string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want the service error %s", err, code)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), messagePart) {
		t.Fatalf("got %s %q, want %s with %q", api.ErrorCode(), api.ErrorMessage(), code, messagePart)
	}
}

// roundTrip changes a signed request on its way.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSDKRequestWithAnARNInThePathIsAccepted(t *testing.T) {
	for _, prefix := range []string{"", "/gameliftstreams"} {
		url, seen := newService(t, prefix, nil)
		client := newClient(url, goodKey, nil)

		if err := startSession(client); err != nil {
			t.Fatalf("start a session below %q: %v", prefix, err)
		}
		var body struct{ ApplicationIdentifier string }
		if err := json.Unmarshal(seen.body, &body); err != nil || body.ApplicationIdentifier != "a-9ZY8X7Wv6" {
			t.Fatalf("the handler read %q (%v), want the whole request", seen.body, err)
		}
		if !strings.HasPrefix(seen.path, "/streamgroups/arn%3Aaws%3A") || !strings.Contains(seen.path, "streamgroup%2Fsg-") {
			t.Fatalf("the handler got the path %q, want the ARN as one escaped segment", seen.path)
		}

		// A GET without a body, and a query.
		if _, err := client.GetStreamSession(context.Background(), &gameliftstreams.GetStreamSessionInput{
			Identifier: aws.String(groupARN), StreamSessionIdentifier: aws.String(sessionARN),
		}); err != nil {
			t.Fatalf("get a session: %v", err)
		}
		if _, err := client.ListStreamSessions(context.Background(), &gameliftstreams.ListStreamSessionsInput{
			Identifier: aws.String(groupARN), MaxResults: aws.Int32(5), NextToken: aws.String("a b+c/d=="),
		}); err != nil {
			t.Fatalf("list sessions: %v", err)
		}
		if seen.calls != 3 {
			t.Fatalf("the handler saw %d calls, want 3", seen.calls)
		}
	}
}

func TestWrongKeysAreRefused(t *testing.T) {
	url, seen := newService(t, "", nil)

	badSecret := goodKey
	badSecret.SecretAccessKey = "another secret"
	wantCode(t, startSession(newClient(url, badSecret, nil)), sigv4.CodeInvalidSignature, "does not match the signature you provided")

	stranger := goodKey
	stranger.AccessKeyID = "AKIASTRANGER00000001"
	wantCode(t, startSession(newClient(url, stranger, nil)), sigv4.CodeUnknownKey, "security token")

	if seen.calls != 0 {
		t.Fatalf("the handler saw %d refused calls", seen.calls)
	}
}

func TestOldAndFutureDatesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		serverAhead time.Duration
		message     string // empty: accepted
	}{
		"fourteen minutes old":   {14 * time.Minute, ""},
		"sixteen minutes old":    {16 * time.Minute, "Signature expired"},
		"fourteen minutes early": {-14 * time.Minute, ""},
		"sixteen minutes early":  {-16 * time.Minute, "not yet current"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := newService(t, "", func() time.Time { return time.Now().Add(c.serverAhead) })
			err := startSession(newClient(url, goodKey, nil))
			if c.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantCode(t, err, sigv4.CodeInvalidSignature, c.message)
		})
	}
}

func TestARequestChangedOnItsWayIsRefused(t *testing.T) {
	changes := map[string]func(*http.Request){
		"body": func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			changed := bytes.Replace(body, []byte("a-9ZY8X7Wv6"), []byte("a-000000000"), 1)
			r.Body = io.NopCloser(bytes.NewReader(changed))
		},
		"longer body": func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			body = append(body, ' ')
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		},
		"method":        func(r *http.Request) { r.Method = http.MethodPut },
		"path":          func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/applications", "" },
		"path escaping": func(r *http.Request) { r.URL.RawPath = "" }, // %2F becomes /
		"query":         func(r *http.Request) { r.URL.RawQuery = "admin=1" },
		"broken query":  func(r *http.Request) { r.URL.RawQuery = "a=1;b=2" },
		"signed header": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"host":          func(r *http.Request) { r.Host = "elsewhere.example" },
		"dropped header": func(r *http.Request) {
			r.Header.Del("Amz-Sdk-Invocation-Id")
		},
		"payload hash": func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().UTC().Add(time.Minute).Format("20060102T150405Z"))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			url, seen := newService(t, "", nil)
			client := newClient(url, goodKey, roundTrip(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				change(r)
				return http.DefaultTransport.RoundTrip(r)
			}))
			wantCode(t, startSession(client), sigv4.CodeInvalidSignature, "")
			if seen.calls != 0 {
				t.Fatal("the handler saw the changed request")
			}
		})
	}
}

func TestUnsignedHeadersMayBeAdded(t *testing.T) {
	url, _ := newService(t, "", nil)
	client := newClient(url, goodKey, roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		return http.DefaultTransport.RoundTrip(r)
	}))
	if err := startSession(client); err != nil {
		t.Fatal(err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	url, seen := newService(t, "", nil)
	for size, status := range map[int]int{sigv4.MaxBodyBytes: http.StatusOK, sigv4.MaxBodyBytes + 1: http.StatusRequestEntityTooLarge} {
		body := bytes.Repeat([]byte("x"), size)
		request := sign(t, http.MethodPost, url+"/streamgroups", body, goodKey, time.Now())
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Fatalf("%d bytes: status %d, want %d", size, response.StatusCode, status)
		}
	}
	if seen.calls != 1 {
		t.Fatalf("the handler saw %d calls, want 1", seen.calls)
	}
}

// sign makes a request with the official signer.
func sign(t *testing.T, method, url string, body []byte, key sigv4.Credentials, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hash(body), service, region, at); err != nil {
		t.Fatal(err)
	}
	return r
}
