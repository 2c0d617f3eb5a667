package tui

// pane is one part of a session's screen; its number is the key that goes to it.
type pane int

const (
	paneSeat pane = iota + 1
	paneQueue
	paneChat
	paneSidecar
	panePeople
	panePicture
	paneTimeline
	lastPane = paneTimeline
)

func (p pane) String() string {
	return [...]string{"", "seat", "queue", "chat", "sidecar", "people", "picture", "timeline"}[p]
}

// rect is a part of the screen in cells.
type rect struct{ x, y, w, h int }

func (r rect) holds(x, y int) bool { return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h }

// slot is a rectangle and what is in it. With tabs it shows one of several panes; without a pane
// it is the seat in one line.
type slot struct {
	rect
	pane pane
	tabs []pane
}

// The smallest terminal that anything is drawn for.
const minWidth, minHeight = 40, 12

// layout cuts the body of a session's screen (everything between the header and the two lines at
// the bottom) into slots that tile it.
func layout(width, height int, picture bool, v sessionView) []slot {
	body := rect{0, 1, width, height - 3}
	if v.zoomed {
		return []slot{{rect: body, pane: v.focus}}
	}
	switch {
	case width >= 160 && body.h >= 32:
		return threeColumns(body, picture)
	case width >= 110 && body.h >= 28:
		return twoColumns(body, picture)
	case width >= 72 && body.h >= 15:
		return narrowColumns(body, v)
	}
	tabs := []pane{paneQueue, paneSeat, paneChat, paneSidecar, panePeople, panePicture, paneTimeline}
	shown := v.focus
	return []slot{
		{rect: rect{0, body.y, width, 1}},
		{rect: rect{0, body.y + 1, width, body.h - 1}, pane: shown, tabs: tabs},
	}
}

// pictureHeight is the height of a frame that holds a 16:9 picture of the width, two pixels a cell.
func pictureHeight(width int) int { return (width-2)*9/32 + 2 }

func threeColumns(b rect, picture bool) []slot {
	left, right := 46, 50
	if b.w >= 190 {
		left, right = 50, 56
	}
	middle := b.w - left - right
	slots := column(rect{b.x, b.y, left, b.h}, []pane{paneSeat, paneQueue, panePeople}, 8, 13)
	if picture {
		h := min(pictureHeight(middle), b.h*11/20)
		slots = append(slots, column(rect{b.x + left, b.y, middle, b.h}, []pane{panePicture, paneChat}, h)...)
	} else {
		slots = append(slots, slot{rect: rect{b.x + left, b.y, middle, b.h}, pane: paneChat})
	}
	return append(slots, column(rect{b.x + left + middle, b.y, right, b.h}, []pane{paneSidecar, paneTimeline}, 13)...)
}

func twoColumns(b rect, picture bool) []slot {
	left := 42
	right := b.w - left
	slots := column(rect{b.x, b.y, left, b.h}, []pane{paneSeat, paneQueue, panePeople, paneTimeline}, 8, 9, (b.h-17)/2)
	if !picture {
		return append(slots, column(rect{b.x + left, b.y, right, b.h}, []pane{paneSidecar, paneChat}, 11)...)
	}
	top := b.h * 2 / 5
	film := min((top-2)*32/9+2, right-28)
	x := b.x + left
	return append(slots,
		slot{rect: rect{x, b.y, film, top}, pane: panePicture},
		slot{rect: rect{x + film, b.y, right - film, top}, pane: paneSidecar},
		slot{rect: rect{x, b.y + top, right, b.h - top}, pane: paneChat})
}

func narrowColumns(b rect, v sessionView) []slot {
	right := min(max(b.w*3/7, 34), 44)
	x := b.x + b.w - right
	shown := v.tab
	slots := []slot{{rect: rect{b.x, b.y, b.w - right, b.h}, pane: paneChat}}
	slots = append(slots, column(rect{x, b.y, right, b.h}, []pane{paneSeat, paneQueue, shown}, 7, max(6, (b.h-7)*2/5))...)
	slots[len(slots)-1].tabs = []pane{paneSidecar, panePeople, panePicture, paneTimeline}
	return slots
}

// column stacks panes; the last takes what the heights leave.
func column(r rect, panes []pane, heights ...int) []slot {
	slots := make([]slot, len(panes))
	for i, p := range panes {
		h := r.h
		if i < len(heights) {
			h = min(heights[i], r.h)
		}
		slots[i] = slot{rect: rect{r.x, r.y, r.w, h}, pane: p}
		r.y, r.h = r.y+h, r.h-h
	}
	return slots
}

// focusOn goes to a pane; one that is behind a tab comes to the front.
func (m *Model) focusOn(p pane) {
	m.view.focus = p
	switch p {
	case paneSidecar, panePeople, panePicture, paneTimeline:
		m.view.tab = p
	}
}

// step goes to the pane before or after in the order of the numbers, leaving out the picture when
// it is off.
func (m *Model) step(by int) {
	p := m.view.focus
	for {
		p = (p-1+pane(by)+lastPane)%lastPane + 1
		if p != panePicture || m.picture {
			break
		}
	}
	m.focusOn(p)
}

// tabAt is the tab at a column of a slot's upper edge.
func (m *Model) tabAt(s slot, x int) (pane, bool) {
	at := 3 // corner, edge, space
	for i, title := range m.tabTitles(s) {
		w := width(title)
		if x >= at && x < at+w {
			return s.tabs[i], true
		}
		at += w + 2
	}
	return 0, false
}
