package gameliftstreams

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
)

// scripted is an instance played by a test: it answers every offer with "answer
// to …" and does nothing else by itself.
type scripted struct {
	events chan instance.Event
	stop   sync.Once
	stopps chan string // reasons of Stop
	mute   bool        // answers no offer
}

func (p *scripted) Send(command instance.Command) error {
	if command.Command == instance.CommandConnect && !p.mute {
		go p.report(instance.Event{Event: instance.EventAnswer, ConnectionID: command.ConnectionID, SignalResponse: "answer to " + command.SignalRequest})
	}
	return nil
}

func (p *scripted) Events() <-chan instance.Event { return p.events }

func (p *scripted) Stop(reason string) {
	p.stop.Do(func() { p.stopps <- reason; close(p.events) })
}

func (p *scripted) report(event instance.Event) { p.events <- event }

// bench is a service whose instances are scripted.
type bench struct {
	service   *Service
	instances chan *scripted
}

func newBench(t *testing.T, adjust func(*Config)) *bench {
	t.Helper()
	b := &bench{instances: make(chan *scripted, 16)}
	config := Config{
		Applications: []Application{
			{ID: "a-demo", Description: "demo", Dir: "/games/demo", ExecutablePath: "run.sh"},
			{ID: "a-other", Description: "other", Dir: "/games/other", ExecutablePath: "run.sh"},
		},
		Launch: func(instance.Start, *slog.Logger) (Process, error) {
			p := &scripted{events: make(chan instance.Event), stopps: make(chan string, 1)}
			b.instances <- p
			return p, nil
		},
	}
	if adjust != nil {
		adjust(&config)
	}
	var err error
	if b.service, err = New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// call sends a request as the official clients do, with ARNs as one escaped segment.
func (b *bench) call(method string, path []string, body any) (int, http.Header, map[string]any) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	target := ""
	for _, segment := range path {
		target += "/" + url.PathEscape(segment)
	}
	return b.send(method, target, text)
}

func (b *bench) send(method, target string, text []byte) (int, http.Header, map[string]any) {
	recorder := httptest.NewRecorder()
	b.service.Handler().ServeHTTP(recorder, httptest.NewRequest(method, target, bytes.NewReader(text)))
	answer := map[string]any{}
	data, _ := io.ReadAll(recorder.Body)
	if len(data) > 0 {
		if err := json.Unmarshal(data, &answer); err != nil {
			answer["unreadable"] = string(data)
		}
	}
	return recorder.Code, recorder.Header(), answer
}

var sessionsPath = []string{"streamgroups", StreamGroupID, "streamsessions"}

func startBody(changes map[string]any) map[string]any {
	body := map[string]any{"Protocol": "WebRTC", "SignalRequest": "offer", "ApplicationIdentifier": "a-demo"}
	for name, value := range changes {
		if value == nil {
			delete(body, name)
		} else {
			body[name] = value
		}
	}
	return body
}

func (b *bench) start(t *testing.T, changes map[string]any) (arn string, p *scripted) {
	t.Helper()
	code, _, answer := b.call("POST", sessionsPath, startBody(changes))
	if code != http.StatusCreated {
		t.Fatalf("start: %d %v", code, answer)
	}
	return answer["Arn"].(string), <-b.instances
}

func (b *bench) status(arn string) string {
	_, _, answer := b.call("GET", append(sessionsPath, arn), nil)
	return strings.TrimSpace(fmt.Sprint(answer["Status"], " ", answer["StatusReason"]))
}

