package ivsrealtime

import (
	"maps"
	"slices"
	"time"
)

// stageRecord is a stage and what happened on it. Guarded by Service.mu.
type stageRecord struct {
	id       string
	name     string
	tags     map[string]string
	sessions []*sessionRecord     // oldest first; the newest may be active
	revoked  map[string]time.Time // participants put out for good -> until when to remember it
}

// active is the session that goes on, nil while the stage is empty.
func (r *stageRecord) active() *sessionRecord {
	if n := len(r.sessions); n > 0 && r.sessions[n-1].end.IsZero() {
		return r.sessions[n-1]
	}
	return nil
}

func (s *Service) shape(r *stageRecord, whole bool) stageShape {
	out := stageShape{ARN: s.arn("stage", r.id), Name: r.name, Tags: r.tags}
	if a := r.active(); a != nil {
		out.ActiveSessionID = a.id
	}
	if whole {
		out.Endpoints = &stageEndpoints{Events: s.cfg.EventsURL, Whip: s.whip(r.id)}
	}
	return out
}

// whip is a stage's own endpoint, below which its publishers and subscribers are.
func (s *Service) whip(stageID string) string { return s.cfg.WhipURL + "/" + stageID }

// find returns the stage of an ARN. mu is held.
func (s *Service) find(arn string) (*stageRecord, error) {
	id, err := stageID(arn)
	if err != nil {
		return nil, err
	}
	r := s.stages[id]
	if r == nil || arn != s.arn("stage", id) {
		return nil, notFound("stage " + arn)
	}
	return r, nil
}

type createStageInput struct {
	Name                           string            `json:"name"`
	ParticipantTokenConfigurations []tokenInput      `json:"participantTokenConfigurations"`
	Tags                           map[string]string `json:"tags"`
}

type createStageOutput struct {
	Stage             stageShape         `json:"stage"`
	ParticipantTokens []participantToken `json:"participantTokens"`
}

func (s *Service) createStage(in createStageInput) (createStageOutput, error) {
	out := createStageOutput{ParticipantTokens: []participantToken{}}
	if err := checkName(in.Name); err != nil {
		return out, err
	}
	if len(in.ParticipantTokenConfigurations) > maxTokensPerCreate {
		return out, invalid("at most 12 participant tokens can be made with a stage")
	}
	if len(in.Tags) > maxTags {
		return out, invalid("at most 50 tags")
	}
	for _, c := range in.ParticipantTokenConfigurations {
		if err := c.check(); err != nil {
			return out, err
		}
	}
	r := &stageRecord{id: newID(), name: in.Name, tags: maps.Clone(in.Tags), revoked: make(map[string]time.Time)}
	s.mu.Lock()
	if len(s.stages) >= maxStages {
		s.mu.Unlock()
		return out, quota("there are 1000 stages already; delete some")
	}
	s.stages[r.id] = r
	s.order = append(s.order, r.id)
	out.Stage = s.shape(r, true)
	s.mu.Unlock()
	for _, c := range in.ParticipantTokenConfigurations {
		token, err := s.mint(r.id, c)
		if err != nil {
			return out, err
		}
		out.ParticipantTokens = append(out.ParticipantTokens, token)
	}
	s.log.Info("stage created", "stage", r.id, "name", r.name)
	return out, nil
}

type stageInput struct {
	ARN  string  `json:"arn"`
	Name *string `json:"name"` // UpdateStage
}

type stageOutput struct {
	Stage stageShape `json:"stage"`
}

func (s *Service) getStage(in stageInput) (stageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.ARN)
	if err != nil {
		return stageOutput{}, err
	}
	return stageOutput{s.shape(r, true)}, nil
}

func (s *Service) updateStage(in stageInput) (stageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.ARN)
	if err != nil {
		return stageOutput{}, err
	}
	if in.Name != nil {
		if err := checkName(*in.Name); err != nil {
			return stageOutput{}, err
		}
		r.name = *in.Name
	}
	return stageOutput{s.shape(r, true)}, nil
}

type listInput struct {
	NextToken  string `json:"nextToken"`
	MaxResults int32  `json:"maxResults"`
}

type listStagesOutput struct {
	Stages    []stageShape `json:"stages"`
	NextToken string       `json:"nextToken,omitempty"`
}

func (s *Service) listStages(in listInput) (listStagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, next, err := page(s.order, in.NextToken, in.MaxResults)
	out := listStagesOutput{Stages: []stageShape{}, NextToken: next}
	for _, id := range ids {
		out.Stages = append(out.Stages, s.shape(s.stages[id], false))
	}
	return out, err
}

type empty struct{}

func (s *Service) deleteStage(in stageInput) (empty, error) {
	s.mu.Lock()
	r, err := s.find(in.ARN)
	if err != nil {
		s.mu.Unlock()
		return empty{}, err
	}
	// First the record, so that no token of the stage is good any more; then everybody who is there.
	delete(s.stages, r.id)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == r.id })
	s.mu.Unlock()
	if d := s.disconnecter(); d != nil {
		d.DisconnectStage(r.id)
	}
	s.log.Info("stage deleted", "stage", r.id)
	return empty{}, nil
}
