// Package tui is the console: a QA lead's view of all playtests and of one, in a terminal, and
// the same as plain lines where there is none.
//
// It is a client of a backend over the network like any other (tui/client); it must not know
// how the backend does its work, and never imports backend/api or backend/local.
//
// One Bubble Tea model (Model) owns everything that is on the screen. Update does no I/O: what
// is heard arrives as client.Update messages, what is asked for leaves as commands, and time is
// data: the model reads its clock once per message and draws nothing but that moment, so that a
// screen can be reproduced. Panes are functions from the state to lines of exactly the asked-for
// width and height; layout.go cuts the screen into rectangles for them. Colours are tokens
// (theme.go), and no meaning rests on colour alone.
//
// What can be done stands in two tables: actions (action.go), each with a name, its keys and what it does,
// from which come keys, help, palette and the names that preferences bind; and commands (command.go), one
// grammar for the line after ":" and for the lines of Plain. Both end in an order (order.go), which is
// either refused with a reason before it is sent, or sent and answered with a toast.
//
// Text from people passes safe (safe.go) once, when it enters the model; nothing else that comes
// from outside may reach the terminal.
package tui
