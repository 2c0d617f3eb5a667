package main

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"
	"go.uber.org/goleak"

	"hotseat/cmd/hotseat-demo-game/internal/journal"
	"hotseat/sidecar/timecode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const holderOne = `{"action":"SEAT","holder":{"id":"u-1","name":"player"},"epoch":3}`

func TestKeysMoveThePlaneAndTheStripsTellIt(t *testing.T) {
	d, a := startDisplay(t), startBridge(t)
	logPath, stop := play(t, d, func(s *settings) { s.BridgeAddr = a.listener.Addr().String() })
	say(t, a.accept(t), holderOne)
	_, before := d.until(t, "epoch 3", func(_ timecode.Stamp, s timecode.State) bool { return s.Epoch == 3 })

	// when D is held: the server repeats it, the game counts it once
	pressed := time.Now()
	d.press(t, keyD)
	stamp, _ := d.until(t, "the plane at the right", func(_ timecode.Stamp, s timecode.State) bool { return s.Keys == 1 && s.X > before.X+60 })
	if age := stamp.Age(time.Now()); age < 0 || age > 5*time.Second {
		t.Errorf("stamp is %v old", age)
	}
	d.until(t, "a second of repeats", func(s timecode.Stamp, _ timecode.State) bool { return s.Age(pressed) < -1200*time.Millisecond })
	d.release(t, keyD)
	d.press(t, keyA)
	_, after := d.until(t, "the plane at the left", func(_ timecode.Stamp, s timecode.State) bool { return s.X < before.X })
	d.release(t, keyA)
	if after.Keys != 2 {
		t.Errorf("%d key presses, want 2", after.Keys)
	}
	// and the mouse is heard
	d.fake(t, xproto.MotionNotify, 0, 1000, 300)
	d.fake(t, xproto.ButtonPress, 1, 0, 0)
	d.fake(t, xproto.ButtonRelease, 1, 0, 0)
	d.until(t, "the plane to follow the dash", func(_ timecode.Stamp, s timecode.State) bool { return s.X > after.X+20 })

	if err := stop(); err != nil {
		t.Error(err)
	}
	list := entries(t, logPath)
	for what, ok := range map[string]func(journal.Entry) bool{
		"start with shared memory": func(e journal.Entry) bool { return e.Event == "started" && e.Shared && e.FPS == 30 },
		"the seat":                 func(e journal.Entry) bool { return e.Event == "seat" && *e.Epoch == 3 && e.Holder == "player" },
		"the press": func(e journal.Entry) bool {
			return e.Event == "key_down" && e.Code == "KeyD" && e.At >= pressed.UnixMilli()
		},
		"the release": func(e journal.Entry) bool { return e.Event == "key_up" && e.Code == "KeyD" },
		"the button":  func(e journal.Entry) bool { return e.Event == "button_down" && *e.Button == 0 && *e.X == 1000 },
	} {
		if find(list, ok) == nil {
			t.Errorf("the log misses %s", what)
		}
	}
}

func TestSeatChangeLetsGoOfHeldKeys(t *testing.T) {
	d, a := startDisplay(t), startBridge(t)
	logPath, stop := play(t, d, func(s *settings) { s.BridgeAddr = a.listener.Addr().String() })
	conn := a.accept(t)
	say(t, conn, holderOne)
	d.until(t, "epoch 3", func(_ timecode.Stamp, s timecode.State) bool { return s.Epoch == 3 })
	d.press(t, keyD)
	d.until(t, "the plane at the right edge", func(_ timecode.Stamp, s timecode.State) bool { return s.X > 200 })

	// when the seat is taken by another person while D is still down
	say(t, conn, `{"action":"SEAT_TAKEN","holder":{"id":"u-2","name":"viewer"},"epoch":4}`)
	d.until(t, "epoch 4", func(_ timecode.Stamp, s timecode.State) bool { return s.Epoch == 4 })
	d.press(t, keyA)
	// then A alone counts: with D still held the two would cancel each other
	d.until(t, "the plane at the left edge", func(_ timecode.Stamp, s timecode.State) bool { return s.X < 60 })
	d.release(t, keyA)
	d.release(t, keyD)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if find(entries(t, logPath), func(e journal.Entry) bool { return e.Event == "keys_cleared" && e.Cleared == 1 }) == nil {
		t.Error("the log does not tell of the cleared key")
	}
}

func TestAudienceIsCountedAndSeatFollowsTheBridge(t *testing.T) {
	d, a := startDisplay(t), startBridge(t)
	logPath, stop := play(t, d, func(s *settings) { s.BridgeAddr = a.listener.Addr().String() })
	conn := a.accept(t)
	say(t, conn, holderOne,
		`{"action":"STREAM_REACT","reaction":"like","actor":{"id":"v","name":"viewer"}}`,
		`{"action":"STREAM_REACT","reaction":"nosuch","actor":{"id":"v","name":"viewer"}}`,
		`{"action":"USER_CHAT_MESSAGE","message":"nice jump","actor":{"id":"v","name":"viewer"}}`,
		`garbage`,
		`{"action":"USER_CHAT_MESSAGE","message":"!color red","actor":{"id":"v","name":"viewer"}}`,
	)
	d.until(t, "three of the audience", func(_ timecode.Stamp, s timecode.State) bool { return s.Reactions == 3 && s.Epoch == 3 })
	// when the bridge goes away and comes back with another seat
	conn.Close()
	conn = a.accept(t)
	say(t, conn, `{"action":"SEAT","holder":null,"epoch":21}`)
	d.until(t, "epoch 21 modulo 16", func(_ timecode.Stamp, s timecode.State) bool { return s.Epoch == 5 })
	// then the plane flies by itself
	_, first := d.until(t, "a picture", func(timecode.Stamp, timecode.State) bool { return true })
	d.until(t, "a plane that drifts", func(_ timecode.Stamp, s timecode.State) bool { return s.X != first.X })
	if err := stop(); err != nil {
		t.Error(err)
	}
	list := entries(t, logPath)
	for what, ok := range map[string]func(journal.Entry) bool{
		"the reaction": func(e journal.Entry) bool { return e.Event == "reaction" && e.Reaction == "like" && e.User == "viewer" },
		"the chat":     func(e journal.Entry) bool { return e.Event == "chat" && e.Message == "nice jump" },
		"a free seat":  func(e journal.Entry) bool { return e.Event == "seat" && e.Holder == "" && *e.Epoch == 21 },
	} {
		if find(list, ok) == nil {
			t.Errorf("the log misses %s", what)
		}
	}
}

