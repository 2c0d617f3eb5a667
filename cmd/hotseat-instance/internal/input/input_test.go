package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func press(code string) Action   { return Action{Do: Press, Code: keycode(code)} }
func release(code string) Action { return Action{Do: Release, Code: keycode(code)} }

func keycode(code string) byte {
	k, known := Keycode(code)
	if !known {
		panic("test uses an unknown key " + code)
	}
	return k
}

func TestKeycodesAreThoseThatXvfbUses(t *testing.T) {
	// As seen with xev under Xvfb with its default evdev rules.
	for code, want := range map[string]byte{
		"KeyA": 38, "KeyD": 40, "KeyW": 25, "KeyS": 39, "Space": 65, "Enter": 36, "Escape": 9,
		"ArrowUp": 111, "ArrowLeft": 113, "ArrowRight": 114, "ArrowDown": 116,
		"ControlLeft": 37, "ShiftLeft": 50, "F1": 67,
	} {
		if got, known := Keycode(code); !known || got != want {
			t.Errorf("%s: got %d (%v), want %d", code, got, known, want)
		}
	}
}

func TestNoTwoKeysShareAPlace(t *testing.T) {
	names := map[byte]string{}
	for code, evdev := range evdevCodes {
		other, taken := names[evdev]
		// Firefox once named the volume keys without "Audio".
		if taken && strings.TrimPrefix(code, "Audio") != strings.TrimPrefix(other, "Audio") {
			t.Errorf("%s and %s are both %d", code, other, evdev)
		}
		names[evdev] = code
	}
}

