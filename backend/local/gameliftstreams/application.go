package gameliftstreams

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Application is a game that can be streamed: a folder with a launch script.
type Application struct {
	ID             string // like "a-demo"
	Description    string // for people, 1 to 80 characters of the API's pattern
	Dir            string // absolute
	ExecutablePath string // the launch script, relative to Dir
}

// launchScripts are the names that LoadApplication looks for: first the script of
// the sidecar sample, which starts the broadcast and then the game.
var launchScripts = []string{"run_broadcaster_background.sh", "run.sh"}

var (
	applicationIDPattern = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)
	notInID              = regexp.MustCompile(`[^a-zA-Z0-9]+`)
)

// LoadApplication makes an application of a folder that holds a launch script. Its
// ID is made of the folder's name. The errors say what to put right.
func LoadApplication(dir string) (Application, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Application{}, fmt.Errorf("application folder %s: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return Application{}, fmt.Errorf("application folder: %w", err)
	}
	if !info.IsDir() {
		return Application{}, fmt.Errorf("application folder: %s is not a folder", dir)
	}
	name := strings.Trim(notInID.ReplaceAllString(filepath.Base(dir), "-"), "-")
	if name == "" {
		return Application{}, fmt.Errorf("application folder %s: its name needs a letter or digit", dir)
	}
	if len(name) > 80 {
		name = name[:80]
	}
	for _, script := range launchScripts {
		info, err := os.Stat(filepath.Join(dir, script))
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return Application{}, fmt.Errorf("launch script: %w", err)
		case !info.Mode().IsRegular():
			return Application{}, fmt.Errorf("launch script: %s is not a file", filepath.Join(dir, script))
		case !executable(info):
			return Application{}, fmt.Errorf("launch script: %[1]s is not executable; run: chmod +x %[1]s", filepath.Join(dir, script))
		}
		return Application{ID: "a-" + name, Description: strings.ReplaceAll(name, "-", " "), Dir: dir, ExecutablePath: script}, nil
	}
	return Application{}, fmt.Errorf("application folder %s has no launch script: add an executable %s", dir, strings.Join(launchScripts, " or "))
}

func checkApplications(applications []Application) error {
	if len(applications) == 0 {
		return errors.New("no applications: give at least one folder with a launch script")
	}
	seen := map[string]string{}
	for _, application := range applications {
		if !applicationIDPattern.MatchString(application.ID) {
			return fmt.Errorf("application id %q: want 1 to 128 letters, digits and hyphens", application.ID)
		}
		if other, twice := seen[application.ID]; twice {
			return fmt.Errorf("applications %s and %s have the same id %s; rename one folder", other, application.Dir, application.ID)
		}
		seen[application.ID] = application.Dir
	}
	return nil
}
