package tui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotseat/backend/playtest"
)

// surroundings are what the names in a command can mean.
type surroundings struct {
	people   []playtest.Person
	queue    []playtest.Request
	sessions []*board
}

// order is a command with its arguments, ready to be carried out.
type order struct {
	cmd     *command
	person  playtest.Person
	request playtest.Request // zero ID: the first
	pause   time.Duration
	ago     time.Duration
	choice  string
	session string
	text    string
}

// errEmpty answers a line without a command.
var errEmpty = errors.New("type a command; help lists them")

// parseOrder reads one line of the grammar:
//
//	line   = command { argument }
//	word   = everything up to a space | '"' characters, with \" and \\ '"'
//	name   = word | the longest name that the rest of the line begins with
//	text   = the rest of the line
//
// Its errors say what to do. The line may hold anything.
func parseOrder(line string, in surroundings) (order, error) {
	verb, _, rest, err := scanWord(line)
	if err != nil {
		return order{}, err
	}
	verb = strings.TrimPrefix(verb, ":")
	if verb == "" {
		return order{}, errEmpty
	}
	o := order{cmd: commandNamed(verb), ago: markBack}
	if o.cmd == nil {
		return order{}, fmt.Errorf("no command %q%s", verb, meant(verb))
	}
	for _, a := range o.cmd.args {
		rest = strings.TrimSpace(rest)
		if rest == "" {
			if !a.optional {
				return order{}, fmt.Errorf("%s needs a %s: %s", o.cmd.name, a.name, o.cmd.usage())
			}
			continue
		}
		if rest, err = o.take(a, rest, in); err != nil {
			return order{}, err
		}
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return order{}, fmt.Errorf("%s takes no more than that; it is written %s", o.cmd.name, o.cmd.usage())
	}
	return o, nil
}

// take reads one argument from the rest of a line, which is not empty, and returns what is left.
func (o *order) take(a argument, rest string, in surroundings) (string, error) {
	if a.kind == kindText {
		o.text = text(rest)
		return "", nil
	}
	word, quoted, after, err := scanWord(rest)
	if err != nil {
		return "", err
	}
	switch a.kind {
	case kindPerson:
		if o.person, after, err = personNamed(in.people, word, quoted, rest, after); err != nil {
			return "", err
		}
	case kindRequest:
		if o.request, after, err = requestMeant(in.queue, word, quoted, rest, after); err != nil {
			return "", err
		}
	case kindPause:
		o.pause, err = pause(word)
	case kindAgo:
		ago, ok := strings.CutPrefix(word, "-")
		if quoted || !ok || ago == "" || ago[0] < '0' || ago[0] > '9' {
			return rest, nil // a word that belongs to what follows
		}
		if o.ago, err = duration(ago); err == nil && o.ago > time.Hour {
			err = errors.New("a mark points at most an hour back")
		}
	case kindChoice:
		if !slices.Contains(a.choices, word) {
			err = fmt.Errorf("%s is one of %s, not %q", a.name, strings.Join(a.choices, ", "), word)
		}
		o.choice = word
	case kindSession:
		o.session, err = sessionMeant(in.sessions, word, quoted, rest)
		after = ""
	}
	return after, err
}

// scanWord reads one word after spaces, quoted or not.
func scanWord(line string) (word string, quoted bool, rest string, err error) {
	line = strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(line, `"`) {
		word, rest, _ = strings.Cut(line, " ")
		return word, false, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == '"':
			return b.String(), true, line[i+1:], nil
		default:
			b.WriteByte(c)
		}
	}
	return "", false, "", errors.New(`a quote is not closed: end the name with "`)
}

// text is the rest of a line; quotes around the whole of it are left out.
func text(rest string) string {
	rest = strings.TrimSpace(rest)
	if word, quoted, after, err := scanWord(rest); err == nil && quoted && strings.TrimSpace(after) == "" {
		return strings.TrimSpace(word)
	}
	return rest
}

