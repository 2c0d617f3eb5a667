// Package e2e holds the end-to-end tests: the real hotseat binary in a real terminal (tmux), a real
// game on a real display, real Chromium pages. It contains no code but tests, and uses nothing of
// the other packages but what they print.
package e2e
