package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotseat/backend/gate"
	"hotseat/backend/playtest"
	"hotseat/backend/steward"
	"hotseat/backend/store"
)

// Session is a playtest as clients see it: no ARN, no key, no signal string.
type Session struct {
	ID           string        `json:"id"`
	Application  string        `json:"application"`
	Title        string        `json:"title"`
	Location     string        `json:"location"` // where the game runs: a region, as GameLift Streams names it
	CreatedAt    time.Time     `json:"createdAt"`
	CreatedBy    string        `json:"createdBy"`
	Status       string        `json:"status"` // GameLift Streams' word
	StatusReason string        `json:"statusReason"`
	EndsAt       time.Time     `json:"endsAt"`
	EndedAt      *time.Time    `json:"endedAt"`
	EndReason    string        `json:"endReason,omitempty"`
	Width        int           `json:"width"`
	Height       int           `json:"height"`
	Framerate    int           `json:"framerate"`
	LastSeq      int64         `json:"lastSeq"`
	Channel      string        `json:"channel"`
	LiveChannel  string        `json:"liveChannel"`
	Broadcast    Broadcast     `json:"broadcast"`
	Seat         playtest.Seat `json:"seat"`
	Waiting      int           `json:"waiting"`
}

// Broadcast names the participant of the stage that shows the game.
type Broadcast struct {
	ParticipantID string `json:"participantId"`
}

func (s *Server) view(ctx context.Context, record store.Session) (Session, error) {
	state, err := s.cfg.Gate.State(ctx, record.ID)
	if err != nil {
		return Session{}, err
	}
	view := Session{
		ID: record.ID, Application: record.Application, Title: record.Title, Location: record.Location,
		CreatedAt: record.CreatedAt, CreatedBy: record.CreatedBy,
		Status: state.Status, StatusReason: state.StatusReason, EndsAt: record.EndsAt, EndReason: state.EndReason,
		Width: record.Width, Height: record.Height, Framerate: record.Framerate, LastSeq: state.Seq,
		Channel: "/" + gate.NamespacePlaytest + "/" + record.ID, LiveChannel: "/" + gate.NamespaceLive + "/" + record.ID,
		Broadcast: Broadcast{ParticipantID: record.BroadcasterID},
		Seat:      state.Seat, Waiting: len(state.Queue),
	}
	switch {
	case state.Ended():
		ended := time.UnixMilli(state.EndedAt)
		view.EndedAt = &ended
	case !record.EndedAt.IsZero(): // its start failed before it had a log
		view.EndedAt, view.EndReason = &record.EndedAt, "the game could not be started"
	}
	return view, nil
}

func (s *Server) config(r *http.Request, _ playtest.Person) (int, any, error) {
	if r.URL.Query().Get("inside") != "" {
		return http.StatusOK, s.cfg.Inside, nil
	}
	return http.StatusOK, s.cfg.Public, nil
}

func (s *Server) me(_ *http.Request, who playtest.Person) (int, any, error) {
	return http.StatusOK, who, nil
}

func (s *Server) applications(r *http.Request, _ playtest.Person) (int, any, error) {
	list, err := s.cfg.AWS.Applications(r.Context())
	if err != nil {
		return 0, nil, err
	}
	locations, err := s.cfg.AWS.Locations(r.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"applications": list, "locations": locations}, nil
}

// listed is how many sessions the lobby gets: the newest.
const listed = 200

func (s *Server) sessions(r *http.Request, _ playtest.Person) (int, any, error) {
	records, err := s.cfg.Store.Sessions(r.Context(), false, listed)
	if err != nil {
		return 0, nil, err
	}
	views := []Session{}
	for _, record := range records {
		view, err := s.view(r.Context(), record)
		if err != nil {
			return 0, nil, err
		}
		views = append(views, view)
	}
	return http.StatusOK, map[string]any{"sessions": views}, nil
}

func (s *Server) record(r *http.Request) (store.Session, error) {
	id := r.PathValue("id")
	if len(id) > 64 {
		return store.Session{}, store.ErrNotFound
	}
	return s.cfg.Store.Session(r.Context(), id)
}

func (s *Server) session(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.visible(r, who)
	if err != nil {
		return 0, nil, err
	}
	view, err := s.view(r.Context(), record)
	return http.StatusOK, view, err
}

