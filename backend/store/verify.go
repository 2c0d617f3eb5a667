package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// Report is what Verify found in the log of one session.
type Report struct {
	Session string
	Events  int64 // lines that follow from each other, from the first on
	Head    Hash  // of the last of them
	// ChangedAt is the sequence number of the first line that does not follow from those before it,
	// and Reason says why, to come after "line 57 ". Both are zero when the log is intact.
	ChangedAt int64
	Reason    string
}

// Intact reports whether every line of the log follows from the one before it.
func (r Report) Intact() bool { return r.Reason == "" }

// Verify walks the log of a session from its first line and finds the first that was changed,
// removed, inserted or moved. It reads page by page, beside writers if there are any; what they
// append meanwhile may be in the report or not.
//
// Where a line was changed and its own hash mended, the next line is the first that does not fit.
// Lines cut off the end leave a shorter log that is intact: compare Events and Head with what was
// noted elsewhere. ErrNotFound: there is neither a line nor a record of such a session.
func (s *Store) Verify(ctx context.Context, session string) (Report, error) {
	report := Report{Session: session}
	for after := int64(beforeAll); ; {
		lines, err := s.Lines(ctx, session, after, MaxPage)
		if err != nil {
			return report, err
		}
		for _, line := range lines {
			if report.add(line); !report.Intact() {
				return report, nil
			}
			after = line.Seq
		}
		if len(lines) < MaxPage {
			break
		}
	}
	if report.Events == 0 {
		_, err := s.Session(ctx, session)
		return report, err
	}
	return report, nil
}

// add puts the next line of the table to the report.
func (r *Report) add(line Line) {
	seq, hash := r.Events+1, r.Head.Next(line.JSON)
	var claims struct {
		Seq     int64  `json:"seq"`
		Session string `json:"session"`
	}
	switch {
	case line.Seq > seq:
		r.ChangedAt, r.Reason = seq, "is missing"
	case line.Seq < seq: // numbers are unique, so this is one below 1
		r.ChangedAt, r.Reason = line.Seq, "was put before the beginning"
	case !bytes.Equal(line.Hash, hash[:]):
		r.ChangedAt, r.Reason = seq, "does not follow from the line before it"
	case json.Unmarshal(line.JSON, &claims) != nil:
		r.ChangedAt, r.Reason = seq, "is not an event"
	case claims.Seq != seq || claims.Session != r.Session:
		r.ChangedAt, r.Reason = seq, fmt.Sprintf("is event %d of %q", claims.Seq, claims.Session)
	default:
		r.Events, r.Head = seq, hash
	}
}
