package ivsrealtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
	"github.com/aws/smithy-go"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	local "hotseat/backend/local/ivsrealtime"
	"hotseat/backend/local/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the control API and a stage server, wired as in the product, with the official client in front.
type world struct {
	t       *testing.T
	service *local.Service
	client  *ivsrealtime.Client
	url     string
	now     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	now := func() time.Time { return w.now }
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	w.url = front.URL
	var err error
	w.service, err = local.New(local.Config{
		Region: "us-west-2", WhipURL: front.URL + "/whip", EventsURL: "wss://events.invalid", Now: now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	media, err := stage.New(stage.Config{
		PublicURL: front.URL + "/whip", Verify: w.service.VerifyToken, Observer: w.service, Now: now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.service.SetStage(media)
	mux.Handle("/whip/", http.StripPrefix("/whip", media.Handler()))
	mux.Handle("/", w.service.Handler())
	transport := &http.Transport{}
	w.client = ivsrealtime.New(ivsrealtime.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(front.URL), HTTPClient: &http.Client{Transport: transport},
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		front.Close()
		if err := media.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) createStage(name string) *types.Stage {
	w.t.Helper()
	out, err := w.client.CreateStage(w.t.Context(), &ivsrealtime.CreateStageInput{Name: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Stage
}

func (w *world) createToken(arn *string, user string, may ...types.ParticipantTokenCapability) *types.ParticipantToken {
	w.t.Helper()
	out, err := w.client.CreateParticipantToken(w.t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageArn: arn, UserId: &user, Capabilities: may,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.ParticipantToken
}

// publish connects a publisher by the global endpoint. It sends nothing.
func (w *world) publish(token *types.ParticipantToken) {
	w.t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		w.t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = pc.GracefulClose() })
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000, SDPFmtpLine: "packetization-mode=1;profile-level-id=42e01f",
	}
	track, err := webrtc.NewTrackLocalStaticRTP(codec, "video", "game")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		w.t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		w.t.Fatal(err)
	}
	<-gathered
	status, answer := w.post(*token.Token, "/whip/", pc.LocalDescription().SDP)
	if status != http.StatusCreated {
		w.t.Fatalf("publishing: %d %s", status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) post(token, path, offer string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, strings.NewReader(offer))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/sdp")
	response, err := http.DefaultClient.Do(r) // follows the 307 of the global endpoint, on one host
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// await polls the API until a participant is as wanted.
func (w *world) await(stage *string, session *string, id *string, fits func(*types.Participant) bool) *types.Participant {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	var last any
	for time.Now().Before(deadline) {
		if session == nil {
			got, err := w.client.GetStage(w.t.Context(), &ivsrealtime.GetStageInput{Arn: stage})
			if err != nil {
				w.t.Fatal(err)
			}
			if session = got.Stage.ActiveSessionId; session == nil {
				continue
			}
		}
		got, err := w.client.GetParticipant(w.t.Context(), &ivsrealtime.GetParticipantInput{StageArn: stage, SessionId: session, ParticipantId: id})
		if err == nil && fits(got.Participant) {
			return got.Participant
		}
		last = err
		if err == nil {
			last = got.Participant
		}
	}
	w.t.Fatalf("participant %s never came to be as wanted: %+v", *id, last)
	return nil
}

func TestStagesLiveAndDie(t *testing.T) {
	w := newWorld(t)
	one := w.createStage("playtest-1")
	if got := aws.ToString(one.Endpoints.Whip); !strings.HasPrefix(got, w.url+"/whip/") {
		t.Errorf("whip endpoint %q", got)
	}
	for range 3 {
		w.createStage("more")
	}
	var seen []string
	pages := ivsrealtime.NewListStagesPaginator(w.client, &ivsrealtime.ListStagesInput{MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Stages {
			seen = append(seen, *s.Arn)
		}
	}
	if len(seen) != 4 || seen[0] != *one.Arn {
		t.Errorf("listed %v", seen)
	}
	if _, err := w.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{Arn: one.Arn}); err != nil {
		t.Fatal(err)
	}
	_, err := w.client.GetStage(t.Context(), &ivsrealtime.GetStageInput{Arn: one.Arn})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || aws.ToString(missing.ExceptionMessage) == "" {
		t.Errorf("a deleted stage answers %v", err)
	}
}

func TestTokensSayWhoMayDoWhatAndFitAnEnvironmentVariable(t *testing.T) {
	w := newWorld(t)
	s := w.createStage("playtest")
	out, err := w.client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{
		StageArn: s.Arn, UserId: aws.String("sidecar-s-7h2k9x4q1m"), Duration: aws.Int32(60),
		Attributes:   map[string]string{"username": "game", "stream_source": "gameplay"},
		Capabilities: []types.ParticipantTokenCapability{types.ParticipantTokenCapabilityPublish},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := out.ParticipantToken
	// The C sidecar of the article's sample and older GameLift Streams models take at most 1024.
	if n := len(*token.Token); n > 1024 {
		t.Errorf("the token has %d characters", n)
	}
	if !token.ExpirationTime.Equal(w.now.Add(time.Hour)) {
		t.Errorf("expires at %v", token.ExpirationTime)
	}
	got, err := w.service.VerifyToken(*token.Token)
	if err != nil || got.ParticipantID != *token.ParticipantId || !got.Publish || got.Subscribe || got.StageARN != *s.Arn || got.Attributes["username"] != "game" {
		t.Errorf("verified as %+v, %v", got, err)
	}

	tampered := *token.Token
	tampered = tampered[:len(tampered)-8] + "AAAAAAAA"
	for name, raw := range map[string]string{"tampered": tampered, "empty": "", "huge": strings.Repeat("x", 1<<20), "unsigned": unsigned(*token.Token)} {
		if _, err := w.service.VerifyToken(raw); err == nil || errors.Is(err, stage.ErrTokenExpired) {
			t.Errorf("%s token: %v", name, err)
		}
	}
	w.now = w.now.Add(time.Hour + time.Second)
	if _, err := w.service.VerifyToken(*token.Token); !errors.Is(err, stage.ErrTokenExpired) {
		t.Errorf("an old token: %v", err)
	}
}

// unsigned is the same token with the algorithm "none".
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + "."
}

func TestParticipantsAreTrue(t *testing.T) {
	w := newWorld(t)
	s := w.createStage("playtest")
	token := w.createToken(s.Arn, "game")
	w.publish(token)
	p := w.await(s.Arn, nil, token.ParticipantId, func(p *types.Participant) bool {
		return p.Published && p.State == types.ParticipantStateConnected
	})
	if aws.ToString(p.UserId) != "game" || p.FirstJoinTime == nil || p.Protocol != types.ParticipantProtocolWhip {
		t.Errorf("participant %+v", p)
	}
	got, err := w.client.GetStage(t.Context(), &ivsrealtime.GetStageInput{Arn: s.Arn})
	if err != nil {
		t.Fatal(err)
	}
	session := got.Stage.ActiveSessionId
	if len(aws.ToString(session)) != 16 {
		t.Errorf("session id %q", aws.ToString(session))
	}
	list, err := w.client.ListParticipants(t.Context(), &ivsrealtime.ListParticipantsInput{StageArn: s.Arn, SessionId: session, FilterByPublished: true})
	if err != nil || len(list.Participants) != 1 {
		t.Errorf("published participants %+v, %v", list, err)
	}

	if _, err := w.client.DisconnectParticipant(t.Context(), &ivsrealtime.DisconnectParticipantInput{StageArn: s.Arn, ParticipantId: token.ParticipantId, Reason: aws.String("test")}); err != nil {
		t.Fatal(err)
	}
	w.await(s.Arn, session, token.ParticipantId, func(p *types.Participant) bool { return p.State == types.ParticipantStateDisconnected })
	if status, body := w.post(*token.Token, "/whip/", "v=0"); status != http.StatusUnauthorized {
		t.Errorf("a participant that was put out gets %d %s", status, body)
	}
	events, err := w.client.ListParticipantEvents(t.Context(), &ivsrealtime.ListParticipantEventsInput{StageArn: s.Arn, SessionId: session, ParticipantId: token.ParticipantId})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events.Events {
		names = append(names, string(e.Name))
	}
	if got := strings.Join(names, " "); got != "JOINED PUBLISH_STARTED PUBLISH_STOPPED LEFT" {
		t.Errorf("events %s", got)
	}
	sessions, err := w.client.ListStageSessions(t.Context(), &ivsrealtime.ListStageSessionsInput{StageArn: s.Arn})
	if err != nil || len(sessions.StageSessions) != 1 || sessions.StageSessions[0].EndTime == nil {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
	one, err := w.client.GetStageSession(t.Context(), &ivsrealtime.GetStageSessionInput{StageArn: s.Arn, SessionId: session})
	if err != nil || aws.ToString(one.StageSession.SessionId) != aws.ToString(session) {
		t.Errorf("session %+v, %v", one, err)
	}
}

func TestDeletingAStageEndsItsBroadcastAndItsTokens(t *testing.T) {
	w := newWorld(t)
	s := w.createStage("playtest")
	token := w.createToken(s.Arn, "game")
	w.publish(token)
	w.await(s.Arn, nil, token.ParticipantId, func(p *types.Participant) bool { return p.Published })
	if _, err := w.client.DeleteStage(t.Context(), &ivsrealtime.DeleteStageInput{Arn: s.Arn}); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.post(*token.Token, "/whip/", "v=0"); status != http.StatusUnauthorized {
		t.Errorf("a token of a deleted stage gets %d", status)
	}
}

func TestWrongInputIsAValidationException(t *testing.T) {
	w := newWorld(t)
	s := w.createStage("playtest")
	token := func(change func(*ivsrealtime.CreateParticipantTokenInput)) func() error {
		in := &ivsrealtime.CreateParticipantTokenInput{StageArn: s.Arn}
		change(in)
		return func() error { _, err := w.client.CreateParticipantToken(t.Context(), in); return err }
	}
	for name, call := range map[string]func() error{
		"bad stage name": func() error {
			_, err := w.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{Name: aws.String("no spaces")})
			return err
		},
		"13 tokens": func() error {
			_, err := w.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{ParticipantTokenConfigurations: make([]types.ParticipantTokenConfiguration, 13)})
			return err
		},
		"bad ARN": func() error {
			_, err := w.client.GetStage(t.Context(), &ivsrealtime.GetStageInput{Arn: aws.String("arn:aws:s3:::x")})
			return err
		},
		"too many results": func() error {
			_, err := w.client.ListStages(t.Context(), &ivsrealtime.ListStagesInput{MaxResults: aws.Int32(101)})
			return err
		},
		"bad page": func() error {
			_, err := w.client.ListStages(t.Context(), &ivsrealtime.ListStagesInput{NextToken: aws.String("x")})
			return err
		},
		"15 days":   token(func(in *ivsrealtime.CreateParticipantTokenInput) { in.Duration = aws.Int32(20_161) }),
		"no time":   token(func(in *ivsrealtime.CreateParticipantTokenInput) { in.Duration = aws.Int32(0) }),
		"long user": token(func(in *ivsrealtime.CreateParticipantTokenInput) { in.UserId = aws.String(strings.Repeat("u", 129)) }),
		"capability": token(func(in *ivsrealtime.CreateParticipantTokenInput) {
			in.Capabilities = []types.ParticipantTokenCapability{"FLY"}
		}),
		"attributes": token(func(in *ivsrealtime.CreateParticipantTokenInput) {
			in.Attributes = map[string]string{"a": strings.Repeat("b", 1024)}
		}),
		"two filters": func() error {
			_, err := w.client.ListParticipants(t.Context(), &ivsrealtime.ListParticipantsInput{
				StageArn: s.Arn, SessionId: aws.String("st-0000000000000"), FilterByUserId: aws.String("x"), FilterByPublished: true,
			})
			return err
		},
		"long reason": func() error {
			_, err := w.client.DisconnectParticipant(t.Context(), &ivsrealtime.DisconnectParticipantInput{
				StageArn: s.Arn, ParticipantId: aws.String("x"), Reason: aws.String(strings.Repeat("r", 129)),
			})
			return err
		},
	} {
		err := call()
		var refused *types.ValidationException
		var generic smithy.APIError
		switch {
		case errors.As(err, &refused):
			if aws.ToString(refused.ExceptionMessage) == "" {
				t.Errorf("%s: without a message", name)
			}
		case errors.As(err, &generic) && generic.ErrorCode() == "ValidationException" && generic.ErrorMessage() != "":
			// ListStages does not model the exception
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheThousandAndFirstStageIsOverTheQuota(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		recorder := httptest.NewRecorder()
		w.service.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/CreateStage", strings.NewReader("{}")))
		if recorder.Code != http.StatusOK {
			t.Fatalf("%d %s", recorder.Code, recorder.Body)
		}
	}
	_, err := w.client.CreateStage(t.Context(), &ivsrealtime.CreateStageInput{})
	var full *types.ServiceQuotaExceededException
	if !errors.As(err, &full) {
		t.Errorf("the 1001st stage: %v", err)
	}
}

func TestRawErrorsNameTheMessageTwice(t *testing.T) {
	w := newWorld(t)
	for path, kind := range map[string]string{"/GetStage": "ValidationException", "/Fly": "UnknownOperationException"} {
		recorder := httptest.NewRecorder()
		w.service.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, strings.NewReader("[]")))
		var body map[string]string
		if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if recorder.Header().Get("X-Amzn-ErrorType") != kind || body["message"] == "" || body["message"] != body["exceptionMessage"] {
			t.Errorf("%s: %v %v", path, recorder.Header(), body)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	service, err := local.New(local.Config{Region: "us-west-2"})
	if err != nil {
		f.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	service.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/CreateStage",
		strings.NewReader(`{"participantTokenConfigurations": [{"capabilities": ["PUBLISH"], "duration": 20160}]}`)))
	var made struct {
		ParticipantTokens []struct{ Token string }
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &made); err != nil || len(made.ParticipantTokens) != 1 {
		f.Fatal(recorder.Body, err)
	}
	good := made.ParticipantTokens[0].Token
	if _, err := service.VerifyToken(good); err != nil {
		f.Fatal(err)
	}
	// The key is another one in each run, so that a seed that leans on a good token leans on a new one.
	f.Add("", 0, 0)
	f.Add("a.b.c", 0, len(good))
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJqdGkiOiJ4In0.", 0, len(good))
	f.Add("\r\n", 90, 90)
	f.Add("=", len(good), len(good))
	f.Add("B", len(good)-1, len(good))
	f.Add("eyJhbGciOiJub25lIn0", 0, strings.IndexByte(good, '.'))
	f.Fuzz(func(t *testing.T, part string, from, to int) {
		from = min(max(from, 0), len(good))
		to = min(max(to, from), len(good))
		token := good[:from] + part + good[to:] // part takes the place of part of a good token
		if _, err := service.VerifyToken(token); err == nil && token != good {
			t.Errorf("accepted %q in place of %q", token, good)
		}
	})
}
