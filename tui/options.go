package tui

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"time"

	tea "charm.land/bubbletea/v2"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
	"hotseat/tui/client"
	"hotseat/tui/prefs"
)

// Access is one way in that the console shows to a stranger, such as the demo's accounts.
type Access struct {
	Role     string // as a person reads it: "player"
	Email    string
	Password string
}

// Options of Run and Plain. URL is needed, and Token or Email and Password.
type Options struct {
	URL             string             // of the backend: http://127.0.0.1:8470
	Email, Password string             // of the account that the console signs in with
	Token           events.Credentials // used instead of Email and Password when set

	Banner  string   // a line above Access, such as where everything runs
	Access  []Access // shown in the lobby and with the key u; leave empty outside of demos
	PageURL string   // where people open the page in a browser; default URL

	ReadOnly       bool   // for observers: nothing is sent but presence
	InitialSession string // opened at once; Plain hears only this one
	Theme          Theme  // zero: as Preferences say
	JSON           bool   // Plain writes events as JSON lines

	Preferences prefs.Preferences           // zero: those of prefs.Default
	Remember    func(prefs.StartForm) error // keeps the form's last choice; nil: until the console ends
	Resize      <-chan tea.WindowSizeMsg    // of a terminal that is elsewhere; nil: the terminal's own signals
	Size        tea.WindowSizeMsg           // of such a terminal at the start
	Inside      bool                        // the backend is on this machine, whatever it tells people elsewhere
	NoFiles     bool                        // nothing is written here: the person is on another machine
	TLS         *tls.Config                 // how certificates are checked; nil: as the machine does

	Log     *slog.Logger     // default: nothing is logged, since the screen is taken
	Now     func() time.Time // default time.Now
	Input   io.Reader        // of Run; default: the terminal
	Output  io.Writer        // of Run; default: the terminal
	Environ []string         // of Run, for the colours; default: the process's
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Preferences.Theme == "" {
		o.Preferences = prefs.Default()
	}
	if theme, err := ThemeByName(o.Preferences.Theme); err == nil && o.Theme.Name == "" {
		o.Theme = theme
	}
	if o.PageURL == "" {
		o.PageURL = o.URL
	}
	return o
}

// backend is what the model asks of the network; *client.Client in real life, a recorder in the
// tests of keys.
type backend interface {
	Updates() <-chan client.Update
	Open(session string)
	Approve(ctx context.Context, session, requestID string) error
	Deny(ctx context.Context, session, requestID, reason string) error
	TakeBack(ctx context.Context, session string, epoch int64, reason string) error
	Mark(ctx context.Context, session, word string, at time.Time) error
	Chat(ctx context.Context, session, text string) error
	Catalogue(ctx context.Context) (client.Catalogue, error)
	StartSession(ctx context.Context, start client.Start) (client.Session, error)
	EndSession(ctx context.Context, session string) error
	Give(ctx context.Context, session, userID, reason string) error
	Lock(ctx context.Context, session string, locked bool, reason string) error
	Mute(ctx context.Context, session, userID string, muted bool, reason string) error
	Remove(ctx context.Context, session, userID, reason string) error
	Ban(ctx context.Context, session, userID string, banned bool, reason string) error
	SlowMode(ctx context.Context, session string, every time.Duration) error
	Log(ctx context.Context, session string) ([]playtest.Event, error)
}

var _ backend = (*client.Client)(nil)
