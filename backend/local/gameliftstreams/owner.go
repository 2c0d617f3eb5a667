package gameliftstreams

import (
	"time"

	"hotseat/backend/local/gameliftstreams/instance"
)

// own is the owner goroutine: from launch until nothing of the session is left.
func (s *session) own() {
	defer close(s.over)
	if err := s.launch(); err != nil {
		s.log.Error("launch the instance", "error", err)
		s.explanation = err.Error()
		s.happened(InstanceFailed)
		s.publish()
		return
	}
	timer := time.NewTimer(longestNap)
	defer timer.Stop()
	s.log.Info("stream session starts", "application", s.request.application.ID)
	for events := s.process.Events(); ; {
		status := s.machine.Status
		select {
		case ask := <-s.asks:
			ask()
		case event, alive := <-events:
			if !alive {
				s.happened(ProcessesGone)
				s.after(status)
				s.settle(connectionResult{err: conflict("the session has ended")})
				return
			}
			s.hear(event)
		case <-timer.C:
		}
		s.machine.Tick(s.now())
		s.after(status)
		timer.Reset(s.nap())
	}
}

// nap is how long nothing will change by itself.
func (s *session) nap() time.Duration {
	next, any := s.machine.Next()
	if !any {
		return longestNap
	}
	return max(0, min(longestNap, next.Sub(s.now())))
}

func (s *session) happened(what Occurrence) {
	_ = s.machine.Apply(what, s.now()) // only requests can fail
}

// hear takes one event of the instance. Events of connections that were replaced
// are of no interest.
func (s *session) hear(event instance.Event) {
	switch event.Event {
	case instance.EventReady:
		if s.signal.request == "" {
			s.happened(Placed)
			return
		}
		s.lastID++
		s.send(instance.Command{Command: instance.CommandConnect, ConnectionID: s.lastID, SignalRequest: s.signal.request})
	case instance.EventAnswer:
		s.answered(event)
	case instance.EventRefused:
		s.refused(event)
	case instance.EventConnected:
		if event.ConnectionID == s.answeredID {
			s.happened(ClientConnected)
		}
	case instance.EventDisconnected:
		if event.ConnectionID == s.answeredID {
			s.happened(ClientLeft)
		}
	case instance.EventInput:
		s.happened(InputSeen)
	case instance.EventExit:
		s.exited(event)
	}
}

func (s *session) answered(event instance.Event) {
	s.machine.Tick(s.now())
	switch {
	case s.machine.Status == Activating && event.ConnectionID == s.lastID:
		s.signal.response = event.SignalResponse
		s.answeredID = event.ConnectionID
		s.happened(Placed)
	case s.machine.Status == Reconnecting && s.pending != nil && event.ConnectionID == s.pending.id:
		s.signal = signals{s.pending.offer, event.SignalResponse}
		s.answeredID = event.ConnectionID
		s.happened(ConnectionAnswer)
		s.settle(connectionResult{response: event.SignalResponse})
	default:
		// Nobody waits for this answer any more, so nobody may come by it.
		s.send(instance.Command{Command: instance.CommandDisconnect, ConnectionID: event.ConnectionID})
	}
}

func (s *session) refused(event instance.Event) {
	s.log.Warn("the offer was not answered", "reason", event.Reason, "message", event.Message)
	if s.machine.Status == Activating {
		s.explanation = event.Message
		if event.Reason == instance.RefusedInvalidOffer {
			s.happened(OfferInvalid)
		} else {
			s.happened(InstanceFailed)
		}
		return
	}
	if s.pending == nil || event.ConnectionID != s.pending.id {
		return
	}
	s.happened(ConnectionFailed)
	switch event.Reason {
	case instance.RefusedInvalidOffer:
		s.settle(connectionResult{err: invalid("SignalRequest: " + event.Message)})
	case instance.RefusedConnected:
		s.settle(connectionResult{err: conflict(ErrNotConnectable.Error() + "; it is " + string(Connected))})
	default:
		s.settle(connectionResult{err: internalError(event.Message)})
	}
}

func (s *session) exited(event instance.Event) {
	if event.Message != "" {
		s.explanation = event.Message
	}
	switch event.Reason {
	case instance.ExitApplication:
		s.happened(ApplicationExited)
	case instance.ExitLaunchFailed:
		s.happened(LaunchFailed)
	case instance.ExitStopped:
		// As we said; or somebody ended the process, which ProcessesGone will tell.
	default:
		s.happened(InstanceFailed)
	}
}

// after does what a change of status asks for, and publishes.
func (s *session) after(before Status) {
	if s.pending != nil && s.machine.Status != Reconnecting {
		message := "the instance did not answer in time"
		if s.machine.Over() {
			message = "the session has ended"
		}
		if s.machine.Status == Connected {
			s.settle(connectionResult{err: conflict("another client connected first")})
		} else {
			s.settle(connectionResult{err: internalError(message)})
		}
	}
	if s.machine.Over() && !s.stopping {
		s.stopping = true
		s.process.Stop(farewell(s.machine.Reason))
	}
	s.publish()
	if s.machine.Status != before {
		s.log.Info("stream session", "status", s.machine.Status, "reason", s.machine.Reason, "was", before)
	}
}

// farewell is what the page is told: the words of the Web SDK's serverDisconnect
// where it has one.
func farewell(reason Reason) string {
	if reason == ReasonIdleTimeout {
		return "idle"
	}
	return "terminated"
}
