package tui

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// noon is the moment that all canned screens show.
var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

func frozen() time.Time { return noon }

var (
	lead    = playtest.Person{ID: "p-lead", Name: "lead", Role: playtest.RoleLead}
	player  = playtest.Person{ID: "p-player", Name: "player", Role: playtest.RolePlayer}
	viewer  = playtest.Person{ID: "p-viewer", Name: "viewer", Role: playtest.RoleViewer}
	viewer2 = playtest.Person{ID: "p-viewer-2", Name: "viewer-2", Role: playtest.RoleViewer}
	viewer3 = playtest.Person{ID: "p-viewer-3", Name: "viewer-3", Role: playtest.RoleViewer}
	steward = playtest.Person{ID: "backend", Name: "hotseat", Role: playtest.RoleBackend}
)

// script writes the log of one session, each line some seconds before noon.
type script struct {
	session string
	events  []playtest.Event
}

func (s *script) add(before time.Duration, e playtest.Event) *script {
	e.Seq, e.Session = int64(len(s.events)+1), s.session
	e.Timestamp = noon.Add(-before).UnixMilli()
	s.events = append(s.events, e)
	return s
}

func (s *script) chat(before time.Duration, who playtest.Person, text string) *script {
	return s.add(before, playtest.Event{Action: playtest.ActionChat, Actor: who, Message: text})
}

func (s *script) request(before time.Duration, who playtest.Person, id string) *script {
	return s.add(before, playtest.Event{Action: playtest.ActionTakeoverRequest, Actor: who, RequestID: id, Requester: &who,
		RequesterUsername: who.Name, Deadline: noon.Add(-before + time.Minute).UnixMilli()})
}

func (s *script) state(before time.Duration, status string) *script {
	return s.add(before, playtest.Event{Action: playtest.ActionSessionState, Actor: steward, Status: status})
}

func (s *script) taken(before time.Duration, who playtest.Person, epoch int64, took int64) *script {
	return s.add(before, playtest.Event{Action: playtest.ActionSeatTaken, Actor: steward, Epoch: epoch, Holder: &who, TookMs: took})
}

// played is a session that has run for 24 minutes, with player in the seat.
func played(id, title string) *script {
	s := &script{session: id}
	m := time.Minute
	s.add(24*m, playtest.Event{Action: playtest.ActionSessionStarted, Actor: steward, Title: title, Application: "a-demo",
		Width: 1280, Height: 720, Framerate: 30, EndsAt: noon.Add(36 * m).UnixMilli()})
	s.state(24*m-2*time.Second, "ACTIVATING").state(24*m-5*time.Second, "ACTIVE")
	for i, p := range []playtest.Person{lead, player, viewer, viewer2, viewer3} {
		s.add(23*m-time.Duration(i)*7*time.Second, playtest.Event{Action: playtest.ActionArrived, Actor: p})
	}
	s.request(22*m, viewer, "r-1")
	s.add(22*m-4*time.Second, playtest.Event{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: "r-1", Requester: &viewer})
	s.state(22*m-5*time.Second, "CONNECTED").taken(22*m-5*time.Second, viewer, 1, 284)
	s.chat(21*m, lead, "please try the second level first, and say aloud what confuses you")
	s.chat(20*m, viewer, "ok, the double jump feels late")
	s.add(19*m, playtest.Event{Action: playtest.ActionSessionMark, Actor: lead, Message: "double jump late", At: noon.Add(-19*m - 5*time.Second).UnixMilli()})
	s.chat(17*m, viewer2, "the platform after the spikes is hard to see against the sky")
	s.request(14*m, viewer2, "r-2")
	s.add(14*m-20*time.Second, playtest.Event{Action: playtest.ActionTakeoverDeny, Actor: lead, RequestID: "r-2", Requester: &viewer2, Reason: "let the level end first"})
	s.request(12*m, player, "r-3")
	s.add(12*m-3*time.Second, playtest.Event{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: "r-3", Requester: &player, From: &viewer})
	s.state(12*m-3500*time.Millisecond, "PENDING_CLIENT_RECONNECTION").state(12*m-4*time.Second, "CONNECTED").taken(12*m-4*time.Second, player, 2, 412)
	s.chat(11*m, player, "got it, starting from the checkpoint")
	s.add(7*m, playtest.Event{Action: playtest.ActionSessionMark, Actor: lead, Message: "crash sound on landing", At: noon.Add(-7*m - 5*time.Second).UnixMilli()})
	s.chat(6*m, viewer3, "that landing sound is loud")
	s.chat(5*m, viewer, "the coins are much easier to read than in the last build")
	s.chat(3*m, player, "I can see why people miss the lever: it looks like decoration, and nothing points at it")
	s.chat(2*m, viewer2, "die Münzen sind größer, das hilft")
	s.chat(70*time.Second, lead, "noted, next build gives it a light")
	return s
}

