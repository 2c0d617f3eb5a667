package e2e

import (
	"testing"
	"time"
)

func TestAPlaytestIsRunByKeysInTheConsole(t *testing.T) {
	s := startServed(t)
	sh := newShell(t)
	sh.signIn(s.address, "lead@ivs.rocks", s.passwords["lead@ivs.rocks"])
	term := openTerminal(t, 140, 44)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the console shows\n%s", term.screen())
		}
	})
	term.line(sh.env[len(sh.env)-1] + " " + hotseat(t) + " console")
	term.see("Hotseat Runner", 20*time.Second)
	term.keys("Enter")
	term.see("the seat is free", 20*time.Second)
	moderate(t, s, "lead", hand{
		approve: func(person string) {
			term.see(person+" waits", 20*time.Second)
			term.keys("a")
		},
		deny: func(person, reason string) {
			term.see(person+" waits", 20*time.Second)
			term.keys("D")
			term.see("reason for "+person, 20*time.Second)
			term.line(reason)
		},
		give: func(person string) {
			term.see("viewer took the seat", 20*time.Second) // until then it is on its way
			term.keys("g")
			term.see("give the seat to", 20*time.Second)
			term.line(person)
		},
		reclaim: func() {
			term.see("player took the seat", 20*time.Second)
			term.keys("r")
			term.see("n no", 20*time.Second)
			term.keys("y")
		},
		mute: func(person string) {
			term.keys(":")
			term.line("mute " + person)
		},
		mark: func(word string) {
			term.keys("m")
			term.see("mark 5 s ago", 20*time.Second)
			term.line(word)
		},
		end: func() {
			term.keys("x")
			term.see("n no", 20*time.Second)
			term.keys("y")
		},
	})
	term.see("ended", 20*time.Second)
	term.picture("console-lead")
	term.keys("C-c")
	term.see("e2e>", 20*time.Second)
}
