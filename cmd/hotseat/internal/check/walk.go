// Package check walks the whole path of a playtest by itself: sign in, start, watch, play, talk,
// react, hand over, end. It is the first thing to run when something is odd, and the skeleton of
// the end-to-end benchmarks.
//
// It is a stranger to the backend: it uses the same wire as the page, and believes only what it
// decodes from the broadcast's pictures.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"hotseat/backend/api"
	"hotseat/backend/local/cognito"
	"hotseat/backend/playtest"
	"hotseat/cmd/hotseat-probe/report"
)

// Options of a walk.
type Options struct {
	Server      string
	Users       []cognito.User
	Application string
	// Picture of the session: pixels, and frames a second.
	Width, Height, Framerate int
	// GameState says that the application is the bundled game, whose pictures tell what it saw.
	GameState bool
	Out       io.Writer
}

// stepTime bounds each step: generous, for the first start on a slow disk.
const stepTime = 45 * time.Second

// walk is the state that the steps pass on.
type walk struct {
	Options
	probe                string
	player, viewer, lead *Person
	session              api.Session
	watcher              *Watcher
	first, second        *Player
	seen                 report.Picture
	request              string
}

type step struct {
	name string
	// gameOnly steps look at what the bundled game draws.
	gameOnly bool
	do       func(*walk, context.Context) (detail string, err error)
}

var steps = []step{
	{"sign in", false, (*walk).signIn},
	{"start a session", false, (*walk).start},
	{"frames by WHEP, decoded", false, (*walk).watch},
	{"take the empty seat", false, (*walk).takeSeat},
	{"a key press reaches the game", true, (*walk).press},
	{"chat round trip", false, (*walk).chat},
	{"a reaction reaches the game", true, (*walk).react},
	{"ask for the seat", false, (*walk).ask},
	{"approve", false, (*walk).approve},
	{"hand-over", false, (*walk).handOver},
	{"sidecar is healthy", false, (*walk).health},
	{"end the session", false, (*walk).end},
}

// Walk does all steps and prints one line for each. The error is nil only if all held.
func Walk(ctx context.Context, o Options) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program's folder: %w", err)
	}
	w := &walk{Options: o, probe: filepath.Join(filepath.Dir(self), "hotseat-probe")}
	defer w.close()
	begun := time.Now()
	for _, s := range steps {
		if s.gameOnly && !o.GameState {
			fmt.Fprintf(o.Out, "  -   %-32s          only the bundled game can show it\n", s.name)
			continue
		}
		within, cancel := context.WithTimeout(ctx, stepTime)
		started := time.Now()
		detail, err := s.do(w, within)
		cancel()
		took := time.Since(started).Round(time.Millisecond)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("nothing happened for %s", stepTime)
			}
			fmt.Fprintf(o.Out, "FAIL  %-32s %8s  %v\n", s.name, took, err)
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(o.Out, "  ok  %-32s %8s  %s\n", s.name, took, detail)
	}
	fmt.Fprintf(o.Out, "\nall held, in %s\n", time.Since(begun).Round(100*time.Millisecond))
	return nil
}

func (w *walk) close() {
	for _, p := range []*Player{w.first, w.second} {
		if p != nil {
			p.Close()
		}
	}
	if w.watcher != nil {
		w.watcher.Close()
	}
	for _, p := range []*Person{w.player, w.viewer, w.lead} {
		if p != nil {
			p.Leave()
		}
	}
}

func (w *walk) signIn(ctx context.Context) (string, error) {
	for _, u := range w.Users {
		p, err := SignIn(ctx, w.Server, u.Email, u.Password)
		if err != nil {
			return "", err
		}
		switch playtest.Role(u.Group) {
		case playtest.RoleLead:
			w.lead = p
		case playtest.RolePlayer:
			w.player = p
		case playtest.RoleViewer:
			w.viewer = p
		}
	}
	if w.lead == nil || w.player == nil || w.viewer == nil {
		return "", errors.New("there is not one sign-in for each of qa-lead, player and viewer")
	}
	return "a player, a viewer, a QA lead", nil
}

