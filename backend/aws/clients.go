// Package aws holds the calls that the backend makes to GameLift Streams and IVS Real-Time, as
// thin as they can be, through the official clients.
//
// It does not know whether the services are Amazon's or those of backend/local: that is an
// endpoint in Config. It keeps no state and retries nothing; the steward decides what a Conflict
// or a throttling means.
package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams"
	gls "github.com/aws/aws-sdk-go-v2/service/gameliftstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	ivs "github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
	"github.com/aws/smithy-go"
)

// Config says where the services are. Empty endpoints are Amazon's own of the region.
type Config struct {
	Region            string
	Credentials       aws.CredentialsProvider
	StreamsEndpoint   string // GameLift Streams
	RealTimeEndpoint  string // IVS Real-Time
	WhipEndpoint      string // where sidecars publish; on AWS https://global.whip.live-video.net
	StreamGroup       string // stream group that hosts the games
	ConnectionTimeout time.Duration
}

// Clients makes the calls.
type Clients struct {
	cfg     Config
	streams *gameliftstreams.Client
	stages  *ivsrealtime.Client
}

// callTime bounds one call. The slowest, CreateStreamSessionConnection, answers "normally" within 5 s.
const callTime = 15 * time.Second

// New makes the clients; it calls nobody.
func New(cfg Config) *Clients {
	client := awshttp.NewBuildableClient().WithTimeout(callTime)
	base := func(endpoint string) *string {
		if endpoint == "" {
			return nil
		}
		return aws.String(endpoint)
	}
	return &Clients{
		cfg: cfg,
		streams: gameliftstreams.New(gameliftstreams.Options{
			Region: cfg.Region, Credentials: cfg.Credentials, BaseEndpoint: base(cfg.StreamsEndpoint),
			Retryer: aws.NopRetryer{}, HTTPClient: client,
		}),
		stages: ivsrealtime.New(ivsrealtime.Options{
			Region: cfg.Region, Credentials: cfg.Credentials, BaseEndpoint: base(cfg.RealTimeEndpoint),
			Retryer: aws.NopRetryer{}, HTTPClient: client,
		}),
	}
}

// WhipEndpoint is where a sidecar publishes.
func (c *Clients) WhipEndpoint() string { return c.cfg.WhipEndpoint }

// Application is a game that can be started.
type Application struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Status      string `json:"status"`
}

// Applications lists the account's applications.
func (c *Clients) Applications(ctx context.Context) ([]Application, error) {
	var out []Application
	pages := gameliftstreams.NewListApplicationsPaginator(c.streams, &gameliftstreams.ListApplicationsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing applications: %w", err)
		}
		for _, a := range page.Items {
			out = append(out, Application{ID: aws.ToString(a.Id), Description: aws.ToString(a.Description), Status: string(a.Status)})
		}
	}
	return out, nil
}

// Locations lists where the stream group can run a stream session now. The group's own region is the first,
// if it is among them: a session whose request names no location starts in the group's primary one
// (https://docs.aws.amazon.com/gameliftstreams/latest/apireference/API_StartStreamSession.html).
func (c *Clients) Locations(ctx context.Context) ([]string, error) {
	group, err := c.streams.GetStreamGroup(ctx, &gameliftstreams.GetStreamGroupInput{Identifier: aws.String(c.cfg.StreamGroup)})
	if err != nil {
		return nil, fmt.Errorf("asking for the stream group's locations: %w", err)
	}
	out := []string{}
	for _, l := range group.LocationStates {
		name := aws.ToString(l.LocationName)
		switch {
		case l.Status != gls.StreamGroupLocationStatusActive:
		case name == c.cfg.Region:
			out = append([]string{name}, out...)
		default:
			out = append(out, name)
		}
	}
	return out, nil
}

// StreamRequest is what a stream session is started with.
type StreamRequest struct {
	Application   string
	Location      string // one of Locations; "": the stream group's primary one
	UserID        string // must match [-_a-zA-Z0-9/=+]*, so never an e-mail address
	ClientToken   string // makes the call idempotent
	SessionLength time.Duration
	Environment   map[string]string // at most 50; values at most 1,024 bytes
}

// StreamStatus is a stream session as GetStreamSession tells it.
type StreamStatus struct {
	ARN      string
	Status   string
	Reason   string
	Location string // where it runs
}

// Over reports whether the stream session has come to its end.
func (s StreamStatus) Over() bool {
	return s.Status == string(gls.StreamSessionStatusTerminated) || s.Status == string(gls.StreamSessionStatusError)
}

