package tui

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

func TestStrangersTextIsShownNotObeyed(t *testing.T) {
	for _, row := range []struct{ what, in, want string }{
		{"plain text stays", "nice jump", "nice jump"},
		{"letters of other scripts stay", "schön 日本 Привет", "schön 日本 Привет"},
		{"an escape sequence", "\x1b]0;owned\x07", "␛]0;owned␇"},
		{"a C1 control", "a\u009b31mb", "a�31mb"},
		{"a raw C1 byte", "a\x9bb", "a�b"},
		{"line breaks", "a\nb\r\nc\td", "a b  c d"},
		{"a bidi override", "abc\u202edef", "abc‹U+202E›def"},
		{"a zero-width space", "ad\u200bmin", "ad‹U+200B›min"},
		{"a tag character", "a\U000e0041b", "a‹U+E0041›b"},
		{"an invisible name", "\u3164", "‹U+3164›"},
		{"Persian keeps its joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"a family is its people", "👩\u200d👩\u200d👧", "👩👩👧"},
		{"a red heart", "❤\ufe0f", "❤"},
		{"a skin tone", "👍🏽", "👍"},
		{"a flag", "🇩🇪", "🇩🇪"},
		{"a mark with nothing below", "\u0301a", "◌\u0301a"},
		{"a tower of marks", "a" + strings.Repeat("\u0301", 50), "a" + strings.Repeat("\u0301", maxMarks)},
		{"private use", "\ue000", "�"},
	} {
		t.Run(row.what, func(t *testing.T) {
			if got := safe(row.in); got != row.want {
				t.Errorf("safe(%q) = %q, want %q", row.in, got, row.want)
			}
		})
	}
}

func FuzzSafeTextCannotReachTheTerminal(f *testing.F) {
	for _, seed := range []string{
		"hello", "\x1b[2J\x1b]52;c;aGk=\x07", "\u202e\u2066\u200b\ufeff", "👩‍👩‍👧❤️1️⃣🇩🇪🇩", "\xff\xfe\x9b", "한ᄒ\u1160", "e\u0301\u0301\u0301\u0301\u0301\u0301",
		"می‌خواهم", "क्‍ष", "\u0600\u06dd1", "a\u20e3", "\U000e0001\U000e0041",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := safe(in)
		if !utf8.ValidString(out) {
			t.Fatalf("safe(%q) = %q is not UTF-8", in, out)
		}
		for _, r := range out {
			if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("safe(%q) = %q holds %U", in, out, r)
			}
		}
		if ansi.Strip(out) != out {
			t.Fatalf("safe(%q) = %q holds a sequence", in, out)
		}
		if a, b := ansi.StringWidth(out), ansi.StringWidthWc(out); a != b {
			t.Fatalf("safe(%q) = %q is %d or %d cells wide", in, out, a, b)
		}
		if again := safe(out); again != out {
			t.Fatalf("safe(%q) = %q is not final: %q", in, out, again)
		}
	})
}