// quote writes a name so that scanWord reads it back as one word that is taken for a name.
func quote(name string) string {
	if name != "" && !strings.ContainsAny(name, " \t\"\\") && name[0] != '-' && !digits(name) {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func digits(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}

// longestName finds the name that an unquoted rest of a line begins with, "" if there is none: people
// type names with spaces without thinking of quotes.
func longestName(names []string, rest string) string {
	best := ""
	for _, n := range names {
		after, ok := strings.CutPrefix(rest, n)
		if ok && (after == "" || after[0] == ' ') && len(n) > len(best) {
			best = n
		}
	}
	return best
}

func personNamed(people []playtest.Person, word string, quoted bool, rest, after string) (playtest.Person, string, error) {
	names := make([]string, len(people))
	for i, p := range people {
		names[i] = p.Name
	}
	if best := longestName(names, rest); !quoted && best != "" {
		word, after = best, rest[len(best):]
	}
	var found []playtest.Person
	for _, same := range []func(playtest.Person) bool{
		func(p playtest.Person) bool { return p.Name == word },
		func(p playtest.Person) bool { return p.ID == word },
		func(p playtest.Person) bool { return strings.EqualFold(p.Name, word) },
	} {
		for _, p := range people {
			if same(p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	switch {
	case len(found) == 1:
		return found[0], after, nil
	case len(found) > 1:
		ids := make([]string, len(found))
		for i, p := range found {
			ids[i] = p.ID
		}
		return playtest.Person{}, "", fmt.Errorf("%d people are called %s; use one of the ids %s", len(found), word, strings.Join(ids, ", "))
	case len(people) == 0:
		return playtest.Person{}, "", errors.New("nobody else has come yet")
	}
	return playtest.Person{}, "", fmt.Errorf("nobody here is called %s; there are %s", word, some(names))
}

func requestMeant(queue []playtest.Request, word string, quoted bool, rest, after string) (playtest.Request, string, error) {
	if len(queue) == 0 {
		return playtest.Request{}, "", errNobodyWaits
	}
	people := make([]playtest.Person, len(queue))
	names := make([]string, len(queue))
	for i, r := range queue {
		people[i], names[i] = r.Person, r.Person.Name
	}
	who, left, err := personNamed(people, word, quoted, rest, after)
	if err == nil {
		return queue[slices.Index(people, who)], left, nil
	}
	if n, bad := strconv.Atoi(word); bad == nil && !quoted {
		if n >= 1 && n <= len(queue) {
			return queue[n-1], after, nil
		}
		return playtest.Request{}, "", fmt.Errorf("the queue has the places 1 to %d", len(queue))
	}
	return playtest.Request{}, "", fmt.Errorf("nobody of that name waits; these do: %s", some(names))
}

var errNobodyWaits = errors.New("nobody waits for the seat")

func sessionMeant(list []*board, word string, quoted bool, rest string) (string, error) {
	if !quoted {
		word = strings.TrimSpace(rest) // titles have spaces
	}
	var found []string
	for _, b := range list {
		if b.info.ID == word {
			return word, nil
		}
		if strings.EqualFold(b.title(), word) {
			found = append(found, b.info.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		ids := make([]string, len(list))
		for i, b := range list {
			ids[i] = b.info.ID
		}
		if len(ids) == 0 {
			return "", errors.New("there is no playtest; start begins one")
		}
		return "", fmt.Errorf("no playtest %s; there are %s", word, some(ids))
	}
	return "", fmt.Errorf("several playtests are called %s; use one of the ids %s", word, some(found))
}

// pause reads slow mode's argument.
func pause(word string) (time.Duration, error) {
	if word == "off" || word == "0" {
		return 0, nil
	}
	d, err := duration(word)
	if err != nil || d > playtest.MaxSlow*time.Second {
		return 0, fmt.Errorf("slow mode is off, or a pause up to %d s such as 10s; not %q", playtest.MaxSlow, word)
	}
	return d, nil
}

// duration reads whole seconds, or a number with a unit: 10, 10s, 2m.
func duration(word string) (time.Duration, error) {
	if digits(word) {
		word += "s"
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return 0, fmt.Errorf("%q is no length of time; write 5s or 2m", word)
	}
	return d.Truncate(time.Second), nil
}

// meant proposes the command that a mistyped one is nearest to.
func meant(verb string) string {
	best, least := "", 3
	for _, c := range commands {
		if strings.HasPrefix(c.name, verb) {
			best = c.name
			break
		}
		if d := distance(verb, c.name); d < least {
			best, least = c.name, d
		}
	}
	if best == "" {
		return "; help lists them"
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's: how many letters must change. Long words are not looked at.
func distance(a, b string) int {
	if len(a) > 20 {
		return 20
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// some lists at most eight names.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
