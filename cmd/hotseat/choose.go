package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hotseat/backend/playtest"
	"hotseat/tui/client"
)

// chooseSession finds the session that an id, or the beginning of one, names. No name at all is the
// one that runs; ended ones are looked at only if the command is about them too.
func chooseSession(ctx context.Context, d *client.Direct, name string, endedToo bool) (client.Session, error) {
	list, err := d.Sessions(ctx)
	if err != nil {
		return client.Session{}, err
	}
	return pickSession(list, name, endedToo)
}

func pickSession(list []client.Session, name string, endedToo bool) (client.Session, error) {
	running := slices.DeleteFunc(slices.Clone(list), client.Session.Ended)
	candidates := running
	switch {
	case name == "" && len(running) == 0 && endedToo && len(list) > 0:
		return list[0], nil // the newest
	case name == "" && len(running) == 0:
		return client.Session{}, usageError{fmt.Errorf("no playtest runs; `hotseat start` starts one")}
	case name != "":
		candidates = nil
		for _, s := range list {
			if s.ID == name {
				candidates = []client.Session{s}
				break
			}
			if strings.HasPrefix(s.ID, name) || strings.HasPrefix(s.ID, "s-"+name) {
				candidates = append(candidates, s)
			}
		}
	}
	switch {
	case len(candidates) == 0:
		return client.Session{}, usageError{fmt.Errorf("no session begins with %q; `hotseat sessions` lists them", shown(name))}
	case len(candidates) > 1:
		return client.Session{}, usageError{fmt.Errorf("which session? these would do: %s; name one with --session", listSessions(candidates))}
	case candidates[0].Ended() && !endedToo:
		return client.Session{}, &client.Refusal{Code: string(playtest.CodeSessionEnded), Message: fmt.Sprintf("the session %s has ended", candidates[0].ID), Status: 409}
	}
	return candidates[0], nil
}

func listSessions(list []client.Session) string {
	var names []string
	for _, s := range list {
		names = append(names, fmt.Sprintf("%s (%s)", shown(s.ID), shown(s.Title)))
	}
	return strings.Join(names, ", ")
}

// personIn finds somebody by name or id among the people who were in a session.
func personIn(people []playtest.Person, name, where string) (playtest.Person, error) {
	var found []playtest.Person
	for _, p := range people {
		if p.ID == name {
			return p, nil
		}
		if p.Name == name {
			found = append(found, p)
		}
	}
	if len(found) == 0 { // nobody is called exactly so: perhaps in another case, or by the beginning
		for _, p := range people {
			if len(name) > 0 && strings.HasPrefix(strings.ToLower(p.Name), strings.ToLower(name)) {
				found = append(found, p)
			}
		}
	}
	switch len(found) {
	case 0:
		return playtest.Person{}, usageError{fmt.Errorf("nobody called %q %s; there: %s", shown(name), where, listPeople(people))}
	case 1:
		return found[0], nil
	}
	return playtest.Person{}, usageError{fmt.Errorf("who? %q could be: %s; name one by id", shown(name), listPeople(found))}
}

func listPeople(people []playtest.Person) string {
	if len(people) == 0 {
		return "nobody"
	}
	var names []string
	for _, p := range people {
		names = append(names, fmt.Sprintf("%s (%s, %s)", shown(p.Name), p.Role, shown(p.ID)))
	}
	return strings.Join(names, ", ")
}

// everybody who was in a session, by name.
func everybody(state playtest.State) []playtest.Person {
	people := []playtest.Person{}
	for _, p := range state.People {
		people = append(people, p.Person)
	}
	slices.SortFunc(people, func(a, b playtest.Person) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return people
}

// stateOf reads the log and folds it.
func stateOf(ctx context.Context, d *client.Direct, session string) (playtest.State, error) {
	events, err := d.Log(ctx, session)
	if err != nil {
		return playtest.State{}, err
	}
	return playtest.Fold(events), nil
}
