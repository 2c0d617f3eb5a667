package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds a file of settings or a secret; the longest secret has 1024 characters.
const maxFile = 64 << 10

// variables are all names that the environment may hold and, in lower case, a file of settings.
var variables = []string{
	"INGEST_TYPE", "IVS_STAGE_TOKEN", "IVS_STAGE_TOKEN_FILE", "IVS_WHIP_ENDPOINT", "RTMP_ENDPOINT", "STREAM_KEY", "STREAM_KEY_FILE",
	"ENCODER_TYPE", "VIDEO_WIDTH", "VIDEO_HEIGHT", "VIDEO_FRAMERATE", "VIDEO_BITRATE", "AUDIO_BITRATE", "QUEUE_BUFFER_SIZE",
	"ENABLE_AUDIO", "DEBUG_PIPELINE", "HOTSEAT_ADAPT", "HOTSEAT_NICE", "HOTSEAT_HEALTH_ADDR", "HOTSEAT_LOG_FORMAT", "HOTSEAT_SUPERVISE",
	"HOTSEAT_SESSION", "HOTSEAT_EVENTS_URL", "HOTSEAT_EVENTS_HOST", "HOTSEAT_EVENTS_TOKEN", "HOTSEAT_EVENTS_TOKEN_FILE",
	"HOTSEAT_WINDOW_TITLE", "HOTSEAT_WINDOW_ID", "HOTSEAT_WINDOW_PID", "HOTSEAT_CURSOR", "HOTSEAT_AUDIO_DEVICE", "HOTSEAT_API_URL", "HOTSEAT_BRIDGE_ADDR", "HOTSEAT_BRIDGE_SOCKET",
}

// Secrets are the variables that a game has no use for and must not see: those that hold secrets,
// and those that say where they lie.
var Secrets = []string{
	"IVS_STAGE_TOKEN", "STREAM_KEY", "HOTSEAT_EVENTS_TOKEN",
	"IVS_STAGE_TOKEN_FILE", "STREAM_KEY_FILE", "HOTSEAT_EVENTS_TOKEN_FILE", "HOTSEAT_SIDECAR_CONFIG",
}

// readSettingsFile reads a TOML file without tables: one vocabulary for three places.
func (r *reader) readSettingsFile(path string) error {
	if path == "" {
		path = r.Getenv("HOTSEAT_SIDECAR_CONFIG")
	}
	if path == "" {
		return nil
	}
	raw, err := r.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the file of settings: %w", err)
	}
	if r.settings, err = parseSettings(raw); err != nil {
		return fmt.Errorf("the file of settings %s: %w", path, err)
	}
	return nil
}

func parseSettings(raw []byte) (map[string]string, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	var values map[string]any
	if err := toml.Unmarshal(raw, &values); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			return nil, fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return nil, err
	}
	settings := map[string]string{}
	var problems []error
	for key, value := range values {
		name := strings.ToUpper(key)
		if key != strings.ToLower(key) || !slices.Contains(variables, name) {
			problems = append(problems, fmt.Errorf("unknown setting %q: settings are the environment variables in lower case", key))
			continue
		}
		switch v := value.(type) {
		case string:
			settings[name] = v
		case int64:
			settings[name] = strconv.FormatInt(v, 10)
		case bool:
			settings[name] = strconv.FormatBool(v)
		default:
			problems = append(problems, fmt.Errorf("%s is neither a text, a whole number, true nor false", key))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return settings, errors.Join(problems...)
}

// secrets fills in the tokens. Within one place a file wins over a value: who names a file means
// to renew what is in it.
func (r *reader) secrets(cfg *Config, cli commandLine) error {
	var err error
	one := func(name, value, file string) (string, string) {
		places := [][2]string{
			{value, file},
			{r.Getenv(name), r.Getenv(name + "_FILE")},
			{r.settings[name], r.settings[name+"_FILE"]},
		}
		for _, p := range places {
			if p[1] != "" {
				text, readErr := r.secretFile(name, p[1])
				err = errors.Join(err, readErr)
				return text, p[1]
			}
			if p[0] != "" {
				return p[0], ""
			}
		}
		return "", ""
	}
	cfg.StageToken, cfg.StageTokenFile = one("IVS_STAGE_TOKEN", cli.stageToken, cli.stageFile)
	cfg.StreamKey, _ = one("STREAM_KEY", cli.streamKey, cli.streamKeyFile)
	cfg.Hotseat.EventsToken, cfg.Hotseat.EventsTokenFile = one("HOTSEAT_EVENTS_TOKEN", "", "")
	return err
}

func (r *reader) secretFile(name, path string) (string, error) {
	raw, err := r.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	text, err := ParseSecret(raw)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %s %w", name, path, err)
	}
	return text, nil
}

// ParseSecret is the secret of a file: its text without the white space around it.
func ParseSecret(raw []byte) (string, error) {
	text := strings.TrimSpace(string(raw[:min(len(raw), maxFile)]))
	switch {
	case text == "":
		return "", errors.New("is empty")
	case len(text) > maxText:
		return "", fmt.Errorf("holds more than %d characters", maxText)
	case strings.ContainsAny(text, " \t\r\n"):
		return "", errors.New("holds more than one word")
	}
	return text, nil
}
