package ivsrealtime

import (
	"slices"
	"time"

	"hotseat/backend/local/stage"
)

// sessionRecord is a stage session: from the first participant on an empty stage to the last that leaves.
type sessionRecord struct {
	id           string
	start, end   time.Time // end is zero while it goes on
	participants map[string]*participantRecord
	order        []*participantRecord // as they appeared
}

// participantRecord is one participant in one stage session.
type participantRecord struct {
	token     stage.Token
	firstJoin time.Time
	connected bool
	published bool // ever, as IVS means it
	events    []participantEvent
}

var _ stage.Observer = (*Service)(nil)

// Observe keeps the books of who is on a stage. The stage server calls it in the order of events.
func (s *Service) Observe(e stage.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.stages[e.Token.StageID]
	if r == nil {
		return // deleted; its participants are leaving
	}
	session := r.active()
	if session == nil {
		if e.Name != stage.Joined {
			return // somebody was refused on an empty stage: there is no session to note it in
		}
		session = r.begin(e.At)
	}
	p := session.participants[e.Token.ParticipantID]
	if p == nil {
		if len(session.order) >= keptParticipants {
			return
		}
		p = &participantRecord{token: e.Token}
		session.participants[e.Token.ParticipantID] = p
		session.order = append(session.order, p)
	}
	switch e.Name {
	case stage.Joined:
		p.connected = true
		if p.firstJoin.IsZero() {
			p.firstJoin = e.At
		}
	case stage.Left:
		p.connected = false
	case stage.PublishStarted:
		p.published = true
	default:
	}
	if len(p.events) >= keptEvents {
		p.events = slices.Delete(p.events, 0, 1)
	}
	p.events = append(p.events, participantEvent{
		Name: string(e.Name), ParticipantID: e.Token.ParticipantID, EventTime: timestamp(e.At),
		RemoteParticipantID: e.From, ErrorCode: string(e.Code),
	})
	if e.Name == stage.Left && !slices.ContainsFunc(session.order, func(p *participantRecord) bool { return p.connected }) {
		session.end = e.At
	}
}

func (r *stageRecord) begin(at time.Time) *sessionRecord {
	session := &sessionRecord{
		id:    newSessionID(),
		start: at, participants: make(map[string]*participantRecord),
	}
	if r.sessions = append(r.sessions, session); len(r.sessions) > keptSessions {
		r.sessions = slices.Delete(r.sessions, 0, 1)
	}
	return session
}

func (p *participantRecord) shape(whole bool) participant {
	out := participant{
		ParticipantID: p.token.ParticipantID, UserID: p.token.UserID, State: "DISCONNECTED",
		FirstJoinTime: optional(p.firstJoin), Published: p.published,
		RecordingState: "DISABLED", ReplicationType: "NONE",
	}
	if p.connected {
		out.State = "CONNECTED"
	}
	if whole {
		out.Attributes = p.token.Attributes
		out.Protocol = "UNKNOWN"
		if p.published {
			out.Protocol = "WHIP"
		}
	}
	return out
}

// sessionInput names a session, a participant of it, or a listing of either.
type sessionInput struct {
	StageARN      string `json:"stageArn"`
	SessionID     string `json:"sessionId"`
	ParticipantID string `json:"participantId"`

	FilterByUserID         string `json:"filterByUserId"`
	FilterByPublished      *bool  `json:"filterByPublished"`
	FilterByState          string `json:"filterByState"`
	FilterByRecordingState string `json:"filterByRecordingState"`
	listInput
}

// session finds what in names. mu is held.
func (s *Service) session(in sessionInput) (*sessionRecord, error) {
	r, err := s.find(in.StageARN)
	if err != nil {
		return nil, err
	}
	if in.SessionID == "" {
		return nil, invalid("sessionId is required")
	}
	for _, session := range r.sessions {
		if session.id == in.SessionID {
			return session, nil
		}
	}
	return nil, notFound("the stage session")
}

