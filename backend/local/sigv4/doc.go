// Package sigv4 checks AWS Signature Version 4 on requests to the local
// services, so that the official SDK clients talk to them unchanged and a
// wrong secret fails locally the way it fails in the cloud.
//
// A request is checked by signing it a second time with the official signer
// and comparing the two signatures: the canonical form then agrees with the
// clients by construction, including the double escaping of ARNs in paths.
//
// The package knows nothing of the services behind it, of their error bodies
// or of people. It knows one key pair, one service name and one region.
//
// Not covered, because none of the local services needs it: signatures in the
// query string (presigned addresses), chunked and unsigned payloads, session
// tokens of temporary credentials. A signature can be replayed for as long as
// its date is accepted ([MaxSkew]), as in the cloud.
//
// Sources: AWS IAM User Guide, "Create a signed AWS API request" and
// "Troubleshoot Signature Version 4".
package sigv4