func (w *walk) start(ctx context.Context) (string, error) {
	if err := w.lead.Call(ctx, http.MethodPost, "/api/sessions", map[string]any{
		"application": w.Application, "width": w.Width, "height": w.Height, "framerate": w.Framerate,
	}, &w.session); err != nil {
		return "", err
	}
	for _, p := range []*Person{w.lead, w.player, w.viewer} {
		if err := p.Join(ctx, w.session.ID); err != nil {
			return "", err
		}
	}
	for !ready[w.session.Status] {
		if w.session.EndedAt != nil {
			return "", fmt.Errorf("the session ended at once: %s", w.session.EndReason)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", fmt.Errorf("the stream session is still %s: %w", w.session.Status, err)
		}
		if err := w.lead.Call(ctx, http.MethodGet, "/api/sessions/"+w.session.ID, nil, &w.session); err != nil {
			return "", err
		}
	}
	return w.session.Title + " is " + w.session.Status, nil
}

// ready are the states in which the game runs.
var ready = map[string]bool{"ACTIVE": true, "CONNECTED": true, "PENDING_CLIENT_RECONNECTION": true}

// enoughFrames is a second of pictures at 30 fps.
const enoughFrames = 30

func (w *walk) watch(ctx context.Context) (string, error) {
	var err error
	if w.watcher, err = w.viewer.Watch(ctx, w.session.ID, w.probe); err != nil {
		return "", err
	}
	w.seen, err = w.watcher.See(ctx, func(_ report.Picture, count int) bool { return count >= enoughFrames })
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%dx%d", w.seen.Width, w.seen.Height)
	if w.seen.Drawn != 0 {
		detail += fmt.Sprintf(", %d ms after they were drawn", w.seen.At-w.seen.Drawn)
	} else if w.GameState {
		return "", errors.New("the time code in the picture cannot be read")
	}
	return detail, nil
}

func (w *walk) log() string  { return "/playtest/" + w.session.ID }
func (w *walk) live() string { return "/live/" + w.session.ID }

// requestBy asks for the seat and returns the request's id as the log tells it.
func (w *walk) requestBy(ctx context.Context, p *Person) (string, error) {
	if err := p.Publish(ctx, w.log(), playtest.Event{Action: playtest.ActionTakeoverRequest}); err != nil {
		return "", err
	}
	m, err := p.Hear(ctx, func(m message) bool {
		return m.Action == playtest.ActionTakeoverRequest && m.RequesterUsername == p.Name
	})
	return m.RequestID, err
}

func (w *walk) takeSeat(ctx context.Context) (string, error) {
	var err error
	if w.first, err = NewPlayer(ctx); err != nil {
		return "", err
	}
	request, err := w.requestBy(ctx, w.player)
	if err != nil {
		return "", err
	}
	if err := w.first.Take(ctx, w.player, w.session.ID, request); err != nil {
		return "", err
	}
	m, err := w.seated(ctx, request)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s holds it, epoch %d, after %d ms", m.Holder.Name, m.Epoch, m.TookMs), nil
}

// seated waits for the end of a hand-over, however it ended.
func (w *walk) seated(ctx context.Context, request string) (message, error) {
	m, err := w.lead.Hear(ctx, func(m message) bool {
		return m.RequestID == request && (m.Action == playtest.ActionSeatTaken || m.Action == playtest.ActionHandoverFailed)
	})
	if err == nil && m.Action == playtest.ActionHandoverFailed {
		err = errors.New(m.Reason)
	}
	return m, err
}

func (w *walk) press(ctx context.Context) (string, error) { return w.tap(ctx, w.first) }

