package ivsrealtime

import (
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Limits of the API model and of the service quotas of IVS Real-Time.
const (
	maxStages          = 1000
	maxName            = 128
	maxTags            = 50
	maxUserID          = 128
	maxAttributes      = 1024 // bytes, keys and values together
	maxReason          = 128
	maxTokensPerCreate = 12
	defaultDuration    = 720    // minutes
	maxDuration        = 20_160 // minutes: 14 days
	defaultResults     = 50
	maxResults         = 100
)

// What is kept of the past. These are ours; IVS keeps sessions for 60 days.
const (
	keptSessions     = 20     // of a stage
	keptParticipants = 20_000 // of a session
	keptEvents       = 100    // of a participant
)

var (
	namePattern        = regexp.MustCompile(`^[a-zA-Z0-9_-]*$`)
	stageARNPattern    = regexp.MustCompile(`^arn:aws:ivs:[a-z0-9-]+:[0-9]+:stage/([a-zA-Z0-9-]+)$`)
	participantPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
)

func checkName(name string) error {
	if len(name) > maxName || !namePattern.MatchString(name) {
		return invalid("name must have at most 128 of the characters a-z A-Z 0-9 - _")
	}
	return nil
}

// stageID takes the id out of a stage's ARN.
func stageID(arn string) (string, error) {
	found := stageARNPattern.FindStringSubmatch(arn)
	if found == nil || len(arn) > 128 {
		return "", invalid("not the ARN of a stage")
	}
	return found[1], nil
}

func checkAttributes(attributes map[string]string) error {
	size := 0
	for k, v := range attributes {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return invalid("attributes must be UTF-8")
		}
		size += len(k) + len(v)
	}
	if size > maxAttributes {
		return invalid("attributes have more than 1 KB in all")
	}
	return nil
}

// page cuts one page out of items. The token is the index of the next item, so a listing
// may repeat or miss one that comes or goes between two pages.
func page[T any](items []T, token string, size int32) ([]T, string, error) {
	if size < 0 || size > maxResults {
		return nil, "", invalid(fmt.Sprintf("maxResults must be between 1 and %d", maxResults))
	}
	if size == 0 {
		size = defaultResults
	}
	start := 0
	if token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 || n > len(items) {
			return nil, "", invalid("nextToken is not one that was given out for this listing")
		}
		start = n
	}
	end := min(start+int(size), len(items))
	next := ""
	if end < len(items) {
		next = strconv.Itoa(end)
	}
	return append([]T{}, items[start:end]...), next, nil
}
