package e2e

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	gls "github.com/aws/aws-sdk-go-v2/service/gameliftstreams"
	"github.com/aws/aws-sdk-go-v2/service/gameliftstreams/types"

	"hotseat/backend/local/gameliftstreams"
)

// The pauses of the article's sample (its InteractivePlayTestView).
const (
	articleBeforeApproval = time.Second            // the holder's page, between closing its stream and saying that it approves
	articleBeforeOffer    = 500 * time.Millisecond // the requester's page, when it hears that
	articleBeforeConnect  = 200 * time.Millisecond // and again, before it asks for the connection
)

// articleBackOff is how long the sample waits after a try that failed; three tries are all.
var articleBackOff = []time.Duration{time.Second, 2 * time.Second, 0}

// articleService is the local GameLift Streams as it is in a demo, with the bundled game in a real
// instance, but without a broadcast: of the control plane of a running demo only its own backend has
// the keys.
type articleService struct {
	t       testing.TB
	client  *gls.Client
	session string // ARN
	game    gameLog
}

// withArticleService runs something against the service and ends it again.
func withArticleService(t testing.TB, do func(*articleService)) {
	t.Helper()
	s := &articleService{t: t, game: newGameLog(t)}
	app, err := gameliftstreams.LoadApplication(application(t, s.game.keeping("exec hotseat-demo-game\n")))
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := os.MkdirTemp("", "hs") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	service, err := gameliftstreams.New(gameliftstreams.Config{
		Applications: []gameliftstreams.Application{app}, ScratchDir: scratch,
		InstancePath: filepath.Join(filepath.Dir(hotseat(t)), "hotseat-instance"),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service.Handler())
	defer server.Close()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	s.client = gls.New(gls.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1, // the sample's own tries are counted
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	out, err := s.client.StartStreamSession(t.Context(), &gls.StartStreamSessionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), ApplicationIdentifier: aws.String(app.ID),
		Protocol: types.ProtocolWebrtc, SignalRequest: aws.String("NO_CLIENT_CONNECTION"),
		AdditionalEnvironmentVariables: map[string]string{"VIDEO_WIDTH": "1280", "VIDEO_HEIGHT": "720", "VIDEO_FRAMERATE": "30"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.session = aws.ToString(out.Arn)
	s.reaches(types.StreamSessionStatusActive)
	do(s)
}

func (s *articleService) reaches(want types.StreamSessionStatus) {
	s.t.Helper()
	until(s.t, "the stream session being "+string(want), 30*time.Second, func() bool {
		out, err := s.client.GetStreamSession(s.t.Context(), &gls.GetStreamSessionInput{
			Identifier: aws.String(gameliftstreams.StreamGroupID), StreamSessionIdentifier: aws.String(s.session),
		})
		return err == nil && out.Status == want
	})
}

// connect is the sample's way to a connection: the offer, the call, the answer, up to three times.
func (s *articleService) connect() *articlePage {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	var err error
	for _, pause := range articleBackOff {
		page := newArticlePage(s.t)
		if err = s.try(ctx, page); err == nil {
			return page
		}
		s.t.Logf("a try of the article's sequence failed: %v", err)
		page.close()
		time.Sleep(pause)
	}
	s.t.Fatalf("three tries to connect failed, the last: %v", err)
	return nil
}

func (s *articleService) try(ctx context.Context, page *articlePage) error {
	offer, err := page.offer()
	if err != nil {
		return err
	}
	out, err := s.client.CreateStreamSessionConnection(ctx, &gls.CreateStreamSessionConnectionInput{
		Identifier: aws.String(gameliftstreams.StreamGroupID), StreamSessionIdentifier: aws.String(s.session),
		SignalRequest: aws.String(offer),
	})
	if err != nil {
		return err
	}
	return page.accept(ctx, aws.ToString(out.SignalResponse))
}

// handOver goes through the sample's sequence: from the holder's click on approve, which closes the
// holder's stream first, to the requester's first key press in the game. The holder's message takes
// no time here.
func (s *articleService) handOver(holder *articlePage, code string) (*articlePage, turn) {
	s.t.Helper()
	clicked := time.Now()
	holder.close()
	time.Sleep(articleBeforeApproval)
	time.Sleep(articleBeforeOffer)
	time.Sleep(articleBeforeConnect)
	next := s.connect()
	stop := make(chan struct{})
	defer close(stop)
	go next.tap(code, stop)
	t := s.game.turn(s.t, code, clicked)
	s.reaches(types.StreamSessionStatusConnected)
	return next, t
}
