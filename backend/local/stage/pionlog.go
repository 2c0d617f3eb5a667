package stage

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs puts the log of the WebRTC stack under ours. Most of what it warns of is a peer that went away,
// which is an ordinary day here: everything but its errors is debug.
type pionLogs struct{ log *slog.Logger }

func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{p.log.With("scope", scope)}
}

type pionLog struct{ log *slog.Logger }

func (p pionLog) say(level slog.Level, format string, args ...any) {
	if p.log.Enabled(context.Background(), level) {
		p.log.Log(context.Background(), level, fmt.Sprintf(format, args...))
	}
}

func (p pionLog) Trace(string)              {}
func (p pionLog) Tracef(string, ...any)     {}
func (p pionLog) Debug(m string)            { p.say(slog.LevelDebug, "%s", m) }
func (p pionLog) Debugf(f string, a ...any) { p.say(slog.LevelDebug, f, a...) }
func (p pionLog) Info(m string)             { p.say(slog.LevelDebug, "%s", m) }
func (p pionLog) Infof(f string, a ...any)  { p.say(slog.LevelDebug, f, a...) }
func (p pionLog) Warn(m string)             { p.say(slog.LevelDebug, "%s", m) }
func (p pionLog) Warnf(f string, a ...any)  { p.say(slog.LevelDebug, f, a...) }
func (p pionLog) Error(m string)            { p.say(slog.LevelWarn, "%s", m) }
func (p pionLog) Errorf(f string, a ...any) { p.say(slog.LevelWarn, f, a...) }
