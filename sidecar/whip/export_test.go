package whip

import "net/http"

// Trust makes a publisher believe a test server's certificate.
func Trust(p *Publisher, client *http.Client) { p.http.Transport = client.Transport }