func (s *Service) participant(in sessionInput) (*participantRecord, error) {
	session, err := s.session(in)
	if err != nil {
		return nil, err
	}
	if !participantPattern.MatchString(in.ParticipantID) {
		return nil, invalid("participantId must have 1 to 64 of the characters a-z A-Z 0-9 - _")
	}
	if p := session.participants[in.ParticipantID]; p != nil {
		return p, nil
	}
	return nil, notFound("participant " + in.ParticipantID)
}

func (s *sessionRecord) shape() stageSession {
	return stageSession{SessionID: s.id, StartTime: timestamp(s.start), EndTime: optional(s.end)}
}

type listStageSessionsOutput struct {
	StageSessions []stageSession `json:"stageSessions"`
	NextToken     string         `json:"nextToken,omitempty"`
}

// listStageSessions lists the newest first.
func (s *Service) listStageSessions(in sessionInput) (listStageSessionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.StageARN)
	if err != nil {
		return listStageSessionsOutput{}, err
	}
	all := []stageSession{}
	for _, session := range slices.Backward(r.sessions) {
		all = append(all, session.shape())
	}
	var out listStageSessionsOutput
	out.StageSessions, out.NextToken, err = page(all, in.NextToken, in.MaxResults)
	return out, err
}

type getStageSessionOutput struct {
	StageSession stageSession `json:"stageSession"`
}

func (s *Service) getStageSession(in sessionInput) (getStageSessionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, err := s.session(in)
	if err != nil {
		return getStageSessionOutput{}, err
	}
	return getStageSessionOutput{session.shape()}, nil
}

type listParticipantsOutput struct {
	Participants []participant `json:"participants"`
	NextToken    string        `json:"nextToken,omitempty"`
}

func (s *Service) listParticipants(in sessionInput) (listParticipantsOutput, error) {
	filters := 0
	for _, set := range []bool{in.FilterByUserID != "", in.FilterByPublished != nil, in.FilterByState != "", in.FilterByRecordingState != ""} {
		if set {
			filters++
		}
	}
	if filters > 1 {
		return listParticipantsOutput{}, invalid("only one filter can be used at a time")
	}
	if st := in.FilterByState; st != "" && st != "CONNECTED" && st != "DISCONNECTED" {
		return listParticipantsOutput{}, invalid("filterByState is CONNECTED or DISCONNECTED")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	session, err := s.session(in)
	if err != nil {
		return listParticipantsOutput{}, err
	}
	all := []participant{}
	for _, record := range session.order {
		p := record.shape(false)
		if (in.FilterByUserID == "" || p.UserID == in.FilterByUserID) &&
			(in.FilterByPublished == nil || p.Published == *in.FilterByPublished) &&
			(in.FilterByState == "" || p.State == in.FilterByState) &&
			(in.FilterByRecordingState == "" || p.RecordingState == in.FilterByRecordingState) {
			all = append(all, p)
		}
	}
	var out listParticipantsOutput
	out.Participants, out.NextToken, err = page(all, in.NextToken, in.MaxResults)
	return out, err
}

type getParticipantOutput struct {
	Participant participant `json:"participant"`
}

func (s *Service) getParticipant(in sessionInput) (getParticipantOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.participant(in)
	if err != nil {
		return getParticipantOutput{}, err
	}
	return getParticipantOutput{p.shape(true)}, nil
}

type listParticipantEventsOutput struct {
	Events    []participantEvent `json:"events"`
	NextToken string             `json:"nextToken,omitempty"`
}

func (s *Service) listParticipantEvents(in sessionInput) (listParticipantEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.participant(in)
	if err != nil {
		return listParticipantEventsOutput{}, err
	}
	var out listParticipantEventsOutput
	out.Events, out.NextToken, err = page(p.events, in.NextToken, in.MaxResults)
	return out, err
}
