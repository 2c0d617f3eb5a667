// Package config reads the settings of the sidecar: the flags and environment variables of the
// AWS sample "GameLift Streams IVS broadcast sidecar", with the same names, defaults and
// fallbacks, so that its launch scripts work unchanged, and Hotseat's own.
//
// Precedence: command line, environment, file of settings (TOML, the variables in lower case).
// A secret may be in a file of its own, named by its variable and _FILE; then it can be renewed.
//
// It only reads and judges. It must not open a display or a socket, and reads files only by the
// function that it is given.
package config