// tap presses a key and waits for a picture in which the game has counted it.
func (w *walk) tap(ctx context.Context, p *Player) (string, error) {
	now, err := w.watcher.See(ctx, func(p report.Picture, _ int) bool { return p.State != nil })
	if err != nil {
		return "", err
	}
	before, begun := now.State.Keys, time.Now()
	if err := p.Tap("Space"); err != nil {
		return "", err
	}
	_, err = w.watcher.See(ctx, func(p report.Picture, _ int) bool { return p.State != nil && p.State.Keys != before })
	if err != nil {
		return "", fmt.Errorf("the game did not count the key press: %w", err)
	}
	return fmt.Sprintf("seen in the broadcast %d ms later", time.Since(begun).Milliseconds()), nil
}

func (w *walk) chat(ctx context.Context) (string, error) {
	text := "hello from hotseat demo --check"
	if err := w.viewer.Publish(ctx, w.log(), playtest.Event{Action: playtest.ActionChat, Message: text}); err != nil {
		return "", err
	}
	for _, p := range []*Person{w.viewer, w.player, w.lead} {
		if _, err := p.Hear(ctx, func(m message) bool { return m.Action == playtest.ActionChat && m.Message == text }); err != nil {
			return "", err
		}
	}
	return "viewer to viewer, player and lead", nil
}

func (w *walk) react(ctx context.Context) (string, error) {
	now, err := w.watcher.See(ctx, func(p report.Picture, _ int) bool { return p.State != nil })
	if err != nil {
		return "", err
	}
	before, begun := now.State.Reactions, time.Now()
	if err := w.viewer.Publish(ctx, w.live(), playtest.Live{Action: playtest.ActionReact, Reaction: "fire"}); err != nil {
		return "", err
	}
	_, err = w.watcher.See(ctx, func(p report.Picture, _ int) bool { return p.State != nil && p.State.Reactions != before })
	if err != nil {
		return "", fmt.Errorf("the game did not react: %w", err)
	}
	return fmt.Sprintf("seen in the broadcast %d ms later", time.Since(begun).Milliseconds()), nil
}

func (w *walk) ask(ctx context.Context) (string, error) {
	var err error
	if w.second, err = NewPlayer(ctx); err != nil {
		return "", err
	}
	if w.request, err = w.requestBy(ctx, w.viewer); err != nil {
		return "", err
	}
	return "the viewer waits, the offer is ready", w.second.Offer(ctx, w.viewer, w.session.ID, w.request)
}

func (w *walk) approve(ctx context.Context) (string, error) {
	w.watcher.ResetGap()
	if err := w.lead.Publish(ctx, w.log(), playtest.Event{Action: playtest.ActionTakeoverApprove, RequestID: w.request}); err != nil {
		return "", err
	}
	_, err := w.player.Hear(ctx, func(m message) bool {
		return m.Action == playtest.ActionTakeoverApprove && m.RequestID == w.request && m.From != nil && m.From.Name == w.player.Name
	})
	if err != nil {
		return "", err
	}
	w.first.Close() // as the former holder's page does
	return "by the QA lead", nil
}

func (w *walk) handOver(ctx context.Context) (string, error) {
	if err := w.second.Finish(ctx, w.viewer, w.session.ID, w.request); err != nil {
		return "", err
	}
	m, err := w.seated(ctx, w.request)
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("seat to %s in %d ms", m.Holder.Name, m.TookMs)
	if !w.GameState {
		return detail, nil
	}
	if _, err := w.tap(ctx, w.second); err != nil {
		return "", err
	}
	return detail + fmt.Sprintf(", longest gap in the broadcast %d ms", w.watcher.ResetGap().Milliseconds()), nil
}

func (w *walk) health(ctx context.Context) (string, error) {
	m, err := w.lead.Hear(ctx, func(m message) bool {
		return m.Action == playtest.ActionSidecarHealth && m.State == "live" && m.FPS > 0
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.0f fps", m.FPS), nil
}

func (w *walk) end(ctx context.Context) (string, error) {
	if err := w.lead.Call(ctx, http.MethodDelete, "/api/sessions/"+w.session.ID, nil, nil); err != nil {
		return "", err
	}
	m, err := w.viewer.Hear(ctx, func(m message) bool { return m.Action == playtest.ActionSessionEnded })
	return m.Reason, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
