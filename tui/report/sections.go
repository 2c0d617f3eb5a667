package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hotseat/backend/playtest"
)

func (r Report) seat(w *writer) {
	w.line("\n## Who played\n")
	if len(r.Stays) == 0 {
		w.line("Nobody was in the seat.")
		return
	}
	w.table("person", "role", ">turns", ">in the seat", ">of the playtest", ">longest turn")
	players := slices.DeleteFunc(slices.Clone(r.People), func(p Person) bool { return p.Stays == 0 })
	slices.SortStableFunc(players, func(a, b Person) int { return cmp.Compare(b.Seated, a.Seated) })
	for _, p := range players {
		var longest Ms
		for _, s := range r.Stays {
			if s.Person.ID == p.ID {
				longest = max(longest, s.Length())
			}
		}
		w.row(w.name(p.person()), roleWord(p.Role), fmt.Sprint(p.Stays), long(p.Seated), share(p.Seated, r.Length), long(longest))
	}
	if empty := r.Length - r.Seated; empty > 0 {
		w.row("*nobody*", "", "", long(empty), share(empty, r.Length), "")
	}
	w.line("\nEvery turn:\n")
	w.table(">epoch", "person", "from", "to", ">length", "ended")
	for _, s := range r.Stays {
		w.row(fmt.Sprint(s.Epoch), w.name(s.Person), clock(s.From), clock(s.To), long(s.Length()), orDash(s.Ended))
	}
}

func (p Person) person() playtest.Person {
	return playtest.Person{ID: p.ID, Name: p.Name, Role: p.Role}
}

func roleWord(r playtest.Role) string {
	if r == playtest.RoleLead {
		return "QA lead"
	}
	return escape(string(r))
}

func (r Report) requests(w *writer) {
	w.line("\n## Requests for the seat\n")
	if len(r.Requests) == 0 {
		w.line("Nobody asked.")
		return
	}
	w.table("at", "person", "outcome", "by", ">waited", "reason")
	for _, q := range r.Requests {
		waited := long(q.Waited)
		if q.Outcome == Given {
			waited = "–"
		}
		w.row(clock(q.At), w.name(q.Person), outcomeWords[q.Outcome], w.pointer(q.By), waited, orDash(q.Reason))
	}
}

func (r Report) handovers(w *writer) {
	w.line("\n## Hand-overs\n")
	if len(r.Handovers) == 0 {
		w.line("There were none.")
		return
	}
	w.table("at", "from", "to", "approved by", ">took", "outcome")
	for _, h := range r.Handovers {
		from := "the empty seat"
		if h.From != nil {
			from = w.name(*h.From)
		}
		outcome := h.Outcome
		if h.Outcome == "failed" {
			outcome = "**failed**"
		}
		if h.Reason != "" {
			outcome += ": " + escape(h.Reason)
		}
		w.row(clock(h.At), from, w.name(h.To), w.name(h.By), long(h.Took), outcome)
	}
}

func (r Report) timeline(w *writer) {
	w.line("\n## Timeline\n")
	if len(r.Timeline) == 0 {
		w.line("The log is empty.")
		return
	}
	w.table("at", "what", "")
	for _, e := range r.Timeline {
		text := escape(e.Text)
		switch {
		case e.Kind == KindMark:
			text = "**" + text + "** (" + w.name(e.By) + ")"
		case e.Kind == KindModeration && e.Person != nil:
			text = w.name(e.By) + " " + text + " " + w.name(*e.Person)
		case e.Kind == KindModeration:
			text = w.name(e.By) + ": " + text
		case e.Person != nil:
			text = w.name(*e.Person) + " " + text
		}
		if e.Took > 0 {
			text += " after " + long(e.Took)
		}
		if e.Reason != "" {
			text += ": " + escape(e.Reason)
		}
		w.row(clock(e.At), e.Kind, text)
	}
}

// talkWidth is how many bars the chat of a playtest has at most.
const talkWidth = 60

func (r Report) talk(w *writer) {
	w.line("\n## Talk\n")
	if line, per := bars(r.Chat, r.minutes(), talkWidth); len(r.Chat) > 0 {
		w.line("Chat lines over the playtest, a bar for each %s:\n", each(per))
		w.line("    %s\n", line)
	}
	if line, per := bars(r.Reactions.PerMinute, r.minutes(), talkWidth); r.Reactions.Recorded {
		w.line("Reactions, a bar for each %s:\n", each(per))
		w.line("    %s\n", line)
		var kinds []string
		for _, kind := range playtest.Reactions {
			if n := r.Reactions.ByKind[kind]; n > 0 {
				kinds = append(kinds, fmt.Sprintf("%s %d", kind, n))
			}
		}
		w.line("%s: %s.\n", plural(r.Reactions.Total, "reaction"), strings.Join(kinds, ", "))
	} else {
		w.line("Reactions are not recorded.\n")
	}
	if len(r.People) == 0 {
		w.line("Nobody was there.")
		return
	}
	columns := []string{"person", "role", "came", ">chat lines", ">requests"}
	if r.Reactions.Recorded {
		columns = append(columns, ">reactions")
	}
	w.table(columns...)
	for _, p := range r.People {
		cells := []string{w.name(p.person()), roleWord(p.Role), clock(p.Arrived), fmt.Sprint(p.Lines), fmt.Sprint(p.Requests)}
		if r.Reactions.Recorded {
			cells = append(cells, fmt.Sprint(p.Reactions))
		}
		w.row(cells...)
	}
}

func each(minutes int) string {
	if minutes == 1 {
		return "minute"
	}
	return plural(minutes, "minute")
}

func (r Report) minutes() int { return int(min(r.Length/60_000+1, maxMinutes)) }

func (r Report) stream(w *writer) {
	w.line("\n## Stream\n")
	if r.Width > 0 {
		w.line("%d×%d at %d frames a second; session `%s`.\n", r.Width, r.Height, r.Framerate, strings.ReplaceAll(shown(r.Session), "`", "'"))
	}
	if len(r.Drops) > 0 {
		w.table("lost at", "person", ">gone for", "then")
		for _, d := range r.Drops {
			then := "did not come back in time"
			if d.Back {
				then = "came back"
			}
			w.row(clock(d.At), w.name(d.Person), long(d.Lasted), then)
		}
		w.line("")
	}
	if len(r.Stream) > 0 {
		w.table("state of the stream session", ">times", ">in all")
		var order []string
		times, lasted := map[string]int{}, map[string]Ms{}
		for _, s := range r.Stream {
			if times[s.Status] == 0 {
				order = append(order, s.Status)
			}
			times[s.Status]++
			lasted[s.Status] += s.Lasted
		}
		for _, s := range order {
			w.row(escape(s), fmt.Sprint(times[s]), long(lasted[s]))
		}
		w.line("")
	}
	w.line("The sidecar's figures (frame rate, bitrate, loss) are not recorded: they travel on the live channel, which nobody keeps.")
}