// startBody is what POST /api/sessions takes; absent fields take the defaults of start.
type startBody struct {
	Application          string `json:"application"`
	Location             string `json:"location"` // "": the first that GET /api/applications lists
	Width                int    `json:"width"`
	Height               int    `json:"height"`
	Framerate            int    `json:"framerate"`
	VideoBitrateKbps     int    `json:"videoBitrateKbps"`
	Encoder              string `json:"encoder"`
	SessionLengthSeconds int    `json:"sessionLengthSeconds"`

	Policy *playtest.Policy `json:"policy"`
}

func (s *Server) start(r *http.Request, who playtest.Person) (int, any, error) {
	body := startBody{
		Width: 1280, Height: 720, Framerate: 30, VideoBitrateKbps: 3000, Encoder: "gpu",
		SessionLengthSeconds: int(s.cfg.Length / time.Second),
	}
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	// IVS Real-Time takes at most 720p, 60 fps and 8.5 Mbit/s
	// (https://docs.aws.amazon.com/ivs/latest/RealTimeUserGuide/service-quotas.html).
	switch {
	case body.Application == "" || len(body.Application) > 128:
		return 0, nil, badRequest("name an application; GET /api/applications lists them")
	case len(body.Location) > maxLocation:
		return 0, nil, badRequest("a location is a region such as us-west-2; GET /api/applications lists them")
	case body.Width < 160 || body.Height < 160 || body.Width > 1280 || body.Height > 1280 ||
		body.Width*body.Height > 1280*720 || body.Width%2+body.Height%2 != 0:
		return 0, nil, badRequest("the picture is at least 160x160 and at most 1280x720, with even sides; not %dx%d", body.Width, body.Height)
	case body.Framerate < 10 || body.Framerate > 60:
		return 0, nil, badRequest("the frame rate is between 10 and 60; not %d", body.Framerate)
	case body.VideoBitrateKbps < 200 || body.VideoBitrateKbps > 8500:
		return 0, nil, badRequest("the bitrate is between 200 and 8500 kbit/s; not %d", body.VideoBitrateKbps)
	case body.Encoder != "gpu" && body.Encoder != "cpu":
		return 0, nil, badRequest("the encoder is gpu (falls back to cpu) or cpu")
	case body.SessionLengthSeconds < 60 || body.SessionLengthSeconds > 86_400:
		return 0, nil, badRequest("a session lasts between 60 and 86400 seconds; not %d", body.SessionLengthSeconds)
	}
	if body.Policy != nil {
		if err := body.Policy.Check(); err != nil {
			return 0, nil, badRequest("policy: %v", err)
		}
	}
	title := body.Application
	applications, err := s.cfg.AWS.Applications(r.Context())
	if err != nil {
		return 0, nil, err
	}
	known := false
	for _, a := range applications {
		if a.ID == body.Application {
			known, title = true, a.Description
		}
	}
	if !known {
		return 0, nil, badRequest("there is no application %q; GET /api/applications lists them", printable(body.Application))
	}
	if err := s.checkLocation(r.Context(), body.Location); err != nil {
		return 0, nil, err
	}
	record, err := s.cfg.Steward.Start(r.Context(), steward.StartRequest{
		By: who, Application: body.Application, Title: title, Location: body.Location, Width: body.Width, Height: body.Height,
		Framerate: body.Framerate, VideoBitrateKbps: body.VideoBitrateKbps, Encoder: body.Encoder,
		Length: time.Duration(body.SessionLengthSeconds) * time.Second, Policy: body.Policy,
	})
	if err != nil {
		return 0, nil, err
	}
	view, err := s.view(r.Context(), record)
	return http.StatusCreated, view, err
}

// maxLocation bounds a location's name: GameLift Streams takes 1 to 20 characters (LocationName).
const maxLocation = 20