// AcceptsConnection reports whether CreateStreamSessionConnection may be called now.
func (s StreamStatus) AcceptsConnection() bool {
	return s.Status == string(gls.StreamSessionStatusActive) ||
		s.Status == string(gls.StreamSessionStatusPendingClientReconnection)
}

// Connected reports whether a client is playing.
func (s StreamStatus) Connected() bool { return s.Status == string(gls.StreamSessionStatusConnected) }

// noClient starts a stream session that waits for its first client.
const noClient = "NO_CLIENT_CONNECTION"

// StartStream starts a stream session without a client: the first one comes by Connect, as every
// later one does.
func (c *Clients) StartStream(ctx context.Context, r StreamRequest) (StreamStatus, error) {
	var locations []string
	if r.Location != "" {
		locations = []string{r.Location}
	}
	out, err := c.streams.StartStreamSession(ctx, &gameliftstreams.StartStreamSessionInput{
		Identifier:                     aws.String(c.cfg.StreamGroup),
		ApplicationIdentifier:          aws.String(r.Application),
		Protocol:                       gls.ProtocolWebrtc,
		SignalRequest:                  aws.String(noClient),
		UserId:                         aws.String(r.UserID),
		ClientToken:                    aws.String(r.ClientToken),
		ConnectionTimeoutSeconds:       aws.Int32(int32(c.cfg.ConnectionTimeout / time.Second)),
		SessionLengthSeconds:           aws.Int32(int32(r.SessionLength / time.Second)),
		AdditionalEnvironmentVariables: r.Environment,
		Locations:                      locations,
	})
	if err != nil {
		return StreamStatus{}, fmt.Errorf("starting the stream session: %w", err)
	}
	return StreamStatus{ARN: aws.ToString(out.Arn), Status: string(out.Status), Reason: string(out.StatusReason), Location: aws.ToString(out.Location)}, nil
}

// Stream returns the stream session's state.
func (c *Clients) Stream(ctx context.Context, arn string) (StreamStatus, error) {
	out, err := c.streams.GetStreamSession(ctx, &gameliftstreams.GetStreamSessionInput{
		Identifier: aws.String(c.cfg.StreamGroup), StreamSessionIdentifier: aws.String(arn),
	})
	if err != nil {
		return StreamStatus{}, fmt.Errorf("asking for the stream session: %w", err)
	}
	return StreamStatus{ARN: arn, Status: string(out.Status), Reason: string(out.StatusReason), Location: aws.ToString(out.Location)}, nil
}

// Connect lets another client continue the stream session and returns its answer. A call that is repeated with
// its clientToken (32 to 128 printable characters) is the same call: it returns the answer of the first.
func (c *Clients) Connect(ctx context.Context, arn, clientToken, signalRequest string) (string, error) {
	out, err := c.streams.CreateStreamSessionConnection(ctx, &gameliftstreams.CreateStreamSessionConnectionInput{
		Identifier: aws.String(c.cfg.StreamGroup), StreamSessionIdentifier: aws.String(arn),
		ClientToken: aws.String(clientToken), SignalRequest: aws.String(signalRequest),
	})
	if err != nil {
		return "", fmt.Errorf("connecting a client to the stream session: %w", err)
	}
	return aws.ToString(out.SignalResponse), nil
}

// Terminate ends the stream session.
func (c *Clients) Terminate(ctx context.Context, arn string) error {
	_, err := c.streams.TerminateStreamSession(ctx, &gameliftstreams.TerminateStreamSessionInput{
		Identifier: aws.String(c.cfg.StreamGroup), StreamSessionIdentifier: aws.String(arn),
	})
	if err != nil {
		return fmt.Errorf("terminating the stream session: %w", err)
	}
	return nil
}

// CreateStage makes the stage that a session's broadcast goes to.
func (c *Clients) CreateStage(ctx context.Context, name string) (arn, whip string, err error) {
	out, err := c.stages.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: aws.String(name)})
	if err != nil {
		return "", "", fmt.Errorf("creating the stage: %w", explain(err))
	}
	if out.Stage.Endpoints != nil {
		whip = aws.ToString(out.Stage.Endpoints.Whip)
	}
	return aws.ToString(out.Stage.Arn), whip, nil
}

