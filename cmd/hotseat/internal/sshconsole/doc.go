// Package sshconsole serves the console over SSH: `ssh qa@host` is the console, `ssh -T qa@host` the
// same as lines. Who somebody is, and their role, is decided by their key and a file of people.
//
// Each connection is an ordinary client of the backend with a token for its person; this package must
// not know the rules of a playtest, nor how the console looks. Nothing else is served: no shell, no
// commands, no files, no forwarding of ports, agents or X11.
package sshconsole
