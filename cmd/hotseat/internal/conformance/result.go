package conformance

import "strings"

// Verdict is how a server does by one clause.
type Verdict string

// The verdicts.
const (
	Pass       Verdict = "pass"
	Fail       Verdict = "fail"
	NotOffered Verdict = "not offered" // an optional part that the server leaves out
	Skipped    Verdict = "skipped"     // nothing could be seen
)

// Level is how binding a clause is (RFC 2119).
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Result is the verdict on one clause.
type Result struct {
	Clause   string  `json:"clause"` // e.g. "RFC 9725 4.2"
	Level    Level   `json:"level"`
	Rule     string  `json:"rule"` // in a few words
	Verdict  Verdict `json:"verdict"`
	Evidence string  `json:"evidence"`
}

// Violations counts the clauses of a level that failed.
func Violations(results []Result, level Level) int {
	n := 0
	for _, r := range results {
		if r.Verdict == Fail && r.Level == level {
			n++
		}
	}
	return n
}

// note records a verdict.
func (r *runner) note(clause string, level Level, rule string, verdict Verdict, evidence string) {
	const most = 160 // evidence quotes strangers; a table has lines
	evidence = strings.Join(strings.Fields(strings.ToValidUTF8(evidence, "?")), " ")
	if len(evidence) > most {
		evidence = strings.ToValidUTF8(evidence[:most], "") + "…"
	}
	result := Result{clause, level, rule, verdict, evidence}
	r.results = append(r.results, result)
	if r.target.Progress != nil {
		r.target.Progress(result)
	}
}

// judge records pass or fail.
func (r *runner) judge(clause string, level Level, rule string, ok bool, evidence string) {
	verdict := Fail
	if ok {
		verdict = Pass
	}
	r.note(clause, level, rule, verdict, evidence)
}
