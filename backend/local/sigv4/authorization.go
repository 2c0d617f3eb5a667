package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// dateLayout is the ISO 8601 basic format of X-Amz-Date, always UTC.
	dateLayout = "20060102T150405Z"

	// maxAuthorizationBytes bounds the header before it is taken apart. The SDK
	// clients send about 300 bytes.
	maxAuthorizationBytes = 4 << 10

	// maxSignedHeaders bounds the list of signed headers; the SDK clients sign
	// eight at most.
	maxSignedHeaders = 64
)

// authorization is the Authorization header and the date it belongs to.
type authorization struct {
	accessKeyID   string
	scopeDate     string // yyyymmdd
	region        string
	service       string
	signedHeaders []string // lower case, sorted, without repetition
	signature     string   // 64 hexadecimal digits
	date          time.Time
}

// parseAuthorization reads Authorization and X-Amz-Date. It never looks at the
// signature's value.
func parseAuthorization(header http.Header) (authorization, error) {
	var a authorization

	values := header.Values("Authorization")
	if len(values) == 0 || values[0] == "" {
		return a, refuse(CodeMissingToken, "Missing Authentication Token")
	}
	if len(values) > 1 || len(values[0]) > maxAuthorizationBytes {
		return a, refuse(CodeIncompleteSignature, "Authorization header must be present once and at most 4 KiB long.")
	}
	fields, ok := strings.CutPrefix(values[0], algorithm+" ")
	if !ok {
		return a, refuse(CodeIncompleteSignature, "Authorization header requires the algorithm '"+algorithm+"'.")
	}
	var credential, signedHeaders string
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var target *string
		switch name {
		case "Credential":
			target = &credential
		case "SignedHeaders":
			target = &signedHeaders
		case "Signature":
			target = &a.signature
		default:
			return a, refuse(CodeIncompleteSignature, "Authorization header has a field that is none of Credential, SignedHeaders, Signature.")
		}
		if *target != "" || value == "" {
			return a, refuse(CodeIncompleteSignature, "Authorization header requires '"+name+"' once, with a value.")
		}
		*target = value
	}
	if credential == "" || signedHeaders == "" || a.signature == "" {
		return a, refuse(CodeIncompleteSignature, "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
	}

	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != terminator {
		return a, refuse(CodeIncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/"+terminator+".")
	}
	a.accessKeyID, a.scopeDate, a.region, a.service = scope[0], scope[1], scope[2], scope[3]

	if err := a.setSignedHeaders(signedHeaders); err != nil {
		return a, err
	}
	return a, a.setDate(header.Values("X-Amz-Date"))
}

func (a *authorization) setSignedHeaders(list string) error {
	a.signedHeaders = strings.Split(list, ";")
	if len(a.signedHeaders) > maxSignedHeaders {
		return refuse(CodeIncompleteSignature, "SignedHeaders names too many headers.")
	}
	for i, name := range a.signedHeaders {
		if name == "" || name != strings.ToLower(name) || (i > 0 && name <= a.signedHeaders[i-1]) {
			return refuse(CodeIncompleteSignature, "SignedHeaders must be lower case, sorted and without repetition.")
		}
	}
	for _, required := range []string{"host", "x-amz-date"} {
		if !slices.Contains(a.signedHeaders, required) {
			return refuse(CodeInvalidSignature, "'"+required+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

func (a *authorization) setDate(values []string) error {
	if len(values) != 1 {
		return refuse(CodeIncompleteSignature, "Request requires one 'X-Amz-Date' header.")
	}
	date, err := time.Parse(dateLayout, values[0])
	if err != nil {
		return refuse(CodeIncompleteSignature, "Date must be in ISO-8601 'basic format', e.g. 20261122T105039Z.")
	}
	a.date = date
	return nil
}
