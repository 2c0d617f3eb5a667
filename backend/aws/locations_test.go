package aws_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/aws"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/local/gameliftstreams/instance"
)

// still is an instance that starts and then does nothing.
type still struct{ events chan instance.Event }

func (s still) Send(instance.Command) error   { return nil }
func (s still) Events() <-chan instance.Event { return s.events }
func (s still) Stop(string)                   { close(s.events) }

func TestAStreamSessionRunsWhereItIsAskedTo(t *testing.T) {
	service, err := gameliftstreams.New(gameliftstreams.Config{
		Region: "us-west-2", Locations: []string{"eu-central-1", "us-west-2", "ap-northeast-1"}, ScratchDir: t.TempDir(),
		Applications: []gameliftstreams.Application{{ID: "a-game", Description: "game", Dir: "/games/game", ExecutablePath: "run.sh"}},
		Log:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		Launch: func(instance.Start, *slog.Logger) (gameliftstreams.Process, error) {
			return still{make(chan instance.Event)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	calls := aws.New(aws.Config{
		Region: "us-west-2", Credentials: awssdk.AnonymousCredentials{}, StreamsEndpoint: server.URL,
		StreamGroup: gameliftstreams.StreamGroupID, ConnectionTimeout: time.Minute,
	})
	got, err := calls.Locations(t.Context())
	if want := []string{"us-west-2", "eu-central-1", "ap-northeast-1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("locations %q, %v, want the own region first: %q", got, err, want)
	}
	for asked, want := range map[string]string{"ap-northeast-1": "ap-northeast-1", "": "us-west-2"} {
		stream, err := calls.StartStream(t.Context(), aws.StreamRequest{
			Application: "a-game", Location: asked, UserID: "u-1", ClientToken: "a-token-of-at-least-32-characters" + asked, SessionLength: time.Hour,
		})
		if err != nil || stream.Location != want {
			t.Errorf("asked for %q: runs in %q, %v", asked, stream.Location, err)
			continue
		}
		if again, err := calls.Stream(t.Context(), stream.ARN); err != nil || again.Location != want {
			t.Errorf("asked for %q: GetStreamSession says %q, %v", asked, again.Location, err)
		}
	}
	if _, err := calls.StartStream(t.Context(), aws.StreamRequest{Application: "a-game", Location: "mars-north-1", UserID: "u-1", SessionLength: time.Hour}); err == nil {
		t.Error("a session on Mars")
	}
}
