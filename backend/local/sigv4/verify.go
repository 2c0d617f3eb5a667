package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// MaxSkew is how far the date of a request may be from the clock, in either
// direction: the 15 minutes that AWS documents as its widest window ("Request
// has expired" in the IAM User Guide).
const MaxSkew = 15 * time.Minute

// Credentials is the one key pair a local service accepts. With an empty
// AccessKeyID or SecretAccessKey every request is refused.
type Credentials struct{ AccessKeyID, SecretAccessKey string }

// Verify checks the signature of r over body, for a service ("gameliftstreams",
// "ivs", "appsync") in a region, at the time now. It reads Method, URL (the
// escaped path and the query), Host and Header of r, never r.Body, so r may be
// a request that was put together from something else, such as the
// authorization object of an AppSync Events message. r is not changed.
//
// A refusal is an *[Error].
func Verify(r *http.Request, body []byte, service, region string, creds Credentials, now time.Time) error {
	a, err := parseAuthorization(r.Header)
	if err != nil {
		return err
	}
	if err := a.check(service, region, creds, now); err != nil {
		return err
	}
	return a.verifySignature(r, body, creds)
}

// check compares everything that needs no body: it is done before one is read.
func (a *authorization) check(service, region string, creds Credentials, now time.Time) error {
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" || a.accessKeyID != creds.AccessKeyID {
		return refuse(CodeUnknownKey, "The security token included in the request is invalid.")
	}
	if a.region != region {
		return refuse(CodeInvalidSignature, "Credential should be scoped to a valid region: '"+region+"'.")
	}
	if a.service != service {
		return refuse(CodeInvalidSignature, "Credential should be scoped to correct service: '"+service+"'.")
	}
	if a.scopeDate != a.date.Format("20060102") {
		return refuse(CodeInvalidSignature, "Date in Credential scope does not match the date of X-Amz-Date.")
	}
	if earliest := now.Add(-MaxSkew); a.date.Before(earliest) {
		return refuse(CodeInvalidSignature, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 15 min.)",
			a.date.Format(dateLayout), earliest.UTC().Format(dateLayout), now.UTC().Format(dateLayout)))
	}
	if latest := now.Add(MaxSkew); a.date.After(latest) {
		return refuse(CodeInvalidSignature, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			a.date.Format(dateLayout), latest.UTC().Format(dateLayout), now.UTC().Format(dateLayout)))
	}
	return nil
}

// verifySignature signs the request again, with just the headers that the
// client signed, and compares.
func (a *authorization) verifySignature(r *http.Request, body []byte, creds Credentials) error {
	sum := sha256.Sum256(body)
	payloadHash := hex.EncodeToString(sum[:])
	// The body counts, not what a header says about it.
	if claimed := r.Header.Values("X-Amz-Content-Sha256"); len(claimed) > 0 && !slices.Equal(claimed, []string{payloadHash}) {
		return refuse(CodeInvalidSignature, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	// The signer drops query pairs that it cannot parse; they would travel unsigned.
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return refuse(CodeInvalidSignature, "The query string cannot be parsed.")
	}

	again := a.unsigned(r, len(body))
	key := aws.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(context.WithoutCancel(r.Context()), key, again, payloadHash, a.service, a.region, a.date); err != nil {
		return fmt.Errorf("sign the request again: %w", err)
	}
	expected, err := parseAuthorization(again.Header)
	if err != nil {
		return fmt.Errorf("read the second signature: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(expected.signature), []byte(a.signature)) != 1 {
		return refuse(CodeInvalidSignature, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// unsigned copies what the client signed of r, and nothing else.
func (a *authorization) unsigned(r *http.Request, bodyBytes int) *http.Request {
	u := *r.URL
	again := &http.Request{Method: r.Method, URL: &u, Host: r.Host, Header: http.Header{}}
	for _, name := range a.signedHeaders {
		switch name {
		case "host":
			// From Host; net/http takes it out of the header.
		case "content-length":
			// The signer signs a length only when it is positive.
			again.ContentLength = int64(bodyBytes)
		default:
			key := textproto.CanonicalMIMEHeaderKey(name)
			if values, ok := r.Header[key]; ok {
				again.Header[key] = slices.Clone(values)
			}
		}
	}
	return again
}
