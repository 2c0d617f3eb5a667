package tui

import (
	"context"
	"fmt"
	"os"
	"time"

	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
	"hotseat/tui/graphics"
)

const (
	// slowTick moves clocks and countdowns; quickTick moves a running hand-over's.
	slowTick, quickTick = time.Second, 100 * time.Millisecond
	// recent is how old an event may be to be told as news: what is read from the log later is not.
	recent = 10 * time.Second
)

// Model is the console. It is changed by Update only.
type Model struct {
	ctx  context.Context // of the commands that Update starts
	net  backend
	opts Options
	at   time.Time // the moment that the screen shows

	width, height int
	profile       colorprofile.Profile
	dark          bool
	focused       bool // the terminal window
	styles        styles
	keys          keyMap
	help          help.Model

	conn   client.Connection
	me     playtest.Person
	boards map[string]*board
	listed bool // the list of sessions was read

	cursor  string // the chosen session of the lobby
	open    string // the session on the screen, "" in the lobby
	view    sessionView
	picture bool // thumbnails are drawn

	protocol graphics.Protocol // how they are drawn
	drawn    drawing           // past the frame

	overlay   overlay
	confirm   confirmation
	form      startForm
	prompt    *prompt
	line      *commandLine
	filtering *filtering
	chooser   *chooser
	report    *reportScreen
	toast     toast
	held      *held
	reversal  *reversal
	holds     int // how often something was held: the id of the next

	views       map[string]sessionView // of sessions that are not on the screen
	history     []string               // of the command line, newest last
	lobbyFilter string
	sort        sortBy
	found       found
	helpTop     int // the first line of the help that is shown
}

// sessionView is where a person is in a session's screen.
type sessionView struct {
	focus    pane
	tab      pane // the pane last shown of the tabs
	zoomed   bool
	request  string // the chosen request, "" for the first
	person   string // the chosen person, "" for the first
	chatEnd  int    // the line after the last one shown, counted over the whole session; -1 follows
	match    int    // the line of the chat that a search shows, counted from 1 over the whole session; 0: none
	scrolled map[pane]int
	filters  map[pane]string
}

func newSessionView() sessionView {
	return sessionView{focus: paneQueue, tab: paneSidecar, chatEnd: -1, scrolled: map[pane]int{}, filters: map[pane]string{}}
}

// Messages of the model beside Bubble Tea's.
type (
	updateMsg client.Update
	closedMsg struct{} // no more updates: the client ended
	tickMsg   struct{}
)

// newModel makes the console's model; ctx ends what it starts.
func newModel(ctx context.Context, net backend, opts Options) *Model {
	m := &Model{
		ctx: ctx, net: net, opts: opts, at: opts.Now(), profile: colorprofile.TrueColor, dark: true, focused: true,
		keys: newKeyMap(opts.Preferences.Keys), help: help.New(), boards: map[string]*board{}, view: newSessionView(),
		picture: opts.Preferences.Picture != "off", views: map[string]sessionView{},
		conn: client.Connection{Phase: client.SigningIn, Since: opts.Now()},
	}
	environ := opts.Environ
	if environ == nil {
		environ = os.Environ()
	}
	if m.protocol = graphics.Named(opts.Preferences.Picture, environ); m.protocol == graphics.ProtocolOff {
		m.protocol, m.picture = graphics.ProtocolBlocks, false
	}
	m.help.ShortSeparator = "  "
	m.restyle()
	if opts.InitialSession != "" {
		m.enter(opts.InitialSession)
		if len(opts.Access) > 0 { // a stranger's first question is where to go
			m.overlay = overlayAccess
		} else if opts.Banner != "" { // which the lobby shows
			m.say(toneWarn, safe(opts.Banner))
		}
	}
	return m
}

func (m *Model) restyle() {
	m.styles = newStyles(m.opts.Theme.pick(m.profile, m.dark))
	m.help.Styles = m.styles.help
}

// Init starts listening, the clock, and asks the terminal for its background.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.listen(), m.tick(slowTick), tea.RequestBackgroundColor}
	if m.open != "" {
		id := m.open
		cmds = append(cmds, func() tea.Msg { m.net.Open(id); return nil })
	}
	return tea.Batch(cmds...)
}

func (m *Model) listen() tea.Cmd {
	updates := m.net.Updates()
	return func() tea.Msg {
		u, ok := <-updates
		if !ok {
			return closedMsg{}
		}
		return updateMsg(u)
	}
}

