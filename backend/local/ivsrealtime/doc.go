// Package ivsrealtime is the control API of Amazon IVS Real-Time on one machine: stages, participant tokens,
// and who is on a stage. It speaks the service's own wire (REST-JSON, POST /<Operation>, lower camel case,
// ISO 8601 times), so official AWS clients work against it.
//
// It knows media only by what it is told: it is the observer of a stage server (backend/local/stage), whose
// events become participants and stage sessions here, and it asks that server, by the small interface
// Disconnecter, to put people out. Everything is kept in memory, bounded, and gone with the process.
//
// Left out: recording, compositions, ingest configurations, public keys of others, tags of existing
// resources, and the throttling of 5 (tokens: 50) requests a second.
//
// Locks: Service.mu is the only one, and never held while calling a Disconnecter, because the stage
// server calls Observe with its own lock held.
package ivsrealtime
