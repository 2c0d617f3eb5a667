package gameliftstreams

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of StartStreamSession (API Reference).
const (
	maxBody             = 1 << 20 // bytes; 50 variables at their largest are 220 KB
	maxUserID           = 1024
	minClientToken      = 32
	maxClientToken      = 128
	maxConnectionWait   = 3600  // s
	maxSessionLength    = 86400 // s
	maxLaunchArgs       = 100
	maxVariables        = 50
	maxVariableName     = 256
	maxVariableValue    = 4096
	maxDisplayPixels    = 1920 * 1080
	defaultConnectWait  = 120   // s
	defaultSessionLimit = 43200 // s
)

var (
	identifierPattern  = regexp.MustCompile(`^([a-zA-Z0-9-]+|arn:aws:gameliftstreams:[^: ]*:[0-9]{12}:[^: ]*)$`)
	clientTokenPattern = regexp.MustCompile(`^[\x21-\x7E]+$`)
	descriptionPattern = regexp.MustCompile(`^[a-zA-Z0-9\-_.!+@/][a-zA-Z0-9\-_.!+@/ ]*$`)
	userIDPattern      = regexp.MustCompile(`^[-_a-zA-Z0-9/=+]*$`)
	variablePattern    = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)
)

// startRequest is the body of StartStreamSession. Members that clients may send
// and we do not act on (PerformanceStatsConfiguration, RoleArn) are skipped.
type startRequest struct {
	ClientToken                    string
	Description                    string
	Protocol                       string
	SignalRequest                  string
	ApplicationIdentifier          string
	UserID                         string `json:"UserId"`
	Locations                      []string
	ConnectionTimeoutSeconds       int
	SessionLengthSeconds           int
	AdditionalLaunchArgs           []string
	AdditionalEnvironmentVariables map[string]string
	DisplayConfiguration           *displayConfiguration

	application *Application
	location    string
	picture     picture
	fingerprint [sha256.Size]byte
}

type displayConfiguration struct {
	Resolution struct{ Width, Height int }
}

// picture is the player's stream and the display behind it. The API knows only the
// resolution; frame rate, bitrate and encoder follow the variables that the
// application's own broadcast is given.
type picture struct {
	width, height int // pixels
	framerate     int
	bitrateKbps   int
	encoder       string
}

// parseStart reads and checks the body of StartStreamSession.
func (s *Service) parseStart(body []byte) (*startRequest, error) {
	request := &startRequest{
		ConnectionTimeoutSeconds: defaultConnectWait,
		SessionLengthSeconds:     defaultSessionLimit,
	}
	if err := json.Unmarshal(body, request); err != nil {
		return nil, invalid("the body is not the JSON of StartStreamSession: " + err.Error())
	}
	request.fingerprint = sha256.Sum256(body)
	checks := []error{
		checkClientToken(request.ClientToken),
		check(request.Description == "" || utf8.RuneCountInString(request.Description) <= 80 && descriptionPattern.MatchString(request.Description), "Description: 1 to 80 letters, digits, spaces and -_.!+@/"),
		check(request.Protocol == "WebRTC", `Protocol: must be "WebRTC"`),
		checkSignalRequest(request.SignalRequest),
		check(len(request.UserID) <= maxUserID && userIDPattern.MatchString(request.UserID), "UserId: at most 1024 letters, digits and -_/=+ (an e-mail address is not allowed)"),
		checkRange("ConnectionTimeoutSeconds", request.ConnectionTimeoutSeconds, 1, maxConnectionWait),
		checkRange("SessionLengthSeconds", request.SessionLengthSeconds, 1, maxSessionLength),
		check(len(request.AdditionalLaunchArgs) <= maxLaunchArgs, "AdditionalLaunchArgs: at most 100"),
		checkArguments(request.AdditionalLaunchArgs),
		checkVariables(request.AdditionalEnvironmentVariables),
		checkIdentifier("ApplicationIdentifier", request.ApplicationIdentifier),
	}
	for _, err := range checks {
		if err != nil {
			return nil, err
		}
	}
	var err error
	if request.location, err = s.chooseLocation(request.Locations); err != nil {
		return nil, err
	}
	if request.picture, err = choosePicture(request); err != nil {
		return nil, err
	}
	if request.application = s.findApplication(request.ApplicationIdentifier); request.application == nil {
		return nil, notFound("there is no application " + request.ApplicationIdentifier)
	}
	return request, nil
}

