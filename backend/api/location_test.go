package api

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"hotseat/backend/aws"
	"hotseat/backend/local/gameliftstreams"
	"hotseat/backend/local/gameliftstreams/instance"
	"hotseat/backend/playtest"
)

func TestAPlaytestStartsOnlyWhereThereAreMachines(t *testing.T) {
	service, err := gameliftstreams.New(gameliftstreams.Config{
		Region: "us-west-2", Locations: []string{"us-west-2", "eu-central-1"}, ScratchDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Applications: []gameliftstreams.Application{{ID: "a-game", Description: "game", Dir: "/games/game", ExecutablePath: "run.sh"}},
		Launch:       func(instance.Start, *slog.Logger) (gameliftstreams.Process, error) { return nil, io.EOF },
	})
	if err != nil {
		t.Fatal(err)
	}
	streams := httptest.NewServer(service.Handler())
	t.Cleanup(streams.Close)
	s := &Server{cfg: Config{Length: time.Hour, AWS: aws.New(aws.Config{
		Region: "us-west-2", Credentials: awssdk.AnonymousCredentials{}, StreamsEndpoint: streams.URL, StreamGroup: gameliftstreams.StreamGroupID,
	})}}
	request := func(body string) *http.Request {
		return httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/sessions", strings.NewReader(body))
	}
	_, answer, err := s.applications(request(""), playtest.Person{})
	if err != nil {
		t.Fatal(err)
	}
	var offered struct{ Locations []string }
	if data, _ := json.Marshal(answer); json.Unmarshal(data, &offered) != nil || !slices.Equal(offered.Locations, []string{"us-west-2", "eu-central-1"}) {
		t.Errorf("the locations are %q", offered.Locations)
	}
	for location, message := range map[string]string{
		"mars-north-1":          `games cannot run in "mars-north-1"; they can in us-west-2, eu-central-1`,
		"us-west-2\u001b":       "games cannot run in",
		strings.Repeat("x", 21): "a location is a region",
	} {
		body := `{"application":"a-game","location":"` + strings.ReplaceAll(location, "\u001b", `\u001b`) + `"}`
		if _, _, err := s.start(request(body), playtest.Person{Role: playtest.RoleLead}); err == nil || !strings.Contains(err.Error(), message) || strings.Contains(err.Error(), "\u001b") {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := s.checkLocation(t.Context(), "eu-central-1"); err != nil {
		t.Error(err)
	}
}
