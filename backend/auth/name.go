package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameCharacters is the length limit of docs/protocol.md; a name has to fit
// beside a chat message and in a column of the console.
const maxNameCharacters = 40

// displayName returns the first of the candidates that has anything to show,
// cleaned and cut to 40 characters.
func displayName(candidates ...string) string {
	for _, candidate := range candidates {
		if name := cleanName(candidate); name != "" {
			return name
		}
	}
	return ""
}

// cleanName makes a name safe to print in pages and terminals: users choose
// their names themselves. Control characters and invisible format characters
// (which can reverse the text around them, Unicode TR 36) are dropped, and any
// run of white space becomes one space.
func cleanName(name string) string {
	var b strings.Builder
	length, space := 0, false
	for _, r := range name {
		if unicode.IsSpace(r) {
			space = length > 0
			continue
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if space && length+1 < maxNameCharacters {
			b.WriteByte(' ')
			length++
		}
		space = false
		if length == maxNameCharacters {
			break
		}
		b.WriteRune(r)
		length++
	}
	return b.String()
}

// localPart returns what stands before the @ of an e-mail address.
func localPart(email string) string {
	local, _, _ := strings.Cut(email, "@")
	return local
}