// DeleteStage deletes the stage, which disconnects everybody on it.
func (c *Clients) DeleteStage(ctx context.Context, arn string) error {
	if _, err := c.stages.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{Arn: aws.String(arn)}); err != nil {
		return fmt.Errorf("deleting the stage: %w", explain(err))
	}
	return nil
}

// StageToken is a participant token: a secret for one participant on one stage.
type StageToken struct {
	Token         string
	ParticipantID string
	Expires       time.Time
}

// TokenRequest says what a participant token is for.
type TokenRequest struct {
	Stage      string
	UserID     string
	Publish    bool
	Subscribe  bool
	Attributes map[string]string // visible to all participants: no personal data
	Life       time.Duration
}

// CreateStageToken makes a participant token.
func (c *Clients) CreateStageToken(ctx context.Context, r TokenRequest) (StageToken, error) {
	var capabilities []ivs.ParticipantTokenCapability
	if r.Publish {
		capabilities = append(capabilities, ivs.ParticipantTokenCapabilityPublish)
	}
	if r.Subscribe {
		capabilities = append(capabilities, ivs.ParticipantTokenCapabilitySubscribe)
	}
	out, err := c.stages.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageArn: aws.String(r.Stage), UserId: aws.String(r.UserID), Attributes: r.Attributes,
		Capabilities: capabilities, Duration: aws.Int32(int32(r.Life / time.Minute)),
	})
	if err != nil {
		return StageToken{}, fmt.Errorf("creating a stage token: %w", explain(err))
	}
	t := out.ParticipantToken
	return StageToken{
		Token: aws.ToString(t.Token), ParticipantID: aws.ToString(t.ParticipantId), Expires: aws.ToTime(t.ExpirationTime),
	}, nil
}

// DisconnectUser puts everybody off a stage who is on it with this user id; their tokens are of no use any
// more. That nobody is on it is no error.
func (c *Clients) DisconnectUser(ctx context.Context, stage, userID, reason string) error {
	out, err := c.stages.GetStage(ctx, &ivsrealtime.GetStageInput{Arn: aws.String(stage)})
	if err != nil {
		return fmt.Errorf("asking for the stage: %w", explain(err))
	}
	if out.Stage.ActiveSessionId == nil {
		return nil
	}
	pages := ivsrealtime.NewListParticipantsPaginator(c.stages, &ivsrealtime.ListParticipantsInput{
		StageArn: aws.String(stage), SessionId: out.Stage.ActiveSessionId, FilterByUserId: aws.String(userID),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the stage's participants: %w", explain(err))
		}
		for _, p := range page.Participants {
			if p.State != ivs.ParticipantStateConnected {
				continue
			}
			if _, err := c.stages.DisconnectParticipant(ctx, &ivsrealtime.DisconnectParticipantInput{
				StageArn: aws.String(stage), ParticipantId: p.ParticipantId, Reason: aws.String(reason),
			}); err != nil && !IsNotFound(err) {
				return fmt.Errorf("disconnecting a participant: %w", explain(err))
			}
		}
	}
	return nil
}

// IsConflict reports whether the service refused because of the state that the session is in.
func IsConflict(err error) bool { return hasCode(err, "ConflictException") }

// IsThrottled reports whether the service asked to be called less often.
func IsThrottled(err error) bool { return hasCode(err, "ThrottlingException") }

// IsNotFound reports whether the service does not know the thing named.
func IsNotFound(err error) bool { return hasCode(err, "ResourceNotFoundException") }

// IsInvalid reports whether the service did not understand what it was sent.
func IsInvalid(err error) bool { return hasCode(err, "ValidationException") }

// IsFull reports whether a quota of the service is used up.
func IsFull(err error) bool { return hasCode(err, "ServiceQuotaExceededException") }

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// explain puts back the text that IVS sends as exceptionMessage, which smithy.APIError leaves
// empty for this service's types.
func explain(err error) error {
	var validation *ivs.ValidationException
	var missing *ivs.ResourceNotFoundException
	var quota *ivs.ServiceQuotaExceededException
	switch {
	case errors.As(err, &validation) && validation.ExceptionMessage != nil:
		return fmt.Errorf("%s: %w", *validation.ExceptionMessage, err)
	case errors.As(err, &missing) && missing.ExceptionMessage != nil:
		return fmt.Errorf("%s: %w", *missing.ExceptionMessage, err)
	case errors.As(err, &quota) && quota.ExceptionMessage != nil:
		return fmt.Errorf("%s: %w", *quota.ExceptionMessage, err)
	}
	return err
}
