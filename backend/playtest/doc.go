// Package playtest is the domain: what happened in a playtest session, who holds the seat, who
// waits for it, and what may happen next.
//
// It is pure: no I/O, no clock, no goroutine, no import of another room. Time enters as an
// argument, identifiers enter as an argument, and the only way to change a State is to Apply an
// Event. Decide turns what somebody asks for into the events that make it true, or a Refusal
// that says why not. State is therefore always a fold over the log, on any machine and after any
// restart.
package playtest
