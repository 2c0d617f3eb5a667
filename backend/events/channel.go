package events

import (
	"errors"
	"regexp"
	"strings"
)

// ErrBadChannel says that a string is not a channel. Its text is the service's own.
var ErrBadChannel = errors.New("Invalid Channel Format") //nolint:staticcheck // the service's wording, sent as it is

// maxChannelBytes is the longest channel: five segments of 50, their slashes, one more
// slash at the end.
const maxChannelBytes = 5*51 + 1

// channelPattern is the service's own: one to five segments of letters, digits and inner
// dashes, at most 50 characters each; slashes at both ends are optional.
var channelPattern = regexp.MustCompile(
	`^/?[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?(?:/[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?){0,4}/?$`)

// operationIDPattern is the service's own for the ids of operations.
var operationIDPattern = regexp.MustCompile(`^[a-zA-Z0-9\-_+]{1,128}$`)

// ValidOperationID tells whether an id may name an operation. Valid ids need no escaping in
// JSON.
func ValidOperationID(id string) bool { return operationIDPattern.MatchString(id) }

// Channel is a checked channel: either one channel, or every channel below a path.
type Channel struct {
	// Path begins with a slash and does not end with one: "/playtest/s-1". For a wildcard
	// it is the part before "/*".
	Path string
	// Wildcard is true for "/playtest/*": every channel below Path at any depth, but not
	// Path itself.
	Wildcard bool
}

// ParseChannel checks a channel of a publish or subscribe operation. A wildcard is allowed
// as the last segment only, never as the first; publishers must refuse Channel.Wildcard.
func ParseChannel(text string) (Channel, error) {
	if len(text) > maxChannelBytes {
		return Channel{}, ErrBadChannel
	}
	path, wildcard := strings.CutSuffix(strings.TrimSuffix(text, "/"), "/*")
	if !channelPattern.MatchString(path) || (wildcard && strings.HasSuffix(path, "/")) {
		return Channel{}, ErrBadChannel
	}
	channel := Channel{Path: "/" + strings.Trim(path, "/"), Wildcard: wildcard}
	if wildcard && strings.Count(channel.Path, "/") > 4 {
		return Channel{}, ErrBadChannel // the wildcard is a segment, too
	}
	return channel, nil
}

// Segments are the parts of Path: "playtest", "s-1". The first names the namespace.
func (c Channel) Segments() []string { return strings.Split(c.Path[1:], "/") }

// Namespace is the first segment.
func (c Channel) Namespace() string {
	name, _, _ := strings.Cut(c.Path[1:], "/")
	return name
}

// String is the channel as it is written in a frame.
func (c Channel) String() string {
	if c.Wildcard {
		return c.Path + "/*"
	}
	return c.Path
}
