package graphics

import (
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
)

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