func check(ok bool, message string) error {
	if ok {
		return nil
	}
	return invalid(message)
}

func checkRange(name string, value, low, high int) error {
	return check(value >= low && value <= high, fmt.Sprintf("%s: %d to %d", name, low, high))
}

func checkIdentifier(name, identifier string) error {
	return check(len(identifier) <= 128 && identifierPattern.MatchString(identifier), name+": an ID or ARN of 1 to 128 characters")
}

func checkClientToken(token string) error {
	return check(token == "" || len(token) >= minClientToken && len(token) <= maxClientToken && clientTokenPattern.MatchString(token),
		"ClientToken: 32 to 128 printable ASCII characters without spaces")
}

func checkSignalRequest(request string) error {
	return check(request != "", "SignalRequest: is required")
}

func checkArguments(arguments []string) error {
	for _, argument := range arguments {
		if argument == "" || strings.ContainsRune(argument, 0) || len(argument) > maxVariableValue {
			return invalid("AdditionalLaunchArgs: each 1 to 4096 characters")
		}
	}
	return nil
}

func checkVariables(variables map[string]string) error {
	if len(variables) > maxVariables {
		return invalid("AdditionalEnvironmentVariables: at most 50")
	}
	for name, value := range variables {
		if len(name) > maxVariableName || !variablePattern.MatchString(name) {
			return invalid("AdditionalEnvironmentVariables: a name has 1 to 256 letters, digits and underscores, and no digit first")
		}
		// The value may be a secret: it is not repeated.
		if len(value) > maxVariableValue || strings.ContainsRune(value, 0) {
			return invalid("AdditionalEnvironmentVariables: the value of " + name + " must have at most 4096 characters")
		}
	}
	return nil
}

func (s *Service) chooseLocation(wanted []string) (string, error) {
	if len(wanted) == 0 { // the primary location is that of the stream group's own region
		if slices.Contains(s.config.Locations, s.config.Region) {
			return s.config.Region, nil
		}
		return s.config.Locations[0], nil
	}
	for _, location := range wanted {
		if slices.Contains(s.config.Locations, location) {
			return location, nil
		}
	}
	return "", invalid("Locations: the stream group has only " + strings.Join(s.config.Locations, ", "))
}

// choosePicture takes the resolution from DisplayConfiguration, else from the
// variables VIDEO_WIDTH and VIDEO_HEIGHT, else 1280x720, which is what IVS
// Real-Time accepts at most; and the rest from their variables.
func choosePicture(request *startRequest) (picture, error) {
	variable := func(name string, preset int) int {
		if value, err := strconv.Atoi(request.AdditionalEnvironmentVariables[name]); err == nil {
			return value
		}
		return preset
	}
	chosen := picture{
		width: variable("VIDEO_WIDTH", 1280), height: variable("VIDEO_HEIGHT", 720),
		framerate: variable("VIDEO_FRAMERATE", 30), bitrateKbps: variable("VIDEO_BITRATE", 3000), encoder: "cpu",
	}
	if request.AdditionalEnvironmentVariables["ENCODER_TYPE"] == "gpu" {
		chosen.encoder = "gpu"
	}
	if d := request.DisplayConfiguration; d != nil {
		chosen.width, chosen.height = d.Resolution.Width, d.Resolution.Height
	}
	even := chosen.width%2 == 0 && chosen.height%2 == 0
	if !even || chosen.width < 160 || chosen.height < 160 || chosen.width > 4096 || chosen.height > 4096 || chosen.width*chosen.height > maxDisplayPixels {
		return chosen, invalid(fmt.Sprintf("resolution %dx%d: even numbers from 160, with at most %d pixels", chosen.width, chosen.height, maxDisplayPixels))
	}
	chosen.framerate = min(max(chosen.framerate, 10), 60)
	chosen.bitrateKbps = min(max(chosen.bitrateKbps, 200), 20000)
	return chosen, nil
}

// lastSegment is the id within an ID or ARN.
func lastSegment(identifier string) string {
	return identifier[strings.LastIndexByte(identifier, '/')+1:]
}
