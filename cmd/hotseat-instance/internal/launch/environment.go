package launch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inherited are the variables that a game gets from us. Nothing else of our own
// environment is passed on: it may hold what is not the game's business.
var inherited = []string{"LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// defaultPath serves when we have no PATH. Debian installs games in /usr/games,
// which the PATH of a service often lacks.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

const gamesPath = "/usr/games"

// Environment makes the environment of a launch script (docs/protocol.md, "Beside
// the game"). asked are the session's AdditionalEnvironmentVariables; set are the
// instance's own values, which win. PATH begins with tools, the folder that holds
// hotseat-sidecar. Sorted by name.
func Environment(asked, set map[string]string, tools string, lookup func(string) (string, bool)) []string {
	all := map[string]string{}
	for _, name := range inherited {
		if value, present := lookup(name); present {
			all[name] = value
		}
	}
	maps.Copy(all, asked)
	path := all["PATH"]
	if path == "" {
		path, _ = lookup("PATH")
	}
	if path == "" {
		path = defaultPath
	}
	if !slices.Contains(filepath.SplitList(path), gamesPath) {
		path += string(os.PathListSeparator) + gamesPath
	}
	maps.Copy(all, set)
	all["PATH"] = tools + string(os.PathListSeparator) + path

	var environment []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		// A NUL would cut the variable short, and exec refuses it altogether.
		environment = append(environment, name+"="+strings.ReplaceAll(all[name], "\x00", ""))
	}
	return environment
}
