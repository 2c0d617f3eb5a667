package tui

import (
	"context"
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
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

	overlay overlay
	confirm confirmation
	form    startForm
	prompt  *prompt
	toast   toast
}

// sessionView is where a person is in a session's screen.
type sessionView struct {
	focus    pane
	tab      pane // the pane last shown of the tabs
	zoomed   bool
	request  string // the chosen request, "" for the first
	chatEnd  int    // the line after the last one shown, counted over the whole session; -1 follows
	scrolled map[pane]int
}

func newSessionView() sessionView {
	return sessionView{focus: paneQueue, tab: paneSidecar, chatEnd: -1, scrolled: map[pane]int{}}
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
		keys: newKeyMap(), help: help.New(), boards: map[string]*board{}, picture: true, view: newSessionView(),
		conn: client.Connection{Phase: client.SigningIn, Since: opts.Now()},
	}
	m.help.ShortSeparator = "  "
	m.restyle()
	if opts.InitialSession != "" {
		m.enter(opts.InitialSession)
		if len(opts.Access) > 0 { // a stranger's first question is where to go
			m.overlay = overlayAccess
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
	case applicationsMsg:
		m.openForm(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			m.prompt.paste(msg.Content)
		}
	case tea.MouseClickMsg:
		return m, m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		m.wheel(msg.Mouse())
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

// press finds who takes a key: the prompt, then an overlay, then the screen.
func (m *Model) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Abort):
		return tea.Quit
	case m.prompt != nil:
		return m.pressPrompt(msg)
	case m.overlay != overlayNone:
		return m.pressOverlay(msg)
	case key.Matches(msg, m.keys.Help):
		m.overlay = overlayHelp
		return nil
	case key.Matches(msg, m.keys.Access):
		if len(m.opts.Access) == 0 {
			m.say(toneQuiet, "there are no sign-ins to show: only the demo has them")
			return nil
		}
		m.overlay = overlayAccess
		return nil
	case m.open == "":
		return m.pressLobby(msg)
	}
	return m.pressSession(msg)
}

// absorb takes what the network heard. The returned command rings the bell, if someone needs the
// person at a terminal that is not looked at.
func (m *Model) absorb(u client.Update) tea.Cmd {
	if u.Connection != nil {
		m.conn = *u.Connection
	}
	if u.Me != nil {
		m.me = safePerson(*u.Me)
	}
	if u.Sessions != nil {
		m.absorbList(u.Sessions)
	}
	ring := false
	for _, e := range u.Events {
		b := m.board(e.Session)
		if e.Seq <= b.state.Seq {
			continue // cannot be: the client lets no double through
		}
		b.apply(e)
		if m.at.Sub(e.Time()) < recent {
			m.news(b, e)
			ring = ring || e.Action == playtest.ActionTakeoverRequest && b.state.Position(e.RequestID) > 0
		}
	}
	for id, live := range u.Live {
		m.board(id).applyLive(live, m.at)
	}
	if ring && !m.focused {
		return tea.Raw("\a")
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

// sorted is the lobby's order: who needs someone, then what runs, then the newest.
func (m *Model) sorted() []*board {
	list := make([]*board, 0, len(m.boards))
	for _, b := range m.boards {
		if b.listed || b.state.Seq > 0 {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *board) int {
		na, _ := a.need(m.at)
		nb, _ := b.need(m.at)
		switch {
		case na != nb:
			return nb - na
		case a.ended() != b.ended():
			if a.ended() {
				return 1
			}
			return -1
		}
		if c := b.startedAt().Compare(a.startedAt()); c != 0 {
			return c
		}
		if a.info.ID < b.info.ID {
			return -1
		}
		return 1
	})
	return list
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