// waiting adds three requests.
func (s *script) waiting() *script {
	return s.request(48*time.Second, viewer3, "r-4").request(21*time.Second, viewer, "r-5").request(6*time.Second, viewer2, "r-6")
}

// handing adds a request that is being granted.
func (s *script) handing() *script {
	s.request(20*time.Second, viewer3, "r-4")
	return s.add(260*time.Millisecond, playtest.Event{Action: playtest.ActionTakeoverApprove, Actor: lead, RequestID: "r-4", Requester: &viewer3, From: &player})
}

func (s *script) end() *script {
	s.add(9*time.Second, playtest.Event{Action: playtest.ActionSeatReleased, Actor: steward, Epoch: 3, Previous: &player, Reason: "the session ended"})
	s.state(8*time.Second, "TERMINATED")
	return s.add(8*time.Second, playtest.Event{Action: playtest.ActionSessionEnded, Actor: lead, Reason: "ended by lead"})
}

func (s *script) info(status string) client.Session {
	return client.Session{ID: s.session, Title: s.events[0].Title, Application: "a-demo", Status: status,
		CreatedAt: time.UnixMilli(s.events[0].Timestamp), EndsAt: time.UnixMilli(s.events[0].EndsAt), LastSeq: int64(len(s.events))}
}

// beat is a healthy heartbeat; a scene changes what it wants to.
func beat(before time.Duration) client.Health {
	return client.Health{At: noon.Add(-before), State: "live", FPS: 30, BitrateKbps: 2980, EncodeMs: 6.1, RTTMs: 1, KeyFrameAgeMs: 800,
		Encoder: "x264", UptimeSeconds: 1430, Width: 1280, Height: 720, Framerate: 30}
}

// air fills a board with a minute of heartbeats, with people watching and a picture.
func air(m *Model, id string, last client.Health) {
	b := m.board(id)
	for i := range 90 {
		h := beat(0)
		h.At = last.At.Add(time.Duration(i-90) * time.Second)
		wave := math.Sin(float64(i)/4) + math.Sin(float64(i)/1.7)/2
		h.FPS, h.BitrateKbps, h.EncodeMs, h.RTTMs = 29.7+wave/6, 2900+wave*260, 6+wave, 2+math.Abs(wave)
		b.applyLive(&client.LiveUpdate{Health: &h}, noon)
	}
	live := client.LiveUpdate{Health: &last, Picture: &client.Picture{At: last.At, Image: gamePicture()}}
	for i, p := range []playtest.Person{player, viewer, viewer2, viewer3} {
		live.Presence = append(live.Presence, client.Presence{Person: p, At: noon.Add(-time.Duration(i) * time.Second), Watching: true, Client: "page"})
	}
	live.Presence = append(live.Presence, client.Presence{Person: lead, At: noon, Watching: true, Client: "console"})
	b.applyLive(&live, noon)
}

// gamePicture is drawn once: every scene has it.
var gamePicture = sync.OnceValue(func() image.Image { return drawGame(640, 360) })