// tick comes back after a while, or not at all when the console ends: tea.Tick would stay behind.
func (m *Model) tick(every time.Duration) tea.Cmd {
	done := m.ctx.Done()
	return func() tea.Msg {
		timer := time.NewTimer(every)
		defer timer.Stop()
		select {
		case <-timer.C:
			return tickMsg{}
		case <-done:
			return nil
		}
	}
}

// Update moves the console forward by one message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := m.update(msg)
	if draw := m.draw(); draw != nil {
		return m, tea.Batch(cmd, draw)
	}
	return m, cmd
}

func (m *Model) update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.at = m.opts.Now()
	if m.toast.text != "" && m.at.Sub(m.toast.since) > toastLife {
		m.toast = toast{}
	}
	switch msg := msg.(type) {
	case updateMsg:
		ring := m.absorb(client.Update(msg))
		return m, tea.Batch(m.listen(), ring)
	case closedMsg:
		return m, tea.Quit
	case tickMsg:
		if b := m.boards[m.open]; b != nil && b.state.Handover != nil {
			return m, m.tick(quickTick)
		}
		return m, m.tick(slowTick)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
		m.restyle()
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.restyle()
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	case doneMsg:
		return m, m.done(msg)
	case holdMsg:
		if m.held != nil && m.held.id == msg.id {
			return m, m.release()
		}
	case drawnMsg:
		if m.drawn.turn == msg.turn && m.drawn.of == msg.of {
			m.drawn = msg.drawing
		}
	case reportMsg:
		m.gotReport(msg)
	case savedMsg:
		m.saved(msg)
	case applicationsMsg:
		m.openForm(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseClickMsg:
		return m, m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		m.wheel(msg.Mouse())
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

// absorb takes what the network heard. The returned command rings the bell, if someone needs the
// person at a terminal that is not looked at.
func (m *Model) absorb(u client.Update) tea.Cmd {
	if u.Connection != nil {
		m.conn = *u.Connection
		for _, b := range m.boards {
			b.offline = m.conn.Phase != client.Live
		}
	}
	if u.Me != nil {
		m.me = safePerson(*u.Me)
	}
	if u.Sessions != nil {
		m.absorbList(u.Sessions)
	}
	call := ""
	for _, e := range u.Events {
		b := m.board(e.Session)
		if e.Seq <= b.state.Seq {
			continue // cannot be: the client lets no double through
		}
		b.apply(e)
		if m.at.Sub(e.Time()) < recent {
			m.news(b, e)
			if e.Action == playtest.ActionTakeoverRequest && b.state.Position(e.RequestID) > 0 {
				call = safeEvent(e).Requester.Name + " asks for the seat of " + b.title()
			}
		}
	}
	for id, live := range u.Live {
		m.board(id).applyLive(live, m.at)
	}
	if call != "" && !m.focused {
		return m.ring(call)
	}
	return nil
}

func (m *Model) absorbList(list []client.Session) {
	m.listed = true
	known := map[string]bool{m.open: true}
	for _, s := range list {
		known[s.ID] = true
		m.board(s.ID).setInfo(s)
	}
	for id, b := range m.boards {
		if b.listed && !known[id] {
			delete(m.boards, id)
		}
	}
}

func (m *Model) board(id string) *board {
	b := m.boards[id]
	if b == nil {
		b = newBoard(id)
		m.boards[id] = b
	}
	return b
}

// news tells the outcome of a hand-over, whoever began it.
func (m *Model) news(b *board, e playtest.Event) {
	if m.open != "" && m.open != e.Session {
		return
	}
	e = safeEvent(e)
	switch e.Action {
	case playtest.ActionSeatTaken:
		if e.Holder != nil {
			m.say(toneGood, fmt.Sprintf("seat to %s in %s", e.Holder.Name, took(time.Duration(e.TookMs)*time.Millisecond)))
		}
	case playtest.ActionHandoverFailed:
		m.say(toneBad, describe(e).text)
	case playtest.ActionSessionEnded:
		m.say(toneQuiet, b.title()+" ended"+because(e.Reason))
	}
}

// chosenBoard is the lobby's chosen session, the first if the chosen one is gone.
func (m *Model) chosenBoard() *board {
	list := m.sorted()
	for _, b := range list {
		if b.info.ID == m.cursor {
			return b
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// waiting counts the people who wait in all sessions, for the window's title.
func (m *Model) waiting() int {
	n := 0
	for _, b := range m.boards {
		if !b.ended() {
			n += len(b.state.Queue)
		}
	}
	return n
}
