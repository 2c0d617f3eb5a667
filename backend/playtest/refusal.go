package playtest

import "fmt"

// Code says in one word why something was refused; it travels as errorType.
type Code string

// The codes of docs/protocol.md.
const (
	CodeUnauthorized    Code = "Unauthorized"
	CodeBadRequest      Code = "BadRequest"
	CodeNotAllowed      Code = "NotAllowed"
	CodeRequestPending  Code = "RequestPending"
	CodeNoSuchRequest   Code = "NoSuchRequest"
	CodeAlreadyDecided  Code = "AlreadyDecided"
	CodeHandoverRunning Code = "HandoverRunning"
	CodeAlreadyHolder   Code = "AlreadyHolder"
	CodeSessionEnded    Code = "SessionEnded"
	CodeQueueFull       Code = "QueueFull"
	CodeTooFast         Code = "TooFast"
	CodeTooLarge        Code = "TooLarge"
	CodeLocked          Code = "RequestsLocked"
	CodeCoolingDown     Code = "CoolingDown"
	CodeMuted           Code = "Muted"
	CodeRemoved         Code = "Removed"
	CodeBanned          Code = "Banned"
	CodeNoSuchPerson    Code = "NoSuchPerson"
)

// Known reports whether it is a code of the rules, and not of a service in between.
func (c Code) Known() bool {
	switch c {
	case CodeUnauthorized, CodeBadRequest, CodeNotAllowed, CodeRequestPending, CodeNoSuchRequest, CodeAlreadyDecided,
		CodeHandoverRunning, CodeAlreadyHolder, CodeSessionEnded, CodeQueueFull, CodeTooFast, CodeTooLarge,
		CodeLocked, CodeCoolingDown, CodeMuted, CodeRemoved, CodeBanned, CodeNoSuchPerson:
		return true
	}
	return false
}

// Refusal is why an action did not become an event: a code for programs and a sentence for the
// person who asked.
type Refusal struct {
	Code    Code
	Message string
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}
