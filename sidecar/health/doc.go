// Package health tells how a broadcast is doing: one Report, three ways out. Once a second it is
// a SIDECAR_HEALTH event, and with pictures a THUMBNAIL, on /live/<session>; on this machine it
// is /healthz and /metrics; and now and then it is a line of the log.
//
// It must not know the capture, the encoder or the stage: the program gives it a Reading and
// a channel of JPEG pictures.
//
// What is dropped: a heartbeat or thumbnail that cannot be published, because the next one
// is truer. Nothing waits and nothing is repeated. Failures are logged when they begin and
// when they end, not each second.
package health
