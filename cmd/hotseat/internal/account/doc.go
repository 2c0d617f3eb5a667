// Package account is how a person of this machine is known to a backend: the sign-ins that are
// kept in the user's configuration folder, and the choice between those, a password from the
// environment or a file, and a question on the terminal.
//
// What is kept is a refresh token for each backend and never a password or an ID token. Files have
// mode 0600 in a folder of mode 0700, and are refused when somebody else can read them. The package
// must not know what people do once they are signed in.
package account