func TestStartIsCheckedOnTheServer(t *testing.T) {
	b := newBench(t, nil)
	many := map[string]string{}
	for n := range maxVariables + 1 {
		many[fmt.Sprintf("V%d", n)] = "x"
	}
	resolution := func(width, height int) map[string]any {
		return map[string]any{"Resolution": map[string]int{"Width": width, "Height": height}}
	}
	for name, changes := range map[string]map[string]any{
		"no protocol":              {"Protocol": nil},
		"another protocol":         {"Protocol": "SRT"},
		"no offer":                 {"SignalRequest": ""},
		"no application":           {"ApplicationIdentifier": nil},
		"an application with path": {"ApplicationIdentifier": "../a-demo"},
		"an e-mail as user":        {"UserId": "player@ivs.rocks"},
		"a long user":              {"UserId": strings.Repeat("u", maxUserID+1)},
		"a short token":            {"ClientToken": "short"},
		"a token with spaces":      {"ClientToken": strings.Repeat("a ", 20)},
		"a bad description":        {"Description": " leading space"},
		"no time to connect":       {"ConnectionTimeoutSeconds": 0},
		"too much time to connect": {"ConnectionTimeoutSeconds": 3601},
		"an endless session":       {"SessionLengthSeconds": 86401},
		"a fraction of a second":   {"SessionLengthSeconds": 1.5},
		"many arguments":           {"AdditionalLaunchArgs": make([]string, maxLaunchArgs+1)},
		"an argument with a NUL":   {"AdditionalLaunchArgs": []string{"a\x00b"}},
		"many variables":           {"AdditionalEnvironmentVariables": many},
		"a variable named 1A":      {"AdditionalEnvironmentVariables": map[string]string{"1A": "x"}},
		"a variable named A=B":     {"AdditionalEnvironmentVariables": map[string]string{"A=B": "x"}},
		"a long value":             {"AdditionalEnvironmentVariables": map[string]string{"A": strings.Repeat("x", maxVariableValue+1)}},
		"an unknown location":      {"Locations": []string{"mars-north-1"}},
		"an odd resolution":        {"DisplayConfiguration": resolution(1281, 720)},
		"a large resolution":       {"DisplayConfiguration": resolution(2560, 1440)},
	} {
		code, header, answer := b.call("POST", sessionsPath, startBody(changes))
		if code != http.StatusBadRequest || header.Get("x-amzn-ErrorType") != "ValidationException" || answer["Message"] == "" {
			t.Errorf("%s: got %d %s %v", name, code, header.Get("x-amzn-ErrorType"), answer)
		}
	}
	if code, _, _ := b.send("POST", "/streamgroups/"+StreamGroupID+"/streamsessions", []byte("{")); code != http.StatusBadRequest {
		t.Errorf("half a body: got %d", code)
	}
	if code, _, _ := b.send("POST", "/streamgroups/"+StreamGroupID+"/streamsessions", make([]byte, maxBody+1)); code != http.StatusBadRequest {
		t.Errorf("a large body: got %d", code)
	}
	if len(b.instances) != 0 {
		t.Error("a refused request launched something")
	}
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	b := newBench(t, nil)
	for _, path := range [][]string{
		{"applications", "a-none"},
		{"applications", "arn:aws:gameliftstreams:us-west-2:000000000000:application/a-none"},
		{"streamgroups", "sg-none"},
		{"streamgroups", StreamGroupID, "streamsessions", "none"},
		{"streamgroups", "sg-none", "streamsessions", "none"},
	} {
		code, header, _ := b.call("GET", path, nil)
		if code != http.StatusNotFound || header.Get("x-amzn-ErrorType") != "ResourceNotFoundException" {
			t.Errorf("%v: got %d %s", path, code, header.Get("x-amzn-ErrorType"))
		}
	}
	if code, _, _ := b.call("POST", sessionsPath, startBody(map[string]any{"ApplicationIdentifier": "a-none"})); code != http.StatusNotFound {
		t.Errorf("starting an unknown application: got %d", code)
	}
	if code, _, _ := b.call("DELETE", []string{"applications", "a-demo"}, nil); code != http.StatusForbidden {
		t.Errorf("deleting an application: got %d", code)
	}
}