func TestGameRunsAloneAndWithoutSharedMemory(t *testing.T) {
	d := startDisplay(t)
	// given a bridge and a data channel that nobody serves
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	_, stop := play(t, d, func(s *settings) { s.BridgeAddr, s.DataChannelAddr, s.NoSharing = addr, addr, true })
	first, _ := d.until(t, "a picture", func(timecode.Stamp, timecode.State) bool { return true })
	d.until(t, "a picture half a second later", func(s timecode.Stamp, _ timecode.State) bool {
		return int64(s)-int64(first) > 500
	})
	d.press(t, keyW)
	d.until(t, "a key press", func(_ timecode.Stamp, s timecode.State) bool { return s.Keys == 1 })
	d.release(t, keyW)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNewStreamClientStartsWithoutHeldKeys(t *testing.T) {
	d, channel := startDisplay(t), startBridge(t)
	logPath, stop := play(t, d, func(s *settings) { s.DataChannelAddr = channel.listener.Addr().String() })
	conn := channel.accept(t)
	d.until(t, "a picture", func(timecode.Stamp, timecode.State) bool { return true })
	d.press(t, keyD)
	d.until(t, "a key press", func(_ timecode.Stamp, s timecode.State) bool { return s.Keys == 1 })
	// when one client leaves and another comes and says something
	if _, err := conn.Write([]byte{1, 1, 0, 0, 2, 0, 0, 0, 2, 2, 0, 2, 'h', 'i'}); err != nil {
		t.Fatal(err)
	}
	// (which comes by another way than keys do: a key pressed before it is heard is let go of, too)
	d.until(t, "the new client", func(timecode.Stamp, timecode.State) bool {
		return find(entries(t, logPath), func(e journal.Entry) bool { return e.Event == "client_message" }) != nil
	})
	d.press(t, keyA)
	d.until(t, "the plane at the left edge", func(_ timecode.Stamp, s timecode.State) bool { return s.X < 40 })
	d.release(t, keyA)
	d.release(t, keyD)
	if err := stop(); err != nil {
		t.Error(err)
	}
	list := entries(t, logPath)
	for _, event := range []string{"client_connected", "client_disconnected", "client_message"} {
		if find(list, func(e journal.Entry) bool { return e.Event == event }) == nil {
			t.Errorf("the log misses %s", event)
		}
	}
}

func TestGameEndsWithItsDisplay(t *testing.T) {
	d := startDisplay(t)
	_, stop := play(t, d, nil)
	d.until(t, "a picture", func(timecode.Stamp, timecode.State) bool { return true })
	d.conn.Close()
	d.kill()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestMissingDisplayIsExplained(t *testing.T) {
	err := run(t.Context(), settings{Display: ":39471", Width: 1280, Height: 720, FPS: 30}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "DISPLAY") {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	env := map[string]string{"VIDEO_WIDTH": "1920", "VIDEO_HEIGHT": "1080", "VIDEO_FRAMERATE": "60", "HOTSEAT_DATA_CHANNEL_PORT": "4711", "HOTSEAT_BRIDGE_ADDR": "127.0.0.1:1"}
	getenv := func(name string) string { return env[name] }
	set, err := parse([]string{"--fps", "25", "--no-timecode"}, getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if set.Width != 1920 || set.Height != 1080 || set.FPS != 25 || set.Timecode || set.DataChannelAddr != "127.0.0.1:4711" || set.BridgeAddr != "127.0.0.1:1" {
		t.Errorf("%+v", set)
	}
	// Variables that make no sense are not worth a game that does not start.
	env = map[string]string{"VIDEO_WIDTH": "-5", "VIDEO_HEIGHT": "many", "VIDEO_FRAMERATE": "0", "HOTSEAT_DATA_CHANNEL_PORT": "70000"}
	set, err = parse(nil, getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if set.Width != 1280 || set.Height != 720 || set.FPS != 30 || !set.Timecode || set.DataChannelAddr != "127.0.0.1:40712" {
		t.Errorf("%+v", set)
	}
	for _, args := range [][]string{{"--fps", "0"}, {"--fps", "1000"}, {"extra"}, {"--nosuch"}} {
		if _, err := parse(args, getenv, io.Discard); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestFramesComeAtFixedMoments(t *testing.T) {
	if moment(30, 30) != time.Second || moment(90, 60) != 1500*time.Millisecond || moment(1, 30) != 33333333*time.Nanosecond {
		t.Error(moment(30, 30), moment(90, 60), moment(1, 30))
	}
}
