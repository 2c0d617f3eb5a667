package tui

import (
	"slices"
	"strconv"
	"strings"
)

// completion is one way to go on with a line.
type completion struct {
	line string // the whole line with it
	show string // what is offered
	hint string // about it
}

// complete offers how a line can go on at its end, and how its command is written. It takes lines that
// parseOrder would refuse: they are not finished.
func complete(line string, in surroundings, useful func(*command) bool) (list []completion, usage string) {
	line = strings.TrimLeft(line, " ")
	verb, rest, spaced := strings.Cut(line, " ")
	if !spaced {
		for i := range commands {
			c := &commands[i]
			if !useful(c) || !strings.HasPrefix(c.name, verb) && !slices.Contains(c.aliases, verb) {
				continue
			}
			whole := c.name
			if len(c.args) > 0 {
				whole += " "
			}
			list = append(list, completion{whole, c.name, c.summary})
		}
		return list, ""
	}
	c := commandNamed(verb)
	if c == nil {
		return nil, ""
	}
	before := line[:len(line)-len(rest)]
	for _, a := range c.args {
		trimmed := strings.TrimLeft(rest, " ")
		before += rest[:len(rest)-len(trimmed)]
		if a.kind == kindText {
			break
		}
		var o order
		if a.kind == kindAgo && trimmed != "" && !strings.HasPrefix(trimmed, "-") {
			continue
		}
		left, err := o.take(a, trimmed, in)
		if trimmed != "" && err == nil && strings.HasPrefix(left, " ") || err == nil && strings.HasSuffix(trimmed, " ") && left == "" {
			before, rest = before+trimmed[:len(trimmed)-len(left)], left
			continue // this one is there already
		}
		if a.kind == kindAgo && trimmed == "" {
			list = append(list, completion{before + "-5s ", "-5s", "or another time before now"})
			break
		}
		return offers(a, before, trimmed, in), c.usage()
	}
	return list, c.usage()
}

// offers are the values of one argument that begin with what is typed of it.
func offers(a argument, before, typed string, in surroundings) []completion {
	var list []completion
	prefix := strings.ToLower(strings.TrimPrefix(typed, `"`))
	offer := func(value, show, hint string) {
		if strings.HasPrefix(strings.ToLower(show), prefix) {
			list = append(list, completion{before + value + " ", show, hint})
		}
	}
	switch a.kind {
	case kindPerson:
		for _, p := range in.people {
			twins := 0
			for _, q := range in.people {
				if q.Name == p.Name {
					twins++
				}
			}
			if twins > 1 { // only the id tells them apart
				offer(quote(p.ID), p.Name, roleWord(p.Role)+" "+p.ID)
				continue
			}
			offer(quote(p.Name), p.Name, roleWord(p.Role))
		}
	case kindRequest:
		for i, r := range in.queue {
			offer(quote(r.Person.Name), r.Person.Name, "place "+strconv.Itoa(i+1))
		}
		if digits(prefix) {
			for i, r := range in.queue {
				offer(strconv.Itoa(i+1), strconv.Itoa(i+1), r.Person.Name)
			}
		}
	case kindPause:
		for _, v := range slowChoices {
			offer(v.word, v.word, v.hint)
		}
	case kindChoice:
		for _, v := range a.choices {
			hint := ""
			if c := commandNamed(v); c != nil && a.name == "command" {
				hint = c.summary
			}
			offer(v, v, hint)
		}
	case kindSession:
		for _, b := range in.sessions {
			if b.ended() {
				offer(b.info.ID, b.info.ID, b.title()+", ended")
				continue
			}
			offer(b.info.ID, b.info.ID, b.title())
		}
	}
	return list
}