func TestApplicationsAndGroupsAreListedByTheirOwnNames(t *testing.T) {
	b := newBench(t, nil)
	_, _, list := b.call("GET", []string{"applications"}, nil)
	items := list["Items"].([]any)
	first := items[0].(map[string]any)
	if len(items) != 2 || first["Id"] != "a-demo" || first["Status"] != "READY" {
		t.Errorf("applications: %v", list)
	}
	if created, isNumber := first["CreatedAt"].(float64); !isNumber || created < 1e9 || created > 1e10 {
		t.Errorf("CreatedAt is %v, want seconds since 1970", first["CreatedAt"])
	}
	for _, identifier := range []string{"a-demo", first["Arn"].(string)} {
		if code, _, got := b.call("GET", []string{"applications", identifier}, nil); code != http.StatusOK || got["ExecutablePath"] != "run.sh" {
			t.Errorf("%s: got %d %v", identifier, code, got)
		}
	}
	_, _, groups := b.call("GET", []string{"streamgroups"}, nil)
	group := groups["Items"].([]any)[0].(map[string]any)
	for _, identifier := range []string{StreamGroupID, group["Arn"].(string)} {
		code, _, got := b.call("GET", []string{"streamgroups", identifier}, nil)
		if code != http.StatusOK || got["Id"] != StreamGroupID || len(got["AssociatedApplications"].([]any)) != 2 {
			t.Errorf("%s: got %d %v", identifier, code, got)
		}
	}
}

func TestSameClientTokenIsTheSameSession(t *testing.T) {
	b := newBench(t, nil)
	token := map[string]any{"ClientToken": strings.Repeat("t", 36)}
	first, _ := b.start(t, token)
	_, _, again := b.call("POST", sessionsPath, startBody(token))
	if again["Arn"] != first || len(b.instances) != 0 {
		t.Errorf("got %v, want %s and nothing launched", again["Arn"], first)
	}
	token["UserId"] = "other"
	if code, header, _ := b.call("POST", sessionsPath, startBody(token)); code != http.StatusConflict || header.Get("x-amzn-ErrorType") != "ConflictException" {
		t.Errorf("another request with the token: got %d", code)
	}
}

func TestFullGroupTakesNoMore(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxSessions = 1 })
	b.start(t, nil)
	if code, header, _ := b.call("POST", sessionsPath, startBody(nil)); code != http.StatusPaymentRequired || header.Get("x-amzn-ErrorType") != "ServiceQuotaExceededException" {
		t.Errorf("got %d %s", code, header.Get("x-amzn-ErrorType"))
	}
}

