package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hotseat/backend/playtest"
)

// policyRule is one setting of --policy: docs/protocol.md's policy, without the word for its unit.
type policyRule struct {
	name, help string
	seconds    func(*playtest.Policy) *int // nil: the approvers
}

var policyRules = []policyRule{
	{"approvers", "who decides: both, holder, lead", nil},
	{"request", "how long a request waits", func(p *playtest.Policy) *int { return &p.RequestSeconds }},
	{"silence", "a request that nobody decided is granted after this; 0: it expires", func(p *playtest.Policy) *int { return &p.SilenceSeconds }},
	{"grace", "how long the seat is kept for somebody whose connection is gone", func(p *playtest.Policy) *int { return &p.GraceSeconds }},
	{"cooldown", "between a turn, or a denial, and the person's next request", func(p *playtest.Policy) *int { return &p.CooldownSeconds }},
	{"turn", "after this the seat goes to whoever waits first; 0: no limit", func(p *playtest.Policy) *int { return &p.TurnSeconds }},
}

// policyHelp is a line for each rule.
func policyHelp() string {
	var lines []string
	for _, r := range policyRules {
		lines = append(lines, fmt.Sprintf("  %-10s %s", r.name, r.help))
	}
	return strings.Join(lines, "\n")
}

// parsePolicy reads approvers=lead,turn=300. Its errors are about the usage.
func parsePolicy(text string) (playtest.Policy, error) {
	var p playtest.Policy
	wrong := func(format string, args ...any) (playtest.Policy, error) {
		return playtest.Policy{}, usageError{fmt.Errorf("--policy: "+format, args...)}
	}
	given := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return wrong("%q is no rule; write approvers=lead,turn=300", shown(part))
		}
		if given[name] {
			return wrong("%s is there twice", shown(name))
		}
		given[name] = true
		rule, ok := ruleNamed(name)
		switch {
		case !ok:
			var names []string
			for _, r := range policyRules {
				names = append(names, r.name)
			}
			return wrong("there is no rule %q; there are %s", shown(name), strings.Join(names, ", "))
		case rule.seconds == nil:
			p.Approvers = playtest.Approvers(value)
		default:
			seconds, err := wholeSeconds(value)
			if err != nil {
				return wrong("%s=%s is no length in whole seconds; write 90, 90s or 5m", name, shown(value))
			}
			*rule.seconds(&p) = seconds
		}
	}
	if err := p.Check(); err != nil {
		return wrong("%w", err)
	}
	return p, nil
}

func ruleNamed(name string) (policyRule, bool) {
	for _, r := range policyRules {
		if r.name == name {
			return r, true
		}
	}
	return policyRule{}, false
}

// wholeSeconds reads 90, 90s or 5m.
func wholeSeconds(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, err
	}
	if d%time.Second != 0 {
		return 0, fmt.Errorf("%s has a part of a second", d)
	}
	return int(d / time.Second), nil
}

// completePolicy completes the rule that is being written, after the ones before it.
func completePolicy(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var out []cobra.Completion
	for _, r := range policyRules {
		if !strings.Contains(","+before, ","+r.name+"=") {
			out = append(out, cobra.CompletionWithDesc(before+r.name+"=", r.help))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
