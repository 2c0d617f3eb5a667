// Package sshconsole serves the console over SSH: `ssh qa@host` is the console, `ssh -T qa@host` the
// same as lines. Who somebody is, and their role, is decided by their key and a file of people.
//
// Each connection is an ordinary client of the backend with a token for its person; this package must
// not know the rules of a playtest, nor how the console looks. Nothing else is served: no shell, no
// commands, no files, no forwarding of ports, agents or X11.
//
// A key is no licence to take the server's memory or everybody's places: connections, the sessions of
// one, what they may ask for and how long they may do nothing are bounded before anything is kept for
// them. A console ends with its session, also where the connection goes on.
package sshconsole