func TestListsAreReadPageByPage(t *testing.T) {
	b := newBench(t, nil)
	var want []string
	for range 5 {
		arn, _ := b.start(t, nil)
		want = append([]string{arn}, want...) // newest first
	}
	for _, path := range []string{"/streamsessions", "/streamgroups/" + StreamGroupID + "/streamsessions"} {
		var got []string
		for token := ""; ; {
			_, _, answer := b.send("GET", path+"?MaxResults=2&NextToken="+token, nil)
			for _, item := range answer["Items"].([]any) {
				got = append(got, item.(map[string]any)["Arn"].(string))
			}
			next, more := answer["NextToken"].(string)
			if !more {
				break
			}
			token = next
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	for query, count := range map[string]int{"Status=ACTIVATING": 5, "Status=CONNECTED": 0, "ExportFilesStatus=SUCCEEDED": 0} {
		if _, _, answer := b.send("GET", "/streamsessions?"+query, nil); len(answer["Items"].([]any)) != count {
			t.Errorf("%s: got %v", query, answer)
		}
	}
	for _, query := range []string{"MaxResults=0", "MaxResults=101", "MaxResults=x", "Status=BORED", "NextToken=!!"} {
		if code, _, _ := b.send("GET", "/streamsessions?"+query, nil); code != http.StatusBadRequest {
			t.Errorf("%s: got %d", query, code)
		}
	}
}

func TestSessionLifeThroughTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		arn, p := b.start(t, map[string]any{"ConnectionTimeoutSeconds": 60, "UserId": "u1"})
		session := append(sessionsPath, arn)
		connect := func(token, offer string) (int, map[string]any) {
			code, _, answer := b.call("POST", append(session, "connections"), map[string]string{"ClientToken": token, "SignalRequest": offer})
			return code, answer
		}
		if code, header, _ := b.call("DELETE", session, nil); code != http.StatusBadRequest || header.Get("x-amzn-ErrorType") != "ValidationException" {
			t.Errorf("terminating while it activates: got %d", code)
		}
		if code, _ := connect("", "early"); code != http.StatusConflict {
			t.Errorf("connecting while it activates: got %d", code)
		}
		p.report(instance.Event{Event: instance.EventReady})
		synctest.Wait()
		_, _, details := b.call("GET", session, nil)
		if details["Status"] != "ACTIVE" || details["SignalResponse"] != "answer to offer" || details["UserId"] != "u1" {
			t.Errorf("active: %v", details)
		}
		p.report(instance.Event{Event: instance.EventConnected, ConnectionID: 1})
		synctest.Wait()
		if code, _ := connect("", "second"); code != http.StatusConflict {
			t.Errorf("connecting while connected: got %d", code)
		}
		p.report(instance.Event{Event: instance.EventDisconnected, ConnectionID: 1})
		synctest.Wait()
		if got := b.status(arn); got != "PENDING_CLIENT_RECONNECTION <nil>" {
			t.Errorf("after the client left: %s", got)
		}
		token := strings.Repeat("c", 36)
		code, answer := connect(token, "second")
		if code != http.StatusOK || answer["SignalResponse"] != "answer to second" || b.status(arn) != "ACTIVE <nil>" {
			t.Errorf("reconnecting: %d %v, %s", code, answer, b.status(arn))
		}
		if code, again := connect(token, "second"); code != http.StatusOK || again["SignalResponse"] != "answer to second" {
			t.Errorf("the same call again: %d %v", code, again)
		}
		if code, _ := connect(token, "another"); code != http.StatusConflict {
			t.Errorf("another offer with the token: %d", code)
		}
		// The old client's late events say nothing about the new one.
		p.report(instance.Event{Event: instance.EventConnected, ConnectionID: 2})
		p.report(instance.Event{Event: instance.EventDisconnected, ConnectionID: 1})
		synctest.Wait()
		if got := b.status(arn); got != "CONNECTED <nil>" {
			t.Errorf("after the second client: %s", got)
		}
		if code, _, answer := b.call("DELETE", session, nil); code != http.StatusNoContent || len(answer) != 0 {
			t.Errorf("terminate: %d with body %v", code, answer)
		}
		synctest.Wait()
		if got := b.status(arn); got != "TERMINATED apiTerminated" || <-p.stopps != "terminated" {
			t.Errorf("at the end: %s", got)
		}
		if code, _ := connect("", "late"); code != http.StatusConflict {
			t.Errorf("connecting after the end: got %d", code)
		}
		if code, _, _ := b.call("DELETE", session, nil); code != http.StatusNoContent {
			t.Errorf("terminating twice: got %d", code)
		}
	})
}

