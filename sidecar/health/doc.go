// Package health tells a playtest session how its broadcast is doing: once a second a
// SIDECAR_HEALTH event and, when there are pictures, a THUMBNAIL, on /live/<session>.
//
// It must not know the capture, the encoder or the stage: the program gives it a Reading and
// a channel of JPEG pictures.
//
// What is dropped: a heartbeat or thumbnail that cannot be published, because the next one
// is truer. Nothing waits and nothing is repeated. Failures are logged when they begin and
// when they end, not each second.
package health
