package main

import (
	"errors"
	"strings"
	"testing"

	"hotseat/backend/playtest"
)

func TestThePolicyIsReadFromOneFlag(t *testing.T) {
	for text, want := range map[string]playtest.Policy{
		"approvers=lead,turn=300,silence=30":                      {Approvers: playtest.ApproversLead, TurnSeconds: 300, SilenceSeconds: 30},
		"turn=5m, cooldown=90s":                                   {TurnSeconds: 300, CooldownSeconds: 90},
		"request=10,grace=5,approvers=holder,silence=0,turn=1h0m": {Approvers: playtest.ApproversHolder, RequestSeconds: 10, GraceSeconds: 5, TurnSeconds: 3600},
	} {
		if got, err := parsePolicy(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, message := range map[string]string{
		"lead":                "is no rule",
		"turn=soon":           "no length in whole seconds",
		"turn=1500ms":         "no length in whole seconds",
		"approvers=everybody": "both, holder or lead",
		"turns=3":             "there are approvers, request, silence, grace, cooldown, turn",
		"turn=3,turn=4":       "twice",
		"request=1":           "requestSeconds",
		"":                    "is no rule",
		"turn=\x1b[2J":        "‹U+001B›",
	} {
		var usage usageError
		if _, err := parsePolicy(text); !errors.As(err, &usage) || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add("approvers=lead,turn=300")
	f.Add("turn=5m,=,grace=")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePolicy(text)
		if err == nil && p.Check() != nil {
			t.Errorf("%q is taken as %+v", text, p)
		}
	})
}