func TestTimeoutsHappenByThemselves(t *testing.T) {
	for name, test := range map[string]struct {
		events []instance.Event
		after  time.Duration
		want   string
	}{
		"placement":    {nil, placementLimit, "ERROR placementTimeout"},
		"connection":   {[]instance.Event{{Event: instance.EventReady}}, 60 * time.Second, "TERMINATED connectionTimeout"},
		"reconnection": {[]instance.Event{{Event: instance.EventReady}, {Event: instance.EventConnected, ConnectionID: 1}, {Event: instance.EventDisconnected, ConnectionID: 1}}, 60 * time.Second, "TERMINATED reconnectionTimeout"},
		"idle":         {[]instance.Event{{Event: instance.EventReady}, {Event: instance.EventConnected, ConnectionID: 1}}, idleLimit, "TERMINATED idleTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				arn, p := b.start(t, map[string]any{"ConnectionTimeoutSeconds": 60})
				for _, event := range test.events {
					p.report(event)
					synctest.Wait()
				}
				before := b.status(arn)
				time.Sleep(test.after - time.Second) // the bubble's clock
				synctest.Wait()
				if got := b.status(arn); got != before {
					t.Errorf("a second before: %s, was %s", got, before)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if got := b.status(arn); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestInstanceThatDoesNotAnswerCostsOnlyTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		arn, p := b.start(t, map[string]any{"SignalRequest": noClient})
		p.mute = true
		p.report(instance.Event{Event: instance.EventReady})
		synctest.Wait()
		code, header, _ := b.call("POST", append(sessionsPath, arn, "connections"), map[string]string{"SignalRequest": "offer"})
		if code != http.StatusInternalServerError || header.Get("x-amzn-ErrorType") != "InternalServerException" {
			t.Errorf("got %d", code)
		}
		if got := b.status(arn); got != "ACTIVE <nil>" {
			t.Errorf("then it is %s", got)
		}
	})
}

func TestApplicationFolderErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadApplication(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing folder is accepted")
	}
	if _, err := LoadApplication(dir); err == nil || !strings.Contains(err.Error(), "run.sh") {
		t.Errorf("a folder without script: %v", err)
	}
	script := filepath.Join(dir, "run.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadApplication(dir); err == nil || !strings.Contains(err.Error(), "chmod +x") {
		t.Errorf("a script that is not executable: %v", err)
	}
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	broadcaster := filepath.Join(dir, "run_broadcaster_background.sh")
	for want, prepare := range map[string]func() error{
		"run.sh":                        func() error { return nil },
		"run_broadcaster_background.sh": func() error { return os.WriteFile(broadcaster, []byte("#!/bin/sh\n"), 0o755) },
	} {
		_ = os.Remove(broadcaster)
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if app, err := LoadApplication(dir); err != nil || app.ExecutablePath != want {
			t.Errorf("got %+v, %v; want %s", app, err, want)
		}
	}
}

func FuzzStartRequest(f *testing.F) {
	service, err := New(Config{
		Applications: []Application{{ID: "a-demo", Dir: "/x", ExecutablePath: "run.sh"}},
		Launch:       func(instance.Start, *slog.Logger) (Process, error) { return nil, io.EOF },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"Protocol":"WebRTC","SignalRequest":"x","ApplicationIdentifier":"a-demo"}`))
	f.Add([]byte(`{"Protocol":"WebRTC","SignalRequest":"x","ApplicationIdentifier":"a-demo","AdditionalEnvironmentVariables":{"A":"b"},"Locations":null}`))
	f.Add([]byte(`{"ConnectionTimeoutSeconds":1e99}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := service.parseStart(body)
		if err != nil {
			return
		}
		if request.application == nil || request.ConnectionTimeoutSeconds < 1 || request.SessionLengthSeconds < 1 ||
			len(request.AdditionalEnvironmentVariables) > maxVariables || request.picture.width*request.picture.height > maxDisplayPixels {
			t.Fatalf("accepted: %+v", request)
		}
	})
}

func FuzzPaths(f *testing.F) {
	b := &bench{}
	var err error
	if b.service, err = New(Config{
		Applications: []Application{{ID: "a-demo", Dir: "/x", ExecutablePath: "run.sh"}},
		Launch:       func(instance.Start, *slog.Logger) (Process, error) { return nil, io.EOF },
	}); err != nil {
		f.Fatal(err)
	}
	f.Add("/streamgroups/arn%3Aaws%3Agameliftstreams%3Aus-west-2%3A000000000000%3Astreamgroup%2Fsg-Hotseat01/streamsessions")
	f.Add("/streamgroups/sg-Hotseat01/streamsessions/x/connections/y")
	f.Add("//")
	f.Fuzz(func(t *testing.T, path string) {
		target, err := url.Parse("/" + path)
		if err != nil {
			return
		}
		recorder := httptest.NewRecorder()
		b.service.Handler().ServeHTTP(recorder, &http.Request{Method: "GET", URL: target, Body: http.NoBody})
		if recorder.Code >= 500 {
			t.Fatalf("%s: %d", path, recorder.Code)
		}
	})
}
