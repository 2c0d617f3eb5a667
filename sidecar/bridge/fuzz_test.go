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
		s, _ := seatState{}.after(e)
		if first := s.line(); s.known && (bytes.Count(first, []byte("\n")) != 1 || !json.Valid(first)) {
			t.Errorf("after %q the seat is %q", raw, first)
		}
		if s.Epoch < 0 {
			t.Errorf("epoch fell to %d", s.Epoch)
		}
	})
}

func FuzzWhateverAGameSaysIsAnsweredInOneLine(f *testing.F) {
	for _, seed := range []string{
		`{"action":"MARK","message":"boss down","id":1}`, `{"action":"CAPTION","message":"a\nb"}`, `{"action":"STATE","state":{"hp":3},"id":"x"}`,
		`{"action":"STATE","state":[]}`, `{"id":{"a":1},"action":"MARK","message":"x"}`, `{"action":"MARK","at":-1,"message":"x"}`, `null`, `[]`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		s, id, refusal := read(line)
		var err error
		if refusal != nil {
			err = refusal
		}
		if a := answer(id, err); bytes.Count(a, []byte("\n")) != 1 || !json.Valid(a) {
			t.Errorf("%q was answered %q", line, a)
		}
		if refusal == nil && (len(s.Message) > 4*maxMark || len(s.State) > maxState || bytes.ContainsAny([]byte(s.Message), "\n\r\x1b")) {
			t.Errorf("%q passed as %+v", line, s)
		}
	})
}
