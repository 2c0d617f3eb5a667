// Package config reads the settings of the sidecar: the flags and environment variables of the
// AWS sample "GameLift Streams IVS broadcast sidecar", with the same names, defaults and
// fallbacks, so that its launch scripts work unchanged, and Hotseat's own variables.
//
// It only reads and judges. It must not open a display, a socket or a file.
package config
