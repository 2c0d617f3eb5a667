package appsync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"hotseat/backend/events"
)

// publishRefusal refuses a whole publish request: one error for each reason.
type publishRefusal []*EventError

func (r publishRefusal) wire() []events.WireError {
	list := make([]events.WireError, len(r))
	for i, refusal := range r {
		list[i] = refusal.wire()
	}
	return list
}

// namespace finds the namespace of a channel.
func (s *Server) namespace(channel events.Channel) (Namespace, *EventError) {
	namespace, ok := s.namespaces[channel.Namespace()]
	if !ok {
		return namespace, badRequest("There is no channel namespace %q", channel.Namespace())
	}
	return namespace, nil
}

// publish checks a request, asks the hook and fans out. Signed is what an IAM signature
// covers. Ctx is the publisher's: it ends the wait for the channel's turn, but not the hook.
func (s *Server) publish(ctx context.Context, given events.Authorization, signed []byte, channelText string, texts []string) (events.PublishResult, publishRefusal) {
	none := events.PublishResult{}
	channel, err := events.ParseChannel(channelText)
	if err != nil || channel.Wildcard {
		return none, publishRefusal{errChannel}
	}
	who, refusal := s.authorize(ctx, given, signed)
	if refusal != nil {
		return none, publishRefusal{refusal}
	}
	namespace, refusal := s.namespace(channel)
	if refusal != nil {
		return none, publishRefusal{refusal}
	}
	if !allows(namespace.PublishModes, who.mode) {
		return none, publishRefusal{errUnauthorized}
	}
	if refusal := s.checkEvents(texts); refusal != nil {
		return none, publishRefusal{refusal}
	}
	if !s.inbound.AllowN(time.Now(), len(texts)) {
		return none, publishRefusal{errTooFast}
	}
	in := make([]InEvent, len(texts))
	for i, text := range texts {
		in[i] = InEvent{ID: uuid.NewString(), Payload: json.RawMessage(text)}
	}

	leave, err := s.lanes.enter(ctx, channel.Path)
	if err != nil {
		return none, publishRefusal{errProcessing}
	}
	defer leave()
	outcomes, refusal := s.askHook(namespace, Publish{Channel: channel.Path, Segments: channel.Segments(),
		Identity: who.identity, AuthMode: who.mode, Events: in})
	if refusal != nil {
		return none, publishRefusal{refusal}
	}
	return s.carryOut(channel.Path, in, outcomes)
}

// checkEvents bounds the events of one request.
func (s *Server) checkEvents(texts []string) *EventError {
	if len(texts) == 0 || len(texts) > s.limits.EventsPerPublish {
		return badRequest("A publish request has 1 to %d events; this one has %d", s.limits.EventsPerPublish, len(texts))
	}
	for i, text := range texts {
		if len(text) > s.limits.EventBytes {
			return badRequest("Event %d has %d bytes; at most %d are allowed", i, len(text), s.limits.EventBytes)
		}
		if !json.Valid([]byte(text)) {
			return badRequest("Event %d is not a valid JSON value as a string", i)
		}
	}
	return nil
}

// askHook calls OnPublish in the server's time, not the publisher's.
func (s *Server) askHook(namespace Namespace, p Publish) ([]Outcome, *EventError) {
	if namespace.Hooks == nil {
		outcomes := make([]Outcome, len(p.Events))
		for i, event := range p.Events {
			outcomes[i].Payload = event.Payload
		}
		return outcomes, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.HookTime)
	defer cancel()
	outcomes, err := namespace.Hooks.OnPublish(ctx, p)
	if err == nil && len(outcomes) != len(p.Events) {
		err = fmt.Errorf("%d outcomes for %d events", len(outcomes), len(p.Events))
	}
	if err != nil {
		return nil, s.refusalOf(err, "publish", p.Channel)
	}
	return outcomes, nil
}

// carryOut broadcasts what was accepted and makes the publisher's answer. The caller has the
// channel's turn.
func (s *Server) carryOut(path string, in []InEvent, outcomes []Outcome) (events.PublishResult, publishRefusal) {
	result := events.PublishResult{Failed: []events.Failure{}, Successful: []events.Published{}}
	var refusals publishRefusal
	for i, outcome := range outcomes {
		refusal := outcome.Error
		if refusal == nil && outcome.Payload != nil {
			refusal = s.broadcast(path, outcome.Payload)
		}
		if refusal != nil {
			refusals = append(refusals, refusal)
			result.Failed = append(result.Failed, events.Failure{Identifier: in[i].ID, Index: i,
				ErrorType: refusal.Type, Message: refusal.Message})
			continue
		}
		result.Successful = append(result.Successful, events.Published{Identifier: in[i].ID, Index: i})
	}
	if len(result.Successful) == 0 {
		return events.PublishResult{}, refusals
	}
	return result, nil
}

// broadcast fans out what a hook returned. If that is no event, subscribers are told that
// they missed one (broadcast_error), and the publisher that it failed.
func (s *Server) broadcast(path string, payload json.RawMessage) *EventError {
	if len(payload) <= s.limits.EventBytes && json.Valid(payload) {
		s.hub.broadcast(path, dataFrameBody(payload))
		return nil
	}
	s.log.Error("a hook of the event channels returned no event", "channel", path, "bytes", len(payload))
	s.hub.each(path, func(sub *subscription) {
		sub.out.put(outFrame{head: sub.errorHead(), body: broadcastErrorBody})
	})
	return errProcessing
}

// subscribe checks a request and asks the hook.
func (s *Server) subscribe(ctx context.Context, frame events.ClientFrame) (events.Channel, *EventError) {
	channel, err := events.ParseChannel(frame.Channel)
	if err != nil {
		return channel, errChannel
	}
	who, refusal := s.authorize(ctx, frame.Authorization, frame.Signed)
	if refusal != nil {
		return channel, refusal
	}
	namespace, refusal := s.namespace(channel)
	if refusal != nil {
		return channel, refusal
	}
	if !allows(namespace.SubscribeModes, who.mode) {
		return channel, errUnauthorized
	}
	if namespace.Hooks == nil {
		return channel, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.HookTime)
	defer cancel()
	err = namespace.Hooks.OnSubscribe(ctx, Subscribe{Channel: channel.String(), Segments: channel.Segments(),
		Wildcard: channel.Wildcard, Identity: who.identity, AuthMode: who.mode})
	if err != nil {
		return channel, s.refusalOf(err, "subscribe", channel.String())
	}
	return channel, nil
}
