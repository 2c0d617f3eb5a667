package graphics

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/charmbracelet/colorprofile"
)

// scene is a small landscape with a sun, a runner at x (0 to 1), and some noise, as a JPEG has it.
func scene(w, h int, x float64, grain int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	state := uint32(w*31 + int(x*1000))
	for j := range h {
		for i := range w {
			fx, fy := float64(i)/float64(w), float64(j)/float64(h)
			c := color.RGBA{uint8(38 + 60*fy), uint8(48 + 70*fy), uint8(110 + 70*fy), 255}
			switch {
			case math.Hypot(fx-x, (fy-0.7)*0.56) < 0.05:
				c = color.RGBA{255, 130, 80, 255}
			case fy > 0.82:
				c = color.RGBA{58, 122, 86, 255}
			case fy > 0.62+0.08*math.Sin((fx+x)*9): // hills pass by
				c = color.RGBA{46, 62, 96, 255}
			case math.Hypot(fx-0.78, (fy-0.24)*0.56) < 0.06:
				c = color.RGBA{255, 214, 140, 255}
			}
			if grain > 0 {
				state = state*1664525 + 1013904223
				d := int(state>>24)%(2*grain+1) - grain
				add := func(v uint8) uint8 { return uint8(min(max(int(v)+d, 0), 255)) }
				c = color.RGBA{add(c.R), add(c.G), add(c.B), 255}
			}
			img.SetRGBA(i, j, c)
		}
	}
	return img
}

func TestTheTerminalIsKnownByWhatItSays(t *testing.T) {
	for _, row := range []struct {
		env  string
		want Protocol
	}{
		{"TERM=xterm-kitty", ProtocolKitty},
		{"TERM=xterm-ghostty", ProtocolKitty},
		{"TERM=foot", ProtocolSixel},
		{"TERM=xterm-kitty SSH_CONNECTION=1", ProtocolKitty},
		{"TERM=xterm-256color KITTY_WINDOW_ID=1", ProtocolKitty},
		{"TERM=xterm-256color TERM_PROGRAM=ghostty", ProtocolKitty},
		{"TERM=xterm-256color TERM_PROGRAM=WezTerm", ProtocolSixel},
		{"TERM=xterm-256color WEZTERM_EXECUTABLE=/usr/bin/wezterm", ProtocolSixel},
		{"TERM=xterm-256color TERM_PROGRAM=iTerm.app", ProtocolSixel},
		{"TERM=mlterm", ProtocolSixel},
		{"TERM=contour", ProtocolSixel},
		{"TERM=xterm-256color KONSOLE_VERSION=230804", ProtocolSixel},
		{"TERM=xterm-256color KONSOLE_VERSION=210804", ProtocolBlocks},
		{"TERM=xterm-256color TERM_PROGRAM=vscode KITTY_WINDOW_ID=1", ProtocolBlocks}, // started from kitty
		{"TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=/tmp/tmux-0/default,1,0", ProtocolBlocks},
		{"TERM=xterm-kitty TMUX=/tmp/tmux-0/default,1,0", ProtocolBlocks},
		{"TERM=screen.xterm-256color TERM_PROGRAM=WezTerm", ProtocolBlocks},
		{"TERM=xterm-kitty ZELLIJ=0", ProtocolBlocks},
		{"TERM=xterm-256color", ProtocolBlocks},
		{"TERM=linux", ProtocolBlocks},
		{"TERM=dumb", ProtocolOff},
		{"LANG=C", ProtocolOff},
	} {
		if got := Detect(strings.Fields(row.env)); got != row.want {
			t.Errorf("%s: %s, not %s", row.env, got, row.want)
		}
		if got := Named("sixel", strings.Fields(row.env)); got != ProtocolSixel {
			t.Errorf("asked for, sixel is %s", got)
		}
	}
}

