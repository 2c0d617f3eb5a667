package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotseat/backend/local/sigv4"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func TestVerifyAcceptsARequestPutTogetherByHand(t *testing.T) {
	body := []byte(`{"channel":"/playtest/s-1"}`)
	signed := sign(t, http.MethodPost, "http://127.0.0.1:8470/event", body, goodKey, noon)

	synthetic := &http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Path: "/event"},
		Host:   "127.0.0.1:8470",
		Header: http.Header{
			"Authorization":  signed.Header["Authorization"],
			"X-Amz-Date":     signed.Header["X-Amz-Date"],
			"Content-Length": {"ignored"},
		},
	}
	if err := sigv4.Verify(synthetic, body, service, region, goodKey, noon); err != nil {
		t.Fatal(err)
	}
	if got := synthetic.Header["Authorization"]; got[0] != signed.Header["Authorization"][0] || synthetic.URL.RawQuery != "" {
		t.Fatal("Verify changed the request")
	}
	if err := sigv4.Verify(synthetic, []byte(`{}`), service, region, goodKey, noon); err == nil {
		t.Fatal("accepted for another body")
	}
	if err := sigv4.Verify(synthetic, body, "appsync", region, goodKey, noon); err == nil {
		t.Fatal("accepted for another service")
	}
	if err := sigv4.Verify(synthetic, body, service, "eu-west-1", goodKey, noon); err == nil {
		t.Fatal("accepted for another region")
	}
}

func TestEmptyCredentialsRefuseEverything(t *testing.T) {
	empty := sigv4.Credentials{}
	signed := sign(t, http.MethodPost, "http://h/", nil, empty, noon)
	if err := sigv4.Verify(signed, nil, service, region, empty, noon); err == nil {
		t.Fatal("accepted without a configured key")
	}
	noSecret := sigv4.Credentials{AccessKeyID: "AKIA"}
	signed = sign(t, http.MethodPost, "http://h/", nil, noSecret, noon)
	if err := sigv4.Verify(signed, nil, service, region, noSecret, noon); err == nil {
		t.Fatal("accepted with an empty secret")
	}
}

func TestMalformedAuthorizationsAreNamed(t *testing.T) {
	const (
		good = "AWS4-HMAC-SHA256 Credential=K/20261122/us-west-2/gameliftstreams/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
		date = "20261122T120000Z"
	)
	for name, c := range map[string]struct{ header, date, code string }{
		"no header":               {"", date, sigv4.CodeMissingToken},
		"bearer token":            {"Bearer x", date, sigv4.CodeIncompleteSignature},
		"older algorithm":         {strings.Replace(good, "SHA256", "SHA1", 1), date, sigv4.CodeIncompleteSignature},
		"no signature":            {strings.Replace(good, ", Signature=00", "", 1), date, sigv4.CodeIncompleteSignature},
		"empty signature":         {strings.Replace(good, "=00", "=", 1), date, sigv4.CodeIncompleteSignature},
		"signature twice":         {good + ", Signature=01", date, sigv4.CodeIncompleteSignature},
		"unknown field":           {good + ", More=01", date, sigv4.CodeIncompleteSignature},
		"short scope":             {strings.Replace(good, "/aws4_request", "", 1), date, sigv4.CodeIncompleteSignature},
		"host not signed":         {strings.Replace(good, "host;", "", 1), date, sigv4.CodeInvalidSignature},
		"date not signed":         {strings.Replace(good, ";x-amz-date", "", 1), date, sigv4.CodeInvalidSignature},
		"signed headers unsorted": {strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1), date, sigv4.CodeIncompleteSignature},
		"signed header twice":     {strings.Replace(good, "host;", "host;host;", 1), date, sigv4.CodeIncompleteSignature},
		"too long":                {good + strings.Repeat(" ", 5000), date, sigv4.CodeIncompleteSignature},
		"no date":                 {good, "", sigv4.CodeIncompleteSignature},
		"another date format":     {good, "Sun, 22 Nov 2026 12:00:00 GMT", sigv4.CodeIncompleteSignature},
		"scope of another day":    {strings.Replace(good, "20261122", "20261121", 1), date, sigv4.CodeInvalidSignature},
		"wrong signature":         {good, date, sigv4.CodeInvalidSignature},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: "h", Header: http.Header{}}
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if c.date != "" {
				r.Header.Set("X-Amz-Date", c.date)
			}
			err := sigv4.Verify(r, nil, service, region, sigv4.Credentials{AccessKeyID: "K", SecretAccessKey: "S"}, noon)
			var refused *sigv4.Error
			if !errors.As(err, &refused) || refused.Code != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=K/20261122/us-west-2/gameliftstreams/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20261122T120000Z", "/a%2Fb", "x=1")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature==", "", "", ";")
	f.Add("Bearer x", "20261122T120000Z", "*", "%zz")
	f.Fuzz(func(t *testing.T, authorization, date, path, query string) {
		r := &http.Request{
			Method: http.MethodPost, Host: "h",
			URL:    &url.URL{Path: path, RawQuery: query},
			Header: http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}},
		}
		err := sigv4.Verify(r, nil, service, region, sigv4.Credentials{AccessKeyID: "K", SecretAccessKey: "a secret nobody guesses"}, noon)
		var refused *sigv4.Error
		if !errors.As(err, &refused) {
			t.Fatalf("got %v, want a refusal with a code", err)
		}
	})
}