func TestHandsFollowTheMessages(t *testing.T) {
	tests := map[string]struct {
		messages []string
		want     []Action
	}{
		"a key goes down and up": {
			[]string{
				`{"n":1,"held":["KeyW"],"buttons":[],"events":[[1,"kd","KeyW"]]}`,
				`{"n":2,"held":[],"buttons":[],"events":[[1,"kd","KeyW"],[2,"ku","KeyW"]]}`,
			},
			[]Action{press("KeyW"), release("KeyW")},
		},
		"a repeated message does nothing again": {
			[]string{
				`{"n":1,"held":["KeyW"],"buttons":[],"events":[[1,"kd","KeyW"]]}`,
				`{"n":1,"held":["KeyW"],"buttons":[],"events":[[1,"kd","KeyW"]]}`,
			},
			[]Action{press("KeyW")},
		},
		"a lost message is made up for by the next one's history": {
			[]string{
				`{"n":3,"held":["KeyD"],"buttons":[],"events":[[1,"kd","KeyW"],[2,"ku","KeyW"],[3,"kd","KeyD"]]}`,
			},
			[]Action{press("KeyW"), release("KeyW"), press("KeyD")},
		},
		"a tap within one message is a tap": {
			[]string{`{"n":2,"held":[],"buttons":[],"events":[[1,"kd","Space"],[2,"ku","Space"]]}`},
			[]Action{press("Space"), release("Space")},
		},
		"a message that comes late changes nothing": {
			[]string{
				`{"n":2,"held":[],"buttons":[],"events":[[1,"kd","KeyW"],[2,"ku","KeyW"]]}`,
				`{"n":1,"held":["KeyW"],"buttons":[],"events":[[1,"kd","KeyW"]]}`,
			},
			[]Action{press("KeyW"), release("KeyW")},
		},
		"a release that fell out of the history is reconciled": {
			[]string{
				`{"n":1,"held":["KeyW"],"buttons":[0],"events":[[1,"kd","KeyW"]]}`,
				`{"n":90,"held":[],"buttons":[],"events":[[90,"m",5,6]]}`,
			},
			[]Action{
				press("KeyW"), {Do: PressBtn, Code: 1},
				{Do: MoveTo, X: 5, Y: 6}, release("KeyW"), {Do: ReleaseBtn, Code: 1},
			},
		},
		"a press that fell out of the history is reconciled": {
			[]string{`{"n":70,"held":["ShiftLeft","KeyA"],"buttons":[2],"events":[]}`},
			[]Action{press("ShiftLeft"), press("KeyA"), {Do: PressBtn, Code: 3}},
		},
		"the wheel is buttons 4 to 7, a step a click": {
			[]string{`{"n":2,"held":[],"buttons":[],"events":[[1,"w",0,-2],[2,"w",1,0]]}`},
			[]Action{
				{Do: PressBtn, Code: 4}, {Do: ReleaseBtn, Code: 4}, {Do: PressBtn, Code: 4}, {Do: ReleaseBtn, Code: 4},
				{Do: PressBtn, Code: 7}, {Do: ReleaseBtn, Code: 7},
			},
		},
		"the pointer stays on the display": {
			[]string{`{"n":2,"held":[],"buttons":[],"events":[[1,"m",99999,-3],[2,"r",-1.6,2]]}`},
			[]Action{{Do: MoveTo, X: 1279, Y: 0}, {Do: MoveBy, X: -2, Y: 2}},
		},
		"side buttons jump over the wheel's numbers": {
			[]string{`{"n":2,"held":[],"buttons":[3,4],"events":[[1,"bd",3],[2,"bd",4]]}`},
			[]Action{{Do: PressBtn, Code: 8}, {Do: PressBtn, Code: 9}},
		},
		"keys, buttons and kinds that we do not know are skipped": {
			[]string{`{"n":4,"held":["Fn","KeyB"],"buttons":[7],"events":[[1,"kd","Fn"],[2,"bd",7],[3,"zz",{}],[4,"kd","KeyB"]]}`},
			[]Action{press("KeyB")},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hands := Hands{Width: 1280, Height: 720}
			var got []Action
			for _, text := range test.messages {
				message, err := Decode([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, hands.Apply(message)...)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

func TestReleaseAllLeavesNothingDown(t *testing.T) {
	hands := Hands{Width: 1280, Height: 720}
	message, err := Decode([]byte(`{"n":3,"held":["ShiftLeft","KeyA"],"buttons":[0],"events":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	hands.Apply(message)
	want := []Action{{Do: ReleaseBtn, Code: 1}, release("KeyA"), release("ShiftLeft")}
	if got := hands.ReleaseAll(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if hands.Holding() || len(hands.ReleaseAll()) != 0 {
		t.Error("something is still held")
	}
}

func TestMalformedMessagesAreRefusedWhole(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":               `hello`,
		"too long":               `{"n":1,"held":["` + strings.Repeat("x", MaxMessage) + `"]}`,
		"a negative number":      `{"n":-1}`,
		"an event above n":       `{"n":1,"events":[[2,"kd","KeyW"]]}`,
		"events out of order":    `{"n":3,"events":[[2,"kd","KeyW"],[1,"ku","KeyW"]]}`,
		"an event twice":         `{"n":3,"events":[[2,"kd","KeyW"],[2,"kd","KeyW"]]}`,
		"an event without kind":  `{"n":1,"events":[[1]]}`,
		"a key that is a number": `{"n":1,"events":[[1,"kd",5]]}`,
		"half a position":        `{"n":1,"events":[[1,"m",5]]}`,
		"a position of null":     `{"n":1,"events":[[1,"m",null,5]]}`,
		"too many events":        `{"n":40,"events":[` + manyEvents(33) + `]}`,
	} {
		if _, err := Decode([]byte(text)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: got %v, want ErrMessage", name, err)
		}
	}
}

func manyEvents(count int) string {
	var events []string
	for i := range count {
		events = append(events, fmt.Sprintf(`[%d,"m",1,1]`, i+1))
	}
	return strings.Join(events, ",")
}

func FuzzMessagesNeverLeaveMoreHeldThanTheySay(f *testing.F) {
	f.Add([]byte(`{"n":118,"held":["KeyW","ShiftLeft"],"buttons":[0],"events":[[116,"kd","KeyW"],[117,"m",640,360],[118,"bd",0]]}`))
	f.Add([]byte(`{"n":2,"held":[],"buttons":[],"events":[[1,"w",-10,10],[2,"r",1e9,-1e300]]}`))
	f.Add([]byte(`{"n":9007199254740992,"held":null,"buttons":[4,4],"events":[[1,"ku","KeyW",{},[]]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := Decode(data)
		if err != nil {
			return
		}
		hands := Hands{Width: 640, Height: 480}
		down := map[Action]bool{}
		actions := hands.Apply(message)
		if again := hands.Apply(message); len(again) != 0 {
			t.Fatalf("the same message again did %v", again)
		}
		for _, action := range append(actions, hands.ReleaseAll()...) {
			switch action.Do {
			case Press, PressBtn:
				if down[action] {
					t.Fatalf("pressed twice: %v", action)
				}
				down[action] = true
			case Release, ReleaseBtn:
				pressed := Action{Do: action.Do - 1, Code: action.Code}
				if !down[pressed] {
					t.Fatalf("released without being pressed: %v", action)
				}
				delete(down, pressed)
			case MoveTo:
				if action.X < 0 || action.X >= 640 || action.Y < 0 || action.Y >= 480 {
					t.Fatalf("pointer off the display: %v", action)
				}
			}
		}
		if len(down) != 0 {
			t.Fatalf("left down: %v", down)
		}
	})
}
