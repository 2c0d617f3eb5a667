package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// sidecarPane: the broadcast in numbers, each with its last minute, and one word about it.
func (m *Model) sidecarPane(b *board, w, h int) (right string, body []string) {
	s := m.styles
	t, word := b.judge(m.at)
	sign := map[tone]string{toneGood: "✓ ", toneWarn: "! ", toneBad: "✗ ", toneQuiet: ""}[t]
	right = s.tone(t).Render(sign + word)
	health := b.health
	if health == nil {
		return right, []string{s.muted.Render("the sidecar beside the game"), s.muted.Render("reports here once a second")}
	}
	row := func(label, value, unit string, values []float64, low, high float64, over func() bool) string {
		style := s.text
		if over != nil && over() {
			style = s.warn
		}
		line := s.muted.Render(fit(label, 9)) + style.Render(align(value, 6, true)) + s.muted.Render(" "+fit(unit, 4))
		if room := min(w-22, 60); room >= 6 && values != nil {
			line += " " + s.spark.Render(sparkline(values, room, low, high))
		}
		return line
	}
	rate := max(health.Framerate, 1)
	body = append(body,
		row("frames", fmt.Sprintf("%.1f", health.FPS), "fps", b.fps, rate/2, rate*1.1, func() bool { return health.FPS < slowShare*health.Framerate }),
		row("bitrate", thousands(health.BitrateKbps), "kbps", b.bitrate, lowest(b.bitrate)*0.7, peak(b.bitrate, 500), nil),
		row("encode", fmt.Sprintf("%.1f", health.EncodeMs), "ms", b.encode, 0, peak(b.encode, 1)*1.2, func() bool { return health.EncodeMs > 1000/rate }),
		row("trip", fmt.Sprintf("%.0f", health.RTTMs), "ms", b.delay, 0, peak(b.delay, 5)*1.5, func() bool { return health.RTTMs > farMs }),
		row("loss", fmt.Sprintf("%.1f", health.LossPercent), "%", nil, 0, 0, func() bool { return health.LossPercent > lossyPercent }),
		row("key frame", fmt.Sprintf("%.1f", health.KeyFrameAgeMs/1000), "s", nil, 0, 0, nil),
	)
	encoder := health.Encoder
	if health.Fallback {
		encoder += " (fallback)"
	}
	if health.Limit != "" && health.Width > 0 { // the picture that is left
		encoder += fmt.Sprintf(" %d×%d at %.0f", health.Width, health.Height, health.Framerate)
	}
	facts := []string{encoder, "up " + clock(time.Duration(health.UptimeSeconds)*time.Second), plural(health.Restarts, "restart")}
	if w < 34 {
		facts = []string{encoder, plural(health.Restarts, "restart")}
	}
	facts = slices.DeleteFunc(facts, func(f string) bool { return f == "" })
	foot := s.muted.Render(strings.Join(facts, " · "))
	if health.Error != "" && h >= len(body)+3 {
		for _, l := range wrap(health.Error, w) {
			foot += "\n" + s.bad.Render(l)
		}
	}
	if h > len(body)+1 {
		body = append(body, "")
	}
	return right, append(body, strings.Split(foot, "\n")...)
}

// lowest is the bottom of a scale that shows change rather than size.
func lowest(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Min(values)
}

// peak is the top of a sparkline's scale: the highest value, and at least floor.
func peak(values []float64, floor float64) float64 {
	top := floor
	for _, v := range values {
		top = max(top, v)
	}
	return top * 1.05
}
