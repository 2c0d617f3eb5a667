package whip

import (
	"strings"

	"github.com/pion/webrtc/v4"
)

const (
	// maxICEServers: pion asks each of them; a stage names one to three.
	maxICEServers = 8
	// maxLink bounds the text of all Link headers that is looked at.
	maxLink = 8 << 10
)

// iceServers reads the STUN and TURN servers of Link headers with rel="ice-server" (RFC 9725
// section 4.6, syntax RFC 8288 section 3). Other relations, other schemes and what cannot be read
// are passed over: a stage may link to whatever it likes.
func iceServers(headers []string) []webrtc.ICEServer {
	var servers []webrtc.ICEServer
	text := strings.Join(headers, ",")
	text = text[:min(len(text), maxLink)]
	for text != "" && len(servers) < maxICEServers {
		target, params, rest, ok := nextLink(text)
		if !ok {
			break
		}
		text = rest
		if !hasWord(params["rel"], "ice-server") {
			continue
		}
		scheme, _, _ := strings.Cut(target, ":")
		switch strings.ToLower(scheme) {
		case "stun", "stuns":
			servers = append(servers, webrtc.ICEServer{URLs: []string{target}})
		case "turn", "turns":
			if kind := params["credential-type"]; (kind != "" && kind != "password") || params["username"] == "" || params["credential"] == "" {
				continue // pion refuses the whole configuration for one such server
			}
			servers = append(servers, webrtc.ICEServer{
				URLs: []string{target}, Username: params["username"], Credential: params["credential"],
				CredentialType: webrtc.ICECredentialTypePassword,
			})
		}
	}
	return servers
}

func hasWord(list, word string) bool {
	for _, w := range strings.Fields(list) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// nextLink reads one <target>; name=value; name="value" and what comes after its comma. Names
// are in lower case; the first of a name counts (RFC 8288 section 3.3).
func nextLink(text string) (target string, params map[string]string, rest string, ok bool) {
	open := strings.IndexByte(text, '<')
	if open < 0 || strings.Trim(text[:open], " \t,") != "" {
		return "", nil, "", false
	}
	target, rest, ok = strings.Cut(text[open+1:], ">")
	if !ok {
		return "", nil, "", false
	}
	params = map[string]string{}
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return strings.TrimSpace(target), params, rest, true
		}
		if rest[0] != ';' {
			return "", nil, "", false
		}
		rest = strings.TrimLeft(rest[1:], " \t")
		end := strings.IndexAny(rest, "=;,")
		if end < 0 {
			end = len(rest)
		}
		name, value := strings.ToLower(strings.TrimSpace(rest[:end])), ""
		rest = rest[end:]
		if rest != "" && rest[0] == '=' {
			if value, rest, ok = linkValue(strings.TrimLeft(rest[1:], " \t")); !ok {
				return "", nil, "", false
			}
		}
		if _, seen := params[name]; !seen && name != "" {
			params[name] = value
		}
	}
}

// linkValue reads a token or a quoted string.
func linkValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		return strings.TrimSpace(text[:end]), text[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}
