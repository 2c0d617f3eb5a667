// Package report makes of a playtest's log what a QA lead sends around when it is over: who played how
// long, what was asked for and how quickly it was answered, what was marked and what people said at that
// moment.
//
// It is a pure fold over the events of backend/playtest, and imports nothing else of Hotseat: no clock, no
// network, no terminal. The same log makes the same bytes.
//
// What people typed is in the Report as they typed it. Markdown and CSV write it so that it is read and not
// obeyed: markup is escaped, control characters and overrides of the writing direction are shown by their
// code points, and a cell never begins like a formula.
package report
