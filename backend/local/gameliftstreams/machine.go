package gameliftstreams

import (
	"errors"
	"time"
)

// Status is where a stream session is. The words are those of the API
// (StreamSessionStatus).
type Status string

// The statuses of the API.
const (
	Activating                Status = "ACTIVATING"
	Active                    Status = "ACTIVE"
	Connected                 Status = "CONNECTED"
	PendingClientReconnection Status = "PENDING_CLIENT_RECONNECTION"
	Reconnecting              Status = "RECONNECTING"
	Terminating               Status = "TERMINATING"
	Terminated                Status = "TERMINATED"
	Failed                    Status = "ERROR"
)

// Reason says why a session is in TERMINATED or ERROR (StreamSessionStatusReason).
type Reason string

// The reasons of the API that can occur here.
const (
	ReasonInternalError           Reason = "internalError"
	ReasonInvalidSignalRequest    Reason = "invalidSignalRequest"
	ReasonPlacementTimeout        Reason = "placementTimeout"
	ReasonAPITerminated           Reason = "apiTerminated"
	ReasonApplicationExit         Reason = "applicationExit"
	ReasonConnectionTimeout       Reason = "connectionTimeout"
	ReasonReconnectionTimeout     Reason = "reconnectionTimeout"
	ReasonMaxSessionLengthTimeout Reason = "maxSessionLengthTimeout"
	ReasonIdleTimeout             Reason = "idleTimeout"
)

// Occurrence is what happened to a session.
type Occurrence int

// Everything that can happen to a session, but the passing of time.
const (
	Placed            Occurrence = iota // the game runs, and the first offer, if any, is answered
	OfferInvalid                        // the first offer cannot be answered
	ConnectionAsked                     // CreateStreamSessionConnection
	ConnectionAnswer                    // its offer was answered
	ConnectionFailed                    // its offer was not
	ClientConnected                     // WebRTC is up
	ClientLeft                          // WebRTC is gone, what was held is released
	InputSeen                           // a person played
	TerminateAsked                      // TerminateStreamSession
	ShutdownAsked                       // the service ends
	ApplicationExited                   // the game ended by itself
	LaunchFailed                        // the game could not be started
	InstanceFailed                      // what runs the game failed
	ProcessesGone                       // nothing of the session is left
)

var (
	// ErrNotConnectable reports that the session takes no client now.
	ErrNotConnectable = errors.New("a client can be connected only while the session is ACTIVE or PENDING_CLIENT_RECONNECTION")
	// ErrActivating reports that a session that activates cannot be terminated.
	ErrActivating = errors.New("a session cannot be terminated while it is ACTIVATING")
)

// Limits are a session's times.
type Limits struct {
	Placement  time.Duration // from the start to ACTIVE
	Connection time.Duration // ConnectionTimeoutSeconds: how long a client may stay away
	Length     time.Duration // SessionLengthSeconds, from ACTIVE on
	Idle       time.Duration // how long a connected client may do nothing
	Answer     time.Duration // how long an answer to an offer may take
}

// Times of GameLift Streams that a session does not choose ("Stream session
// lifecycle" and quotas in its developer guide).
const (
	placementLimit = 75 * time.Second // always-on capacity
	idleLimit      = 60 * time.Minute
	// answerLimit is ours; the service normally answers within 5 s.
	answerLimit = 10 * time.Second
)

// Machine is the life of one stream session: a pure value that knows no clock and
// does nothing. Its owner tells it what happened and when, looks at Status, and
// ends the processes when Over.
type Machine struct {
	Status    Status
	Reason    Reason    // empty while the session is well
	ChangedAt time.Time // of Status

	limits      Limits
	sessionEnds time.Time // zero before ACTIVE
	phaseEnds   time.Time // of the present status; zero: it may last
	before      Status    // what RECONNECTING falls back to
	beforeEnds  time.Time // and until when that would have lasted
	met         bool      // a client was connected once
}

// NewMachine returns a session that starts now.
func NewMachine(limits Limits, now time.Time) Machine {
	m := Machine{limits: limits}
	m.enter(Activating, now, limits.Placement)
	return m
}

// Over tells whether everything of the session has to end, or has ended.
func (m *Machine) Over() bool {
	return m.Status == Terminating || m.Status == Terminated || m.Status == Failed
}

