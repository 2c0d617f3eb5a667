package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// sortBy is the lobby's order.
type sortBy int

const (
	sortNeed sortBy = iota // who needs someone, then what runs, then the newest
	sortName
	sortWaiting
	sortViewers
	sortLeft
	sortAge
)

var sortWords = [...]string{"need", "name", "people waiting", "viewers", "time left", "age"}

// sorted is the lobby's list: what the filter lets through, in its order.
func (m *Model) sorted() []*board {
	list := make([]*board, 0, len(m.boards))
	for _, b := range m.boards {
		if (b.listed || b.state.Seq > 0) && passes(m.lobbyText(b), m.lobbyFilter) {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *board) int {
		return cmp.Or(m.compare(a, b), -a.startedAt().Compare(b.startedAt()), cmp.Compare(a.info.ID, b.info.ID))
	})
	return list
}

// lobbyText is what the lobby's filter looks through.
func (m *Model) lobbyText(b *board) string {
	if m.lobbyFilter == "" {
		return ""
	}
	_, need := b.need(m.at)
	holder := ""
	if h := b.seat().Holder; h != nil {
		holder = h.Name
	}
	return strings.Join([]string{b.title(), b.info.ID, b.info.Application, shortStatus(b.status()), b.status(), holder, need}, " ")
}

func (m *Model) compare(a, b *board) int {
	over := cmp.Compare(boolInt(a.ended()), boolInt(b.ended()))
	switch m.sort {
	case sortName:
		return cmp.Compare(strings.ToLower(a.title()), strings.ToLower(b.title()))
	case sortWaiting:
		return cmp.Or(cmp.Compare(len(b.state.Queue), len(a.state.Queue)), over)
	case sortViewers:
		return cmp.Or(cmp.Compare(b.watching(m.at), a.watching(m.at)), over)
	case sortLeft:
		return cmp.Or(over, cmp.Compare(leftOr(a, m.at), leftOr(b, m.at)))
	case sortAge:
		return 0
	}
	na, _ := a.need(m.at)
	nb, _ := b.need(m.at)
	return cmp.Or(cmp.Compare(nb, na), over)
}

func leftOr(b *board, now time.Time) time.Duration {
	if left, ok := b.left(now); ok {
		return left
	}
	return 1 << 60
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// all counts the sessions that the lobby's filter looks through.
func (m *Model) all() int {
	n := 0
	for _, b := range m.boards {
		if b.listed || b.state.Seq > 0 {
			n++
		}
	}
	return n
}
