package gameliftstreams

import "time"

// epochSeconds is a timestamp of the API: seconds since 1970 with a fraction. An
// ISO 8601 string makes the official clients fail.
type epochSeconds float64

func seconds(t time.Time) epochSeconds { return epochSeconds(float64(t.UnixMilli()) / 1000) }

// sessionSummary is an item of ListStreamSessions.
type sessionSummary struct {
	Arn            string
	UserID         string `json:"UserId,omitempty"`
	Status         Status
	StatusReason   Reason `json:",omitempty"`
	Protocol       string
	Location       string
	ApplicationArn string
	CreatedAt      epochSeconds
	LastUpdatedAt  epochSeconds
}

// sessionDetails is what StartStreamSession and GetStreamSession return.
type sessionDetails struct {
	sessionSummary
	StreamGroupID                  string            `json:"StreamGroupId"`
	Description                    string            `json:",omitempty"`
	SignalRequest                  string            `json:",omitempty"`
	SignalResponse                 string            `json:",omitempty"`
	WebSdkProtocolURL              string            `json:"WebSdkProtocolUrl,omitempty"`
	ConnectionTimeoutSeconds       int               `json:",omitempty"`
	SessionLengthSeconds           int               `json:",omitempty"`
	AdditionalLaunchArgs           []string          `json:",omitempty"`
	AdditionalEnvironmentVariables map[string]string `json:",omitempty"`
	DisplayConfiguration           displayConfiguration
}

func (s *Service) summarize(session *session) sessionSummary {
	view := session.view.Load()
	return sessionSummary{
		Arn:            session.arn,
		UserID:         session.request.UserID,
		Status:         view.machine.Status,
		StatusReason:   view.machine.Reason,
		Protocol:       "WebRTC",
		Location:       session.request.location,
		ApplicationArn: s.applicationARN(session.request.application),
		CreatedAt:      seconds(session.created),
		LastUpdatedAt:  seconds(view.machine.ChangedAt),
	}
}

func (s *Service) describe(session *session) sessionDetails {
	view, request := session.view.Load(), session.request
	details := sessionDetails{
		sessionSummary:                 s.summarize(session),
		StreamGroupID:                  StreamGroupID,
		Description:                    request.Description,
		SignalRequest:                  view.signal.request,
		SignalResponse:                 view.signal.response,
		WebSdkProtocolURL:              s.config.ProtocolURL,
		ConnectionTimeoutSeconds:       request.ConnectionTimeoutSeconds,
		SessionLengthSeconds:           request.SessionLengthSeconds,
		AdditionalLaunchArgs:           request.AdditionalLaunchArgs,
		AdditionalEnvironmentVariables: request.AdditionalEnvironmentVariables,
	}
	details.DisplayConfiguration.Resolution.Width = request.picture.width
	details.DisplayConfiguration.Resolution.Height = request.picture.height
	return details
}

type runtimeEnvironment struct{ Type, Version string }

// ubuntu is the runtime of GameLift Streams that is nearest to this machine.
var ubuntu = runtimeEnvironment{"UBUNTU", "22_04_LTS"}

type applicationSummary struct {
	Arn                string
	ID                 string `json:"Id"`
	Description        string
	Status             string
	RuntimeEnvironment runtimeEnvironment
	CreatedAt          epochSeconds
	LastUpdatedAt      epochSeconds
}

type applicationDetails struct {
	applicationSummary
	ExecutablePath         string
	ApplicationSourceURI   string `json:"ApplicationSourceUri"`
	ReplicationStatuses    []replicationStatus
	AssociatedStreamGroups []string
}

type replicationStatus struct{ Location, Status string }

func (s *Service) summarizeApplication(application *Application) applicationSummary {
	return applicationSummary{
		Arn: s.applicationARN(application), ID: application.ID, Description: application.Description,
		Status: "READY", RuntimeEnvironment: ubuntu,
		CreatedAt: seconds(s.created), LastUpdatedAt: seconds(s.created),
	}
}

func (s *Service) describeApplication(application *Application) applicationDetails {
	details := applicationDetails{
		applicationSummary:     s.summarizeApplication(application),
		ExecutablePath:         application.ExecutablePath,
		ApplicationSourceURI:   "s3://local/" + application.ID + "/", // the API wants one; the folder's path is nobody's business
		AssociatedStreamGroups: []string{s.groupARN()},
	}
	for _, location := range s.config.Locations {
		details.ReplicationStatuses = append(details.ReplicationStatuses, replicationStatus{location, "COMPLETED"})
	}
	return details
}

type streamGroupSummary struct {
	Arn                string
	ID                 string `json:"Id"`
	Description        string
	Status             string
	StreamClass        string
	DefaultApplication defaultApplication
	CreatedAt          epochSeconds
	LastUpdatedAt      epochSeconds
}

type defaultApplication struct {
	ID  string `json:"Id"`
	Arn string
}

type streamGroupDetails struct {
	streamGroupSummary
	LocationStates         []locationState
	AssociatedApplications []string
}

type locationState struct {
	LocationName      string
	Status            string
	AlwaysOnCapacity  int
	OnDemandCapacity  int
	RequestedCapacity int
	AllocatedCapacity int
	IdleCapacity      int
}

func (s *Service) summarizeGroup() streamGroupSummary {
	first := &s.config.Applications[0]
	return streamGroupSummary{
		Arn: s.groupARN(), ID: StreamGroupID, Description: "games on this machine",
		Status: "ACTIVE", StreamClass: "gen4n_high",
		DefaultApplication: defaultApplication{first.ID, s.applicationARN(first)},
		CreatedAt:          seconds(s.created), LastUpdatedAt: seconds(s.created),
	}
}

func (s *Service) describeGroup() streamGroupDetails {
	details := streamGroupDetails{streamGroupSummary: s.summarizeGroup()}
	idle := s.config.MaxSessions - s.liveSessions()
	for _, location := range s.config.Locations {
		details.LocationStates = append(details.LocationStates, locationState{
			LocationName: location, Status: "ACTIVE", AlwaysOnCapacity: s.config.MaxSessions,
			RequestedCapacity: s.config.MaxSessions, AllocatedCapacity: s.config.MaxSessions, IdleCapacity: idle,
		})
	}
	for n := range s.config.Applications {
		details.AssociatedApplications = append(details.AssociatedApplications, s.applicationARN(&s.config.Applications[n]))
	}
	return details
}

func (s *Service) arn(resource string) string {
	return "arn:aws:gameliftstreams:" + s.config.Region + ":" + s.config.Account + ":" + resource
}

func (s *Service) groupARN() string { return s.arn("streamgroup/" + StreamGroupID) }

func (s *Service) applicationARN(application *Application) string {
	return s.arn("application/" + application.ID)
}

func (s *Service) findApplication(identifier string) *Application {
	for n := range s.config.Applications {
		application := &s.config.Applications[n]
		if identifier == application.ID || identifier == s.applicationARN(application) {
			return application
		}
	}
	return nil
}
