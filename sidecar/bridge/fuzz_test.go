package bridge

import (
	"bytes"
	"encoding/json"
	"testing"
)

func FuzzEventIsOneJSONLineOrRefused(f *testing.F) {
	for _, seed := range []string{
		`{"action":"SEAT_TAKEN","epoch":3,"holder":{"id":"u1"}}`, `{"action":"SEAT_RELEASED","epoch":9223372036854775807}`,
		`{"action":"SEAT_TAKEN","epoch":1}`, "{\n\"action\" : \"A\"}\n", `[]`, `null`, `"x"`, `{"epoch":"1"}`, ``, `{"action":"SEAT_TAKEN","holder":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, line, err := parse(raw)
		if err != nil {
			return
		}
		if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' || !json.Valid(line) {
			t.Errorf("event %q became %q", raw, line)
		}
		s := emptySeat.after(e)
		if first := s.line(); bytes.Count(first, []byte("\n")) != 1 || !json.Valid(first) {
			t.Errorf("after %q the seat is %q", raw, first)
		}
		if s.Epoch < 0 {
			t.Errorf("epoch fell to %d", s.Epoch)
		}
	})
}