// drawGame is a small landscape with a runner, so that a picture shows something.
func drawGame(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			fx, fy := float64(x)/float64(w), float64(y)/float64(h)
			c := color.RGBA{uint8(38 + 60*fy), uint8(48 + 70*fy), uint8(110 + 70*fy), 255}
			if d := math.Hypot(fx-0.78, (fy-0.24)*0.56); d < 0.06 {
				c = color.RGBA{255, 214, 140, 255}
			}
			if fy > 0.62+0.08*math.Sin(fx*9)+0.03*math.Sin(fx*23) {
				c = color.RGBA{46, 62, 96, 255}
			}
			if fy > 0.82 {
				c = color.RGBA{58, 122, 86, 255}
				if fy < 0.845 {
					c = color.RGBA{120, 190, 110, 255}
				}
			}
			if fx > 0.52 && fx < 0.70 && fy > 0.60 && fy < 0.645 {
				c = color.RGBA{178, 120, 84, 255}
			}
			if fx > 0.30 && fx < 0.345 && fy > 0.69 && fy < 0.82 {
				c = color.RGBA{255, 130, 80, 255}
			}
			if d := math.Hypot(fx-0.61, (fy-0.53)*0.56); d < 0.014 {
				c = color.RGBA{255, 220, 90, 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

const demoID = "s-7h2k9x4q1m"

// scene is a canned screen.
type scene struct {
	name string
	make func() *Model
}

func demoOptions() Options {
	return Options{
		URL: "http://127.0.0.1:8470", PageURL: "http://127.0.0.1:8470", Banner: "Everything runs on this machine; the accounts are made for this run.",
		Access: []Access{{"player", "player@ivs.rocks", "Kubof-zidan-tomuk-lihas7"}, {"viewer", "viewer@ivs.rocks", "Ralip-vomud-haziz-gukon3"}, {"QA lead", "lead@ivs.rocks", "Tomal-fijur-bopiv-nasud8"}},
		Now:    frozen,
	}.withDefaults()
}

func emptyModel(net backend) *Model {
	m := newModel(context.Background(), net, demoOptions())
	me := lead
	m.absorb(client.Update{Connection: &client.Connection{Phase: client.Live, Since: noon}, Me: &me, Sessions: []client.Session{}})
	return m
}

func sessionModel(net backend, s *script, status string, last client.Health) *Model {
	m := emptyModel(net)
	m.absorb(client.Update{Sessions: []client.Session{s.info(status)}, Events: s.events})
	air(m, s.session, last)
	m.toast = toast{}
	m.enter(s.session)
	return m
}

func severalModel(net backend) *Model {
	m := emptyModel(net)
	calm, asked, over := played(demoID, "Hotseat Runner"), played("s-2c8v5n0t6w", "Hotseat Runner"), played("s-9d1f3g7j2k", "Maze")
	silent := played("s-4m6p8r0s3u", "Maze")
	asked.waiting()
	over.end()
	ended := over.info("TERMINATED")
	at := noon.Add(-8 * time.Second)
	ended.EndedAt = &at
	events := append(append(append(append([]playtest.Event{}, calm.events...), asked.events...), over.events...), silent.events...)
	m.absorb(client.Update{Sessions: []client.Session{calm.info("CONNECTED"), asked.info("CONNECTED"), silent.info("CONNECTED"), ended}, Events: events})
	air(m, calm.session, beat(0))
	air(m, asked.session, beat(0))
	air(m, silent.session, beat(6*time.Second))
	m.toast = toast{}
	return m
}

func scenes() []scene {
	return []scene{
		{"lobby-empty", func() *Model { return emptyModel(newQuiet()) }},
		{"lobby-several", func() *Model { return severalModel(newQuiet()) }},
		{"session-calm", func() *Model {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
			m.board(demoID).applyLive(&client.LiveUpdate{Reactions: []client.Reaction{{Person: viewer, Kind: "fire", Count: 3}, {Person: viewer2, Kind: "like", Count: 2}}}, noon)
			return m
		}},
		{"session-requests", func() *Model {
			return sessionModel(newQuiet(), played(demoID, "Hotseat Runner").waiting(), "CONNECTED", beat(0))
		}},
		{"session-handover", func() *Model {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner").handing(), "CONNECTED", beat(0))
			m.board(demoID).steps = []client.Step{{RequestID: "r-4", Step: "approved"}, {RequestID: "r-4", Step: "closing", Elapsed: 12 * time.Millisecond}, {RequestID: "r-4", Step: "released", Elapsed: 148 * time.Millisecond}}
			m.toast = toast{text: "giving the seat to viewer-3 …", since: noon, busy: true}
			return m
		}},
		{"session-failing", func() *Model {
			h := beat(0)
			h.State, h.FPS, h.Error, h.Restarts, h.LossPercent = "failing", 11.5, "publish: 503 from the stage, trying again in 2 s", 2, 3.4
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", h)
			m.say(toneBad, refusalText(errors.New("player already approved the request of viewer-3")))
			m.focusOn(paneSidecar)
			return m
		}},
		{"session-ended", func() *Model {
			return sessionModel(newQuiet(), played(demoID, "Hotseat Runner").end(), "TERMINATED", beat(20*time.Second))
		}},
	}
}

// moreScenes are what stands over the screens, and what is seen less often.
func moreScenes() []scene {
	with := func(keys string) func() *Model {
		return func() *Model {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner").waiting(), "CONNECTED", beat(0))
			m.width, m.height = 120, 40
			typed(m, keys)
			return m
		}
	}
	return []scene{
		{"lobby-one", func() *Model {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(0))
			m.open = ""
			return m
		}},
		{"lobby-forty", func() *Model { return manyModel(newQuiet(), 40) }},
		{"session-offline", func() *Model {
			m := sessionModel(newQuiet(), played(demoID, "Hotseat Runner"), "CONNECTED", beat(14*time.Second))
			m.absorb(client.Update{Connection: &client.Connection{Phase: client.Reconnecting, Since: noon.Add(-12 * time.Second), Err: errors.New("the backend does not answer; trying again in 4 s")}})
			return m
		}},
		{"palette", with("\x10")},
		{"palette-found", with("\x10lock")},
		{"command", with(":")},
		{"command-person", with(":give v")},
		{"command-wrong", with(":slow lots\r")},
		{"give", with("g")},
		{"report", func() *Model {
			net := newQuiet()
			s := played(demoID, "Hotseat Runner").end()
			net.log = s.events
			m := sessionModel(net, s, "TERMINATED", beat(20*time.Second))
			m.width, m.height = 120, 40
			settle(m, typed(m, "R"))
			return m
		}},
		{"moderated", func() *Model {
			s := played(demoID, "Hotseat Runner")
			s.add(50*time.Second, playtest.Event{Action: playtest.ActionMute, Actor: lead, Person: &viewer3, Reason: "spoilers"})
			s.add(40*time.Second, playtest.Event{Action: playtest.ActionBan, Actor: lead, Person: &viewer2, Reason: "insults"})
			s.add(30*time.Second, playtest.Event{Action: playtest.ActionLock, Actor: lead}).add(20*time.Second, playtest.Event{Action: playtest.ActionSlowMode, Actor: lead, Seconds: 10})
			m := sessionModel(newQuiet(), s, "CONNECTED", beat(0))
			other := played("s-2c8v5n0t6w", "Maze").waiting()
			m.absorb(client.Update{Events: other.events})
			air(m, other.session, beat(0))
			m.width, m.height = 120, 40
			typed(m, "5K")
			return m
		}},
		{"writing", with("/chat\x1b3icould you try the lever again")},
		{"search", with("3/the\r")},
		{"handed-over", func() *Model {
			s := played(demoID, "Hotseat Runner").handing()
			m := sessionModel(newQuiet(), s, "CONNECTED", beat(0))
			m.board(demoID).steps = []client.Step{{RequestID: "r-4", Step: "closing", Elapsed: 12 * time.Millisecond}, {RequestID: "r-4", Step: "released", Elapsed: 148 * time.Millisecond},
				{RequestID: "r-4", Step: "connecting", Elapsed: 190 * time.Millisecond}, {RequestID: "r-4", Step: "connected", Elapsed: 300 * time.Millisecond}}
			n := len(s.events)
			s.add(0, playtest.Event{Action: playtest.ActionSeatTaken, Actor: steward, RequestID: "r-4", Epoch: 3, Holder: &viewer3, TookMs: 312})
			m.absorb(client.Update{Events: s.events[n:]})
			return m
		}},
	}
}

// manyModel is a lobby of so many sessions, some of which need someone.
func manyModel(net backend, n int) *Model {
	m := emptyModel(net)
	var list []client.Session
	var events []playtest.Event
	for i := range n {
		s := played(fmt.Sprintf("s-%02d", i), []string{"Hotseat Runner", "Maze", "Lantern Bay"}[i%3])
		if i%9 == 4 {
			s.waiting()
		}
		info := s.info("CONNECTED")
		info.CreatedAt = info.CreatedAt.Add(-time.Duration(i) * time.Minute)
		list, events = append(list, info), append(events, s.events...)
	}
	m.absorb(client.Update{Sessions: list, Events: events})
	for i, s := range list {
		h := beat(0)
		if i%13 == 7 {
			h.FPS = 12
		}
		air(m, s.ID, h)
	}
	m.toast = toast{}
	return m
}

// resize gives a model its size and returns its screen.
func resize(m *Model, w, h int) []string {
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	return m.screen()
}
