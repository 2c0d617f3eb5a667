// Package e2e holds the end-to-end tests: the real hotseat binary in a real terminal (tmux), a real
// game on a real display, real Chromium pages. It contains no code but tests, and knows
// of the program under test only what it prints and draws; its third watcher is that of `hotseat
// demo --check`.
package e2e