// Next is when the passing of time will change something; false: never.
func (m *Machine) Next() (time.Time, bool) {
	next := m.phaseEnds
	if next.IsZero() || !m.sessionEnds.IsZero() && m.sessionEnds.Before(next) {
		next = m.sessionEnds
	}
	return next, !next.IsZero() && !m.Over()
}

// Apply takes what happened at now. Only requests can fail: with ErrNotConnectable
// or ErrActivating, and then nothing has changed. What comes too late, or twice,
// changes nothing.
func (m *Machine) Apply(what Occurrence, now time.Time) error {
	m.Tick(now)
	switch what {
	case Placed:
		if m.Status == Activating {
			m.sessionEnds = now.Add(m.limits.Length)
			m.enter(Active, now, m.limits.Connection)
		}
	case OfferInvalid:
		if m.Status == Activating {
			m.fail(ReasonInvalidSignalRequest, now)
		}
	case ConnectionAsked:
		if m.Status != Active && m.Status != PendingClientReconnection {
			return ErrNotConnectable
		}
		m.before, m.beforeEnds = m.Status, m.phaseEnds
		m.enter(Reconnecting, now, m.limits.Answer)
	case ConnectionAnswer:
		if m.Status == Reconnecting {
			m.enter(Active, now, m.limits.Connection)
		}
	case ConnectionFailed:
		if m.Status == Reconnecting {
			m.fallBack(now)
		}
	case ClientConnected:
		// RECONNECTING: a client that was answered earlier came after all.
		if m.Status == Active || m.Status == Reconnecting {
			m.met = true
			m.enter(Connected, now, m.limits.Idle)
		}
	case ClientLeft:
		if m.Status == Connected {
			m.enter(PendingClientReconnection, now, m.limits.Connection)
		}
	case InputSeen:
		if m.Status == Connected {
			m.phaseEnds = now.Add(m.limits.Idle)
		}
	case TerminateAsked:
		if m.Status == Activating {
			return ErrActivating
		}
		m.terminate(ReasonAPITerminated, now)
	case ShutdownAsked:
		m.terminate(ReasonAPITerminated, now)
	case ApplicationExited:
		m.terminate(ReasonApplicationExit, now)
	case LaunchFailed, InstanceFailed:
		m.fail(ReasonInternalError, now)
	case ProcessesGone:
		if m.Status == Terminating {
			m.enter(Terminated, now, 0)
		}
		m.fail(ReasonInternalError, now) // unless it is over: then nobody asked for it
	}
	return nil
}

// Tick lets time pass until now.
func (m *Machine) Tick(now time.Time) {
	for {
		due, any := m.Next()
		if !any || due.After(now) {
			return
		}
		if due.Equal(m.sessionEnds) {
			m.terminate(ReasonMaxSessionLengthTimeout, due)
			return
		}
		switch m.Status {
		case Activating:
			m.fail(ReasonPlacementTimeout, due)
		case Active:
			if m.met {
				m.terminate(ReasonReconnectionTimeout, due)
			} else {
				m.terminate(ReasonConnectionTimeout, due)
			}
		case Connected:
			m.terminate(ReasonIdleTimeout, due)
		case PendingClientReconnection:
			m.terminate(ReasonReconnectionTimeout, due)
		case Reconnecting:
			m.fallBack(due)
		}
	}
}

// enter changes the status; lasts 0 means without end.
func (m *Machine) enter(status Status, now time.Time, lasts time.Duration) {
	m.Status, m.ChangedAt, m.phaseEnds = status, now, time.Time{}
	if lasts > 0 {
		m.phaseEnds = now.Add(lasts)
	}
}

// fallBack returns from RECONNECTING as if nothing had been asked: the time for a
// client to come is not prolonged by offers that lead nowhere.
func (m *Machine) fallBack(now time.Time) {
	m.enter(m.before, now, 0)
	m.phaseEnds = m.beforeEnds
}

func (m *Machine) terminate(reason Reason, now time.Time) {
	if !m.Over() {
		m.Reason = reason
		m.enter(Terminating, now, 0)
	}
}

func (m *Machine) fail(reason Reason, now time.Time) {
	if !m.Over() {
		m.Reason = reason
		m.enter(Failed, now, 0)
	}
}