// checkLocation refuses a location that the stream group does not have.
func (s *Server) checkLocation(ctx context.Context, location string) error {
	if location == "" {
		return nil
	}
	locations, err := s.cfg.AWS.Locations(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(locations, location) {
		return badRequest("games cannot run in %q; they can in %s", printable(location), strings.Join(locations, ", "))
	}
	return nil
}

func (s *Server) end(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.record(r)
	if err != nil {
		return 0, nil, err
	}
	if err := s.cfg.Steward.End(r.Context(), record.ID, "ended by "+who.Name); err != nil {
		return 0, nil, err
	}
	view, err := s.view(r.Context(), record)
	return http.StatusAccepted, view, err
}

// visible is the session of a request, for those who may see and hear it.
func (s *Server) visible(r *http.Request, who playtest.Person) (store.Session, error) {
	record, err := s.record(r)
	if err != nil || !who.Role.IsPerson() {
		return record, err
	}
	state, err := s.cfg.Gate.State(r.Context(), record.ID)
	if err != nil {
		return store.Session{}, err
	}
	if refusal := state.MayWatch(who); refusal != nil {
		return store.Session{}, refusal
	}
	return record, nil
}

func (s *Server) log(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.visible(r, who)
	if err != nil {
		return 0, nil, err
	}
	after, err := number(r, "after", 0, 0, 1<<53)
	if err != nil {
		return 0, nil, err
	}
	limit, err := number(r, "limit", 500, 1, store.MaxPage)
	if err != nil {
		return 0, nil, err
	}
	events, err := s.cfg.Store.Read(r.Context(), record.ID, after, int(limit))
	if err != nil {
		return 0, nil, err
	}
	next := after
	if len(events) > 0 {
		next = events[len(events)-1].Seq
	}
	return http.StatusOK, map[string]any{"events": events, "next": next, "more": len(events) == int(limit)}, nil
}

func (s *Server) offer(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.record(r)
	if err != nil {
		return 0, nil, err
	}
	var body struct {
		SignalRequest string `json:"signalRequest"`
		RequestID     string `json:"requestId"`
	}
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	// Looked at now: once it is needed, the holder has let go of the game.
	var signal struct {
		Type string `json:"type"`
		SDP  string `json:"sdp"`
	}
	if json.Unmarshal([]byte(body.SignalRequest), &signal) != nil || signal.Type != "offer" || signal.SDP == "" {
		return 0, nil, badRequest(`signalRequest is the JSON string of the page's WebRTC offer: {"type":"offer","sdp":"…"}`)
	}
	state, err := s.cfg.Gate.State(r.Context(), record.ID)
	if err != nil {
		return 0, nil, err
	}
	if err := s.cfg.Steward.PutOffer(&state, who, body.RequestID, body.SignalRequest); err != nil {
		return 0, nil, offerError(&state, body.RequestID, err)
	}
	return http.StatusNoContent, nil, nil
}

// longPoll is how long a page waits for its answer in one request: below the 30 s after which
// proxies in between give up.
const longPoll = 25 * time.Second

func (s *Server) answer(r *http.Request, who playtest.Person) (int, any, error) {
	record, err := s.record(r)
	if err != nil {
		return 0, nil, err
	}
	request := r.URL.Query().Get("requestId")
	ctx, cancel := context.WithTimeout(r.Context(), longPoll)
	defer cancel()
	answer, err := s.cfg.Steward.Answer(ctx, record.ID, who, request)
	switch {
	case err == nil:
		return http.StatusOK, map[string]string{"signalResponse": answer}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusNoContent, nil, nil
	}
	state, stateErr := s.cfg.Gate.State(r.Context(), record.ID)
	if stateErr != nil {
		return 0, nil, stateErr
	}
	return 0, nil, offerError(&state, request, err)
}

// offerError says why there is no hand-over for a request: the outcome that stood, if one did.
func offerError(state *playtest.State, request string, err error) error {
	if errors.Is(err, steward.ErrOfferTaken) {
		return &Error{http.StatusConflict, "offer_taken", err.Error()}
	}
	if o, ok := state.OutcomeOf(request); ok && o.Action != playtest.ActionTakeoverApprove {
		message := map[playtest.Action]string{
			playtest.ActionTakeoverDeny: "your request was denied", playtest.ActionTakeoverCancel: "your request was cancelled",
		}[o.Action]
		if o.Reason != "" {
			message += ": " + o.Reason
		}
		return &Error{http.StatusGone, "request_ended", message}
	}
	if errors.Is(err, steward.ErrNotRunning) {
		return &Error{http.StatusGone, "not_running", "this session is over"}
	}
	return &Error{http.StatusGone, "no_exchange", err.Error()}
}

func number(r *http.Request, name string, value, low, high int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return value, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, badRequest("%s is a number from %d to %d", name, low, high)
	}
	return n, nil
}

// printable keeps what a client sent readable inside a message.
func printable(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}
