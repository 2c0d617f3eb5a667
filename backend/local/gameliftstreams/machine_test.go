package gameliftstreams

import (
	"errors"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var testLimits = Limits{
	Placement: 75 * time.Second, Connection: 60 * time.Second, Length: time.Hour,
	Idle: 30 * time.Minute, Answer: 10 * time.Second,
}

// step is one occurrence, so long after the start.
type step struct {
	after time.Duration
	what  Occurrence
}

// passing is a step in which only time passes.
const passing Occurrence = -1

func TestSessionLives(t *testing.T) {
	const s, min = time.Second, time.Minute
	tests := map[string]struct {
		steps  []step
		status Status
		reason Reason
	}{
		"starts activating":                  {nil, Activating, ""},
		"is active when placed":              {[]step{{s, Placed}}, Active, ""},
		"is connected when the client is":    {[]step{{s, Placed}, {2 * s, ClientConnected}}, Connected, ""},
		"waits when the client leaves":       {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}}, PendingClientReconnection, ""},
		"reconnects":                         {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}}, Reconnecting, ""},
		"is active again when answered":      {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {5 * s, ConnectionAnswer}}, Active, ""},
		"is connected to the next":           {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {5 * s, ConnectionAnswer}, {6 * s, ClientConnected}}, Connected, ""},
		"takes a second offer before anyone": {[]step{{s, Placed}, {2 * s, ConnectionAsked}, {3 * s, ConnectionAnswer}}, Active, ""},
		"keeps a client that came after all": {[]step{{s, Placed}, {2 * s, ConnectionAsked}, {3 * s, ClientConnected}, {4 * s, ConnectionFailed}}, Connected, ""},
		"waits on after a useless offer":     {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {5 * s, ConnectionFailed}}, PendingClientReconnection, ""},
		"waits on after an overdue answer":   {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {14 * s, passing}}, PendingClientReconnection, ""},
		"ignores an answer that is too late": {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {15 * s, ConnectionAnswer}}, PendingClientReconnection, ""},

		"a first offer that is invalid":        {[]step{{s, OfferInvalid}}, Failed, ReasonInvalidSignalRequest},
		"placement takes too long":             {[]step{{75 * s, passing}}, Failed, ReasonPlacementTimeout},
		"placement just in time":               {[]step{{75*s - 1, Placed}}, Active, ""},
		"nobody ever connects":                 {[]step{{s, Placed}, {61 * s, passing}}, Terminating, ReasonConnectionTimeout},
		"the client does not come back":        {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {63 * s, passing}}, Terminating, ReasonReconnectionTimeout},
		"the next client does not come":        {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {4 * s, ConnectionAsked}, {5 * s, ConnectionAnswer}, {65 * s, passing}}, Terminating, ReasonReconnectionTimeout},
		"useless offers do not prolong":        {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {60 * s, ConnectionAsked}, {61 * s, ConnectionFailed}, {63 * s, passing}}, Terminating, ReasonReconnectionTimeout},
		"overdue answer after the time is up":  {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ClientLeft}, {60 * s, ConnectionAsked}, {70 * s, passing}}, Terminating, ReasonReconnectionTimeout},
		"nobody plays":                         {[]step{{s, Placed}, {2 * s, ClientConnected}, {30*min + 2*s, passing}}, Terminating, ReasonIdleTimeout},
		"somebody plays":                       {[]step{{s, Placed}, {2 * s, ClientConnected}, {20 * min, InputSeen}, {50*min - s, passing}}, Connected, ""},
		"the session is at its length":         {[]step{{s, Placed}, {2 * s, ClientConnected}, {29 * min, InputSeen}, {58 * min, InputSeen}, {60*min + s, passing}}, Terminating, ReasonMaxSessionLengthTimeout},
		"the length also ends who waits":       {[]step{{s, Placed}, {2 * s, ClientConnected}, {29 * min, InputSeen}, {58 * min, InputSeen}, {60 * min, ClientLeft}, {60*min + s, passing}}, Terminating, ReasonMaxSessionLengthTimeout},
		"the game ends":                        {[]step{{s, Placed}, {2 * s, ClientConnected}, {3 * s, ApplicationExited}}, Terminating, ReasonApplicationExit},
		"the game ends before it is active":    {[]step{{s, ApplicationExited}}, Terminating, ReasonApplicationExit},
		"the game cannot be started":           {[]step{{s, LaunchFailed}, {2 * s, ProcessesGone}}, Failed, ReasonInternalError},
		"the instance fails":                   {[]step{{s, Placed}, {2 * s, InstanceFailed}, {3 * s, ProcessesGone}}, Failed, ReasonInternalError},
		"the processes vanish":                 {[]step{{s, Placed}, {2 * s, ProcessesGone}}, Failed, ReasonInternalError},
		"somebody terminates":                  {[]step{{s, Placed}, {2 * s, TerminateAsked}}, Terminating, ReasonAPITerminated},
		"terminated when all is gone":          {[]step{{s, Placed}, {2 * s, TerminateAsked}, {3 * s, ProcessesGone}}, Terminated, ReasonAPITerminated},
		"the first reason stays":               {[]step{{s, Placed}, {2 * s, ApplicationExited}, {3 * s, TerminateAsked}, {4 * s, InstanceFailed}, {5 * s, ProcessesGone}}, Terminated, ReasonApplicationExit},
		"the service ends while it activates":  {[]step{{s, ShutdownAsked}, {2 * s, ProcessesGone}}, Terminated, ReasonAPITerminated},
		"nothing happens after the end":        {[]step{{s, Placed}, {2 * s, TerminateAsked}, {3 * s, ProcessesGone}, {4 * s, ClientConnected}, {99 * min, passing}}, Terminated, ReasonAPITerminated},
		"a client that leaves unmet is nobody": {[]step{{s, Placed}, {2 * s, ClientLeft}}, Active, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			machine := NewMachine(testLimits, epoch)
			for _, step := range test.steps {
				now := epoch.Add(step.after)
				if step.what == passing {
					machine.Tick(now)
				} else if err := machine.Apply(step.what, now); err != nil {
					t.Fatalf("at %v: %v", step.after, err)
				}
			}
			if machine.Status != test.status || machine.Reason != test.reason {
				t.Errorf("got %s %q, want %s %q", machine.Status, machine.Reason, test.status, test.reason)
			}
		})
	}
}

