package playtest

import (
	"fmt"
	"time"
)

// Approvers says whose word a request for the seat needs.
type Approvers string

// A QA lead can always give the seat and take it back; this is about requests.
const (
	ApproversBoth   Approvers = "both"   // whoever holds the seat, and QA leads
	ApproversHolder Approvers = "holder" // whoever holds the seat; QA leads while it is empty
	ApproversLead   Approvers = "lead"   // QA leads
)

// Policy is how a session hands the seat on. It is part of SESSION_STARTED and holds for the whole
// session. The zero value of a field is its default.
type Policy struct {
	Approvers       Approvers `json:"approvers"`
	RequestSeconds  int       `json:"requestSeconds"`  // how long a request waits; 5 to 3600, default 60
	SilenceSeconds  int       `json:"silenceSeconds"`  // a request that nobody decided is granted after this; 0: it expires
	GraceSeconds    int       `json:"graceSeconds"`    // how long a holder's connection may be gone; 1 to 600, default 20
	CooldownSeconds int       `json:"cooldownSeconds"` // between a turn, or a denial, and the person's next request; default 0
	TurnSeconds     int       `json:"turnSeconds"`     // after this the seat goes to whoever waits first; 0: no limit
}

// The defaults of a Policy. The article's sample gives a request as long.
const (
	defaultRequestSeconds = 60
	defaultGraceSeconds   = 20
)

func (p Policy) withDefaults() Policy {
	if p.Approvers == "" {
		p.Approvers = ApproversBoth
	}
	if p.RequestSeconds == 0 {
		p.RequestSeconds = defaultRequestSeconds
	}
	if p.GraceSeconds == 0 {
		p.GraceSeconds = defaultGraceSeconds
	}
	return p
}

// Check says what is wrong with a policy, for whoever wrote it.
func (p Policy) Check() error {
	p = p.withDefaults()
	if p.Approvers != ApproversBoth && p.Approvers != ApproversHolder && p.Approvers != ApproversLead {
		return fmt.Errorf("approvers is both, holder or lead; not %q", clean(truncate(string(p.Approvers), 20)))
	}
	for _, f := range []struct {
		name             string
		value, low, high int
	}{
		{"requestSeconds", p.RequestSeconds, 5, 3600},
		{"silenceSeconds", p.SilenceSeconds, 0, 3600},
		{"graceSeconds", p.GraceSeconds, 1, 600},
		{"cooldownSeconds", p.CooldownSeconds, 0, 86_400},
		{"turnSeconds", p.TurnSeconds, 0, 86_400},
	} {
		if f.value < f.low || f.value > f.high {
			return fmt.Errorf("%s is between %d and %d; not %d", f.name, f.low, f.high, f.value)
		}
	}
	if p.SilenceSeconds >= p.RequestSeconds {
		return fmt.Errorf("silenceSeconds (%d) must be less than requestSeconds (%d), or the request expires first", p.SilenceSeconds, p.RequestSeconds)
	}
	return nil
}

// Grace is how long a holder's connection may be gone before the seat is freed.
func (p Policy) Grace() time.Duration {
	return time.Duration(p.withDefaults().GraceSeconds) * time.Second
}

func seconds(n int) int64 { return int64(n) * 1000 }
