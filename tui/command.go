package tui

import (
	"slices"
	"strings"
)

// kind is what an argument of a command is.
type kind uint8

const (
	kindPerson  kind = iota // a name; quoted if it holds spaces or quotes
	kindRequest             // a waiting person's name, or a place in the queue from 1
	kindPause               // off, 5s, 10, 1m
	kindAgo                 // -5s: so long ago
	kindChoice              // one of the command's choices
	kindSession             // a session's id, or its title if no other has it
	kindText                // the rest of the line
)

// argument is one of a command's arguments. Those that are optional come last, save kindAgo, which is
// known by its sign.
type argument struct {
	name     string
	kind     kind
	optional bool
	choices  []string // of kindChoice
}

// command is a row of the table that the line after ":", the lines of Plain, completion and help share.
type command struct {
	name     string
	aliases  []string
	summary  string
	args     []argument
	examples []string
	action   string // whose "why not" holds for the command; empty: it can be done always
	screen   bool   // of use only where there is a screen
	lines    bool   // of use only in Plain, where nothing else shows it
}

var (
	personArg = argument{name: "name", kind: kindPerson}
	reasonArg = argument{name: "reason", kind: kindText, optional: true}
)

var commands = []command{
	{name: "approve", summary: "give the seat to a request, the first if none is named", action: actApprove,
		args: []argument{{name: "name or place", kind: kindRequest, optional: true}}, examples: []string{"approve", "approve 2", "approve viewer-3"}},
	{name: "deny", summary: "deny a request, with a reason for the person", action: actDeny,
		args: []argument{{name: "name or place", kind: kindRequest, optional: true}, reasonArg}, examples: []string{"deny", "deny viewer-3 the level is not over"}},
	{name: "give", summary: "give the seat to a person, ahead of the queue", action: actGive,
		args: []argument{personArg, reasonArg}, examples: []string{"give viewer-3", `give "Anna B" plays level two`}},
	{name: "reclaim", aliases: []string{"back", "take-back"}, summary: "take the seat back", action: actTakeBack,
		args: []argument{reasonArg}, examples: []string{"reclaim", "reclaim time for the next level"}},
	{name: "lock", summary: "nobody can ask for the seat", action: actLock, args: []argument{reasonArg}, examples: []string{"lock", "lock until the talk is over"}},
	{name: "unlock", summary: "people can ask for the seat again", action: actLock, args: []argument{reasonArg}, examples: []string{"unlock"}},
	{name: "slow", summary: "one chat line a person in so many seconds", action: actSlow,
		args: []argument{{name: "off or pause", kind: kindPause}}, examples: []string{"slow 10s", "slow off"}},
	{name: "mute", summary: "a person is not heard any more", action: actMute, args: []argument{personArg, reasonArg}, examples: []string{"mute viewer-3", "mute viewer-3 spoilers"}},
	{name: "unmute", summary: "a person is heard again", action: actMute, args: []argument{personArg, reasonArg}, examples: []string{"unmute viewer-3"}},
	{name: "remove", aliases: []string{"kick"}, summary: "put a person out; they can come back", action: actRemove, args: []argument{personArg, reasonArg}, examples: []string{"remove viewer-3"}},
	{name: "ban", summary: "put a person out for good", action: actBan, args: []argument{personArg, reasonArg}, examples: []string{"ban viewer-3 insults"}},
	{name: "unban", summary: "let a banned person back in", action: actBan, args: []argument{personArg, reasonArg}, examples: []string{"unban viewer-3"}},
	{name: "mark", summary: "mark a moment of the recording, 5 s ago if not said otherwise", action: actMark,
		args: []argument{{name: "-time", kind: kindAgo, optional: true}, {name: "word", kind: kindText, optional: true}}, examples: []string{"mark -5s crash on jump", "mark -2m", "mark nice"}},
	{name: "chat", aliases: []string{"say"}, summary: "write in the chat", action: actWrite, args: []argument{{name: "text", kind: kindText}}, examples: []string{"chat please try the second level"}},
	{name: "start", aliases: []string{"new"}, summary: "start a playtest", action: actNew, args: []argument{{name: "game", kind: kindText, optional: true}}, examples: []string{"start"}},
	{name: "end", summary: "end the playtest for everybody", action: actEnd, examples: []string{"end"}},
	{name: "open", summary: "go to a session", args: []argument{{name: "session", kind: kindSession}}, examples: []string{"open s-7h2k9x4q1m"}},
	{name: "lobby", summary: "go to the list of sessions", screen: true, examples: []string{"lobby"}},
	{name: "report", summary: "the report of the playtest; with a format, save it", action: actReport,
		args: []argument{{name: "format", kind: kindChoice, optional: true, choices: []string{"md", "json", "csv"}}}, examples: []string{"report", "report md"}},
	{name: "people", summary: "who is here", lines: true, examples: []string{"people"}},
	{name: "queue", summary: "who waits for the seat", lines: true, examples: []string{"queue"}},
	{name: "sessions", summary: "which playtests there are", lines: true, examples: []string{"sessions"}},
	{name: "status", summary: "the seat and the broadcast in a line", lines: true, examples: []string{"status"}},
	{name: "picture", summary: "the game's picture on or off", screen: true, args: []argument{{name: "on or off", kind: kindChoice, optional: true, choices: []string{"on", "off"}}}, examples: []string{"picture off"}},
	{name: "theme", summary: "choose the colours", screen: true, args: []argument{{name: "theme", kind: kindChoice, choices: []string{"auto", "dark", "light", "colour-blind"}}}, examples: []string{"theme light"}},
	{name: "undo", summary: "undo what counts down", screen: true, action: actUndo, examples: []string{"undo"}},
	{name: "help", aliases: []string{"?"}, summary: "what can be done, or how a command is used", args: []argument{{name: "command", kind: kindChoice, optional: true}}, examples: []string{"help", "help mark"}},
	{name: "quit", aliases: []string{"q", "exit"}, summary: "leave", examples: []string{"quit"}},
}

func init() { // help's choices are the commands, which a table cannot say of itself
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == "help" })
	for _, c := range commands {
		commands[i].args[0].choices = append(commands[i].args[0].choices, c.name)
	}
}

// commandNamed finds a command by its name or an alias.
func commandNamed(name string) *command {
	if i := slices.IndexFunc(commands, func(c command) bool { return c.name == name || slices.Contains(c.aliases, name) }); i >= 0 {
		return &commands[i]
	}
	return nil
}

// usage is how a command is written: deny [name or place] [reason].
func (c *command) usage() string {
	var b strings.Builder
	b.WriteString(c.name)
	for _, a := range c.args {
		if a.optional {
			b.WriteString(" [" + a.name + "]")
		} else {
			b.WriteString(" <" + a.name + ">")
		}
	}
	return b.String()
}

// Command is a command of the console, for documents.
type Command struct {
	Name, Usage, Summary string
	Aliases, Examples    []string
}

// Commands lists what can be typed after ":" and on Plain's input.
func Commands() []Command {
	list := make([]Command, len(commands))
	for i, c := range commands {
		list[i] = Command{c.name, c.usage(), c.summary, slices.Clone(c.aliases), slices.Clone(c.examples)}
	}
	return list
}