func TestAPictureKeepsItsShape(t *testing.T) {
	for _, row := range []struct{ w, h, columns, rows, wantColumns, wantRows int }{
		{640, 360, 60, 17, 60, 17},
		{640, 360, 60, 10, 36, 10},
		{640, 360, 20, 17, 20, 6},
		{360, 640, 60, 17, 19, 17},
		{1, 10000, 60, 17, 1, 17},
		{10000, 1, 60, 17, 60, 1},
		{640, 360, 1, 1, 1, 1},
		{640, 360, 0, 5, 0, 0},
		{0, 0, 60, 17, 0, 0},
	} {
		c, r := Fit(image.Rect(0, 0, row.w, row.h), row.columns, row.rows, 0, 0)
		if c != row.wantColumns || r != row.wantRows {
			t.Errorf("%dx%d in %dx%d: %dx%d, not %dx%d", row.w, row.h, row.columns, row.rows, c, r, row.wantColumns, row.wantRows)
		}
	}
}

func TestKittySendsThePictureWhole(t *testing.T) {
	img := scene(320, 180, 0.3, 6)
	transmit, cells := Kitty(KittyIDs[0], img, 40, 30)
	if len(cells) != 11 {
		t.Fatalf("%d rows", len(cells))
	}
	commands := regexp.MustCompile(`\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\`).FindAllStringSubmatch(transmit, -1)
	if all := strings.Join(flatten(commands), ""); all != transmit {
		t.Fatal("there is more in the transmission than commands of graphics")
	}
	if commands[0][1] != fmt.Sprintf("a=d,d=I,i=%d,q=2", KittyIDs[0]) {
		t.Errorf("the older picture is not freed: %s", commands[0][1])
	}
	var payload strings.Builder
	for i, c := range commands[1:] {
		if len(c[2]) > kitty.MaxChunkSize || len(c[2])%4 != 0 && i < len(commands)-2 {
			t.Errorf("chunk %d has %d bytes", i, len(c[2]))
		}
		wantMore := "m=1"
		if i == len(commands)-2 {
			wantMore = "m=0"
		}
		if !strings.Contains(c[1], wantMore) || !strings.Contains(c[1], "q=2") {
			t.Errorf("chunk %d: %s", i, c[1])
		}
		payload.WriteString(c[2])
	}
	for _, want := range []string{"a=T", "U=1", "c=40", "r=11", "f=100", fmt.Sprintf("i=%d", KittyIDs[0])} {
		if !strings.Contains(","+commands[1][1]+",", ","+want+",") {
			t.Errorf("no %s in %s", want, commands[1][1])
		}
	}
	data, err := base64.StdEncoding.DecodeString(payload.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, img); d != 0 {
		t.Errorf("the picture differs by %.2f", d)
	}
	if n := len(transmit); n > 400_000 {
		t.Errorf("%d bytes", n)
	}
}

func flatten(matches [][]string) []string {
	var all []string
	for _, m := range matches {
		all = append(all, m[0])
	}
	return all
}

// difference is the mean difference of two images' parts.
func difference(a, b image.Image) float64 {
	if a.Bounds().Dx() != b.Bounds().Dx() || a.Bounds().Dy() != b.Bounds().Dy() {
		return math.Inf(1)
	}
	sum, n := 0.0, 0
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			r2, g2, b2, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			for _, d := range []int{int(r>>8) - int(r2>>8), int(g>>8) - int(g2>>8), int(bl>>8) - int(b2>>8)} {
				sum, n = sum+math.Abs(float64(d)), n+1
			}
		}
	}
	return sum / float64(n)
}

func TestALargePictureIsSentSmall(t *testing.T) {
	transmit, cells := Kitty(7, scene(1920, 1080, 0.5, 0), 60, 17)
	if len(cells) != 17 || !strings.Contains(cells[0], "\x1b[38;5;7m") {
		t.Fatalf("%d rows, %q", len(cells), cells[0])
	}
	payload := regexp.MustCompile(`\x1b_G[^;\x1b]*;([^\x1b]*)`).FindAllStringSubmatch(transmit, -1)
	var all strings.Builder
	for _, p := range payload {
		all.WriteString(p[1])
	}
	data, err := base64.StdEncoding.DecodeString(all.String())
	if err != nil {
		t.Fatal(err)
	}
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width != 600 || config.Height != 340 {
		t.Fatalf("%+v, %v", config, err)
	}
}

// TestPlaceholdersAreOrdinaryCells: whoever measures, cuts, frames or renders the lines leaves each
// placeholder with its combining characters and one cell wide.
func TestPlaceholdersAreOrdinaryCells(t *testing.T) {
	_, cells := Kitty(KittyIDs[1], scene(64, 36, 0.5, 0), 20, 10)
	want := string([]rune{kitty.Placeholder, kitty.Diacritic(2), kitty.Diacritic(5), kitty.Diacritic('H')})
	for _, line := range cells {
		if ansi.StringWidth(line) != 20 || ansi.StringWidthWc(line) != 20 || lipgloss.Width(line) != 20 {
			t.Fatalf("width %d, %d, %d", ansi.StringWidth(line), ansi.StringWidthWc(line), lipgloss.Width(line))
		}
	}
	if cut := ansi.Cut(cells[2], 5, 6); !strings.Contains(cut, want) || ansi.StringWidth(cut) != 1 {
		t.Errorf("cut out: %q", cut)
	}
	framed := lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).Render(strings.Join(cells, "\n"))
	for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
		fresh := func() uv.ScreenBuffer {
			screen := uv.NewScreenBuffer(30, 12)
			screen.Method = method
			uv.NewStyledString(framed).Draw(screen, screen.Bounds())
			return screen
		}
		screen := fresh()
		cell := screen.CellAt(1+5, 1+2)
		if cell.Content != want || cell.Width != 1 || cell.Style.Fg != ansi.IndexedColor(KittyIDs[1]&255) {
			t.Errorf("method %v: cell %+q of width %d, colour %v", method, cell.Content, cell.Width, cell.Style.Fg)
		}
		for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256} {
			var out bytes.Buffer
			r := uv.NewTerminalRenderer(&out, []string{"TERM=xterm-kitty"})
			r.SetColorProfile(profile)
			r.SetFullscreen(true)
			r.Resize(30, 12)
			r.Render(fresh().RenderBuffer)
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), string(kitty.Placeholder)); n != 20*len(cells) || !strings.Contains(out.String(), want) {
				t.Errorf("%s: %d placeholders reach the terminal", profile, n)
			}
			if !strings.Contains(out.String(), "\x1b[38;5;201m") {
				t.Errorf("%s: the picture's name does not reach the terminal", profile)
			}
		}
	}
}

func TestTheTerminalKeepsTwoPicturesAtMost(t *testing.T) {
	kept := map[string]bool{}
	most := 0
	for i := range 20 {
		transmit, _ := Kitty(KittyIDs[i%2], scene(32, 18, float64(i)/20, 0), 10, 5)
		for _, m := range regexp.MustCompile(`\x1b_G([^;\x1b]*)`).FindAllStringSubmatch(transmit, -1) {
			id := regexp.MustCompile(`i=(\d+)`).FindStringSubmatch(m[1])
			switch {
			case strings.Contains(m[1], "a=d"):
				delete(kept, id[1])
			case strings.Contains(m[1], "a=T"):
				if kept[id[1]] {
					t.Fatal("a picture is sent over one that is still there")
				}
				kept[id[1]] = true
			}
		}
		most = max(most, len(kept))
	}
	if most != 2 {
		t.Errorf("%d pictures at once", most)
	}
}

// decodeSixel reads the subset of sixels that the format's manual calls for: raster, colours, runs.
func decodeSixel(text string) (*image.RGBA, error) {
	body, ok := strings.CutPrefix(text, "\x1bP0;1q")
	if !ok || !strings.HasSuffix(body, "\x1b\\") {
		return nil, fmt.Errorf("no sixels: %.20q", text)
	}
	body = strings.TrimSuffix(body, "\x1b\\")
	numbers := func() (list []int) {
		for {
			n := 0
			for n < len(body) && body[n] >= '0' && body[n] <= '9' {
				n++
			}
			v, _ := strconv.Atoi(body[:n])
			list, body = append(list, v), body[n:]
			if !strings.HasPrefix(body, ";") {
				return list
			}
			body = body[1:]
		}
	}
	var img *image.RGBA
	palette := map[int]color.RGBA{}
	ink, x, y, run := color.RGBA{}, 0, 0, 1
	for body != "" {
		c := body[0]
		body = body[1:]
		switch {
		case c == '"':
			r := numbers()
			img = image.NewRGBA(image.Rect(0, 0, r[2], r[3]))
		case c == '#':
			n := numbers()
			if len(n) == 5 {
				palette[n[0]] = color.RGBA{uint8((n[2]*255 + 50) / 100), uint8((n[3]*255 + 50) / 100), uint8((n[4]*255 + 50) / 100), 255}
			}
			ink = palette[n[0]]
		case c == '!':
			run = numbers()[0]
		case c == '$':
			x = 0
		case c == '-':
			x, y = 0, y+6
		case c >= '?' && c <= '~':
			for ; run > 0; run-- {
				for bit := range 6 {
					if (c-'?')>>bit&1 == 1 {
						if !(image.Point{x, y + bit}).In(img.Rect) {
							return nil, fmt.Errorf("a pixel outside the picture: %d, %d", x, y+bit)
						}
						img.SetRGBA(x, y+bit, ink)
					}
				}
				x++
			}
			run = 1
		default:
			return nil, fmt.Errorf("%q means nothing", c)
		}
	}
	return img, nil
}

func TestSixelsAreThePicture(t *testing.T) {
	for _, size := range [][2]int{{200, 112}, {33, 7}, {1, 1}, {64, 6}} {
		img := scene(size[0], size[1], 0.3, 6)
		// Cells of one pixel leave the picture as large as it is.
		text := Sixel(img, size[0], size[1], 1, 1)
		got, err := decodeSixel(text)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		if d := difference(got, img); d > 4 {
			t.Errorf("%v: a part differs by %.2f of 255 in the mean", size, d)
		}
		for i := 3; i < len(got.Pix); i += 4 {
			if got.Pix[i] != 255 {
				t.Fatalf("%v: pixel %d is not drawn", size, i/4)
			}
		}
	}
}

func TestSixelsStayInTheirCells(t *testing.T) {
	img, err := decodeSixel(Sixel(scene(640, 360, 0.3, 0), 60, 10, 9, 18))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() > 60*9 || b.Dy() != 10*18 || b.Dx() != 320 {
		t.Errorf("%v", b)
	}
	if at := At(3, 4, "x"); at != "\x1b7\x1b[5;4Hx\x1b8" {
		t.Errorf("%q", at)
	}
}

// TestLibsixelReadsOurSixels needs sixel2png of Debian's libsixel-bin.
func TestLibsixelReadsOurSixels(t *testing.T) {
	tool, err := exec.LookPath("sixel2png")
	if err != nil {
		t.Skip("sixel2png (libsixel-bin) is not installed")
	}
	img := scene(200, 112, 0.3, 6)
	text := Sixel(img, 200, 112, 1, 1)
	file := filepath.Join(t.TempDir(), "out.png")
	cmd := exec.Command(tool, "-o", file)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, img); d > 4 {
		t.Errorf("a part differs by %.2f of 255 in the mean", d)
	}
}

func TestBlocksAreTheSameInEveryProfile(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI, colorprofile.ASCII} {
		t.Run(profile.String(), func(t *testing.T) {
			lines := Blocks(scene(160, 90, 0.3, 0), 32, 12, profile)
			for _, l := range lines {
				if ansi.StringWidth(l) != 32 {
					t.Errorf("%d cells: %q", ansi.StringWidth(l), l)
				}
				if profile == colorprofile.ASCII && strings.Contains(l, "\x1b") {
					t.Errorf("colours without colours: %q", l)
				}
			}
			golden.RequireEqual(t, []byte(strings.Join(lines, "\n")+"\n"))
		})
	}
}

func TestNothingIsDrawnOfNothing(t *testing.T) {
	img := scene(10, 10, 0.5, 0)
	if transmit, cells := Kitty(1, nil, 10, 10); transmit != "" || cells != nil {
		t.Error("kitty draws nil")
	}
	if transmit, cells := Kitty(1, img, 0, 10); transmit != "" || cells != nil {
		t.Error("kitty draws into no cells")
	}
	if Sixel(nil, 1, 1, 0, 0) != "" || Sixel(img, 0, 1, 0, 0) != "" || Sixel(image.NewRGBA(image.Rectangle{}), 1, 1, 0, 0) != "" || At(1, 1, "") != "" {
		t.Error("sixels of nothing")
	}
	if Blocks(nil, 1, 1, colorprofile.TrueColor) != nil || Blocks(img, 9, 9, colorprofile.NoTTY) != nil || Blocks(img, -1, 3, colorprofile.TrueColor) != nil {
		t.Error("blocks of nothing")
	}
}

// terminal counts the bytes that Bubble Tea's renderer writes for each picture.
type terminal struct {
	out      bytes.Buffer
	renderer *uv.TerminalRenderer
	screen   uv.ScreenBuffer
}

func newTerminal(w, h int, profile colorprofile.Profile) *terminal {
	t := &terminal{screen: uv.NewScreenBuffer(w, h)}
	t.renderer = uv.NewTerminalRenderer(&t.out, []string{"TERM=xterm-256color"})
	t.renderer.SetColorProfile(profile)
	t.renderer.SetFullscreen(true)
	t.renderer.EnterAltScreen()
	t.renderer.Resize(w, h)
	return t
}

func (t *terminal) draw(lines []string) int {
	t.out.Reset()
	t.screen.Clear()
	uv.NewStyledString(strings.Join(lines, "\n")).Draw(t.screen, t.screen.Bounds())
	t.renderer.Render(t.screen.RenderBuffer)
	_ = t.renderer.Flush()
	return t.out.Len()
}

// TestAStreamOfPicturesStaysInItsBudget draws a game in which everything moves, with the renderer that
// draws the console.
func TestAStreamOfPicturesStaysInItsBudget(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI} {
		for _, kind := range []string{"game", "noise"} {
			stream := Stream{Profile: profile, Budget: SSHBudget}
			budgeted, free := newTerminal(60, 17, profile), newTerminal(60, 17, profile)
			var first, worst, sum, unbound int
			const frames = 12
			for i := range frames {
				img := scene(320, 180, float64(i)/frames, 5)
				if kind == "noise" {
					img = scene(60, 34, float64(i)/frames, 120)
				}
				n := budgeted.draw(stream.Blocks(img, 60, 17))
				m := free.draw(Blocks(img, 60, 17, profile))
				if i == 0 {
					first = n
					continue
				}
				worst, sum, unbound = max(worst, n), sum+n, unbound+m
			}
			t.Logf("%s, %s: first %d bytes, then %d in the mean and %d at most; without a budget %d in the mean",
				profile, kind, first, sum/(frames-1), worst, unbound/(frames-1))
			if worst > SSHBudget*11/10 {
				t.Errorf("%s, %s: %d bytes with a budget of %d", profile, kind, worst, SSHBudget)
			}
		}
	}
}

func TestAPictureThatStandsStillBecomesWhole(t *testing.T) {
	stream := Stream{Profile: colorprofile.TrueColor, Budget: 4000}
	stream.Blocks(scene(60, 34, 0.1, 120), 60, 17)
	still := scene(60, 34, 0.9, 120)
	for range 20 {
		stream.Blocks(still, 60, 17)
	}
	want := sample(still, 60, 17, colorprofile.TrueColor)
	for i, c := range stream.last.cells {
		if apart(c, want.cells[i]) >= noise {
			t.Fatalf("cell %d is not drawn yet", i)
		}
	}
}

func BenchmarkBlocks(b *testing.B) {
	img := scene(320, 180, 0.3, 5)
	stream := Stream{Profile: colorprofile.ANSI256, Budget: SSHBudget}
	out := newTerminal(60, 17, colorprofile.ANSI256)
	total := 0
	for i := 0; b.Loop(); i++ {
		total += out.draw(stream.Blocks(img, 60, 17))
		img = scene(320, 180, float64(i%40)/40, 5)
	}
	b.ReportMetric(float64(total)/float64(b.N), "terminal-B/op")
}

func BenchmarkKitty(b *testing.B) {
	img := scene(320, 180, 0.3, 5)
	total := 0
	for i := 0; b.Loop(); i++ {
		transmit, cells := Kitty(KittyIDs[i%2], img, 60, 17)
		total += len(transmit) + len(strings.Join(cells, ""))
	}
	b.ReportMetric(float64(total)/float64(b.N), "terminal-B/op")
}

func BenchmarkSixel(b *testing.B) {
	img := scene(320, 180, 0.3, 5)
	total := 0
	for b.Loop() {
		total += len(Sixel(img, 60, 17, 10, 20))
	}
	b.ReportMetric(float64(total)/float64(b.N), "terminal-B/op")
}
