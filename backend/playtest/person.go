package playtest

// Role is what a person or a machine may do. It comes from the token, never from a message.
type Role string

// The roles, strongest first among people, then the machines.
const (
	RoleLead    Role = "qa-lead" // moderates: may approve, deny, take back, end
	RolePlayer  Role = "player"  // may start sessions and take an empty seat
	RoleViewer  Role = "viewer"  // may watch, talk, and ask for the seat
	RoleSidecar Role = "sidecar" // the broadcaster beside the game: speaks on /live only
	RoleBackend Role = "backend" // the steward: tells the log what the services did
)

// IsPerson tells people from machines.
func (r Role) IsPerson() bool {
	return r == RoleLead || r == RolePlayer || r == RoleViewer
}

// Person is somebody as the token names them.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// Rules is the actor of what the rules decide by themselves, such as giving an empty seat to the
// first player who asks.
var Rules = Person{ID: "rules", Name: "rules", Role: RoleBackend}
