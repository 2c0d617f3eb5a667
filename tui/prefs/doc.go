// Package prefs holds what a person has set for the console: theme, bell, picture, keys and what the
// form for a new playtest begins with.
//
// There are two files in the user's configuration folder. console.toml is the person's own: it is read
// and never written, except by Write to where the person says. Beside it, console.state.toml remembers the
// form's last choice; it is the console's and is replaced as a whole. What the person's file says about the
// form wins over what was chosen last.
//
// A mistake in the person's file is a Problem with its line and column, and everything else in the file
// counts: a console that does not start over a typing error is of no use to somebody with a playtest
// running. The package must not know the console's screens: which actions there are is told by the caller.
package prefs