func TestOnlyAnEmptySessionTakesAClient(t *testing.T) {
	for status, allowed := range map[Status]bool{
		Activating: false, Active: true, Connected: false, PendingClientReconnection: true,
		Reconnecting: false, Terminating: false, Terminated: false, Failed: false,
	} {
		machine := NewMachine(testLimits, epoch)
		machine.enter(status, epoch, time.Minute)
		err := machine.Apply(ConnectionAsked, epoch.Add(time.Second))
		if allowed != (err == nil) || !allowed && !errors.Is(err, ErrNotConnectable) {
			t.Errorf("%s: got %v", status, err)
		}
		if !allowed && machine.Status != status {
			t.Errorf("%s: a refusal changed it to %s", status, machine.Status)
		}
	}
}

func TestActivatingSessionCannotBeTerminated(t *testing.T) {
	machine := NewMachine(testLimits, epoch)
	if err := machine.Apply(TerminateAsked, epoch); !errors.Is(err, ErrActivating) {
		t.Errorf("got %v, want ErrActivating", err)
	}
	if machine.Status != Activating {
		t.Errorf("a refusal changed the status to %s", machine.Status)
	}
}

func TestTimeoutsAreStampedWhenTheyWereDue(t *testing.T) {
	machine := NewMachine(testLimits, epoch)
	machine.Tick(epoch.Add(24 * time.Hour)) // the owner slept
	if want := epoch.Add(testLimits.Placement); !machine.ChangedAt.Equal(want) {
		t.Errorf("changed at %v, want %v", machine.ChangedAt, want)
	}
	if _, any := machine.Next(); any {
		t.Error("a failed session waits for something")
	}
}
