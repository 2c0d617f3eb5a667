package client

import (
	"context"
	"encoding/json"
	"net/http"

	"hotseat/backend/events"
	"hotseat/backend/playtest"
)

// Direct acts over single HTTP requests, for commands that do one thing and end. It keeps no
// connection and hears nothing.
type Direct struct {
	Actions
	me    playtest.Person
	place *Place
	api   *api
}

// NewDirect asks who the token's bearer is, and is then ready.
func NewDirect(ctx context.Context, place *Place, token events.Credentials) (*Direct, error) {
	d := &Direct{place: place, api: &api{base: place.URL, http: place.http, token: token}}
	d.Actions = Actions{by: d}
	if err := d.api.call(ctx, http.MethodGet, "/api/me", nil, &d.me); err != nil {
		return nil, err
	}
	return d, nil
}

// Me is whose token it is.
func (d *Direct) Me() playtest.Person { return d.me }

func (d *Direct) caller() (*api, error) { return d.api, nil }
func (d *Direct) changed()              {}

func (d *Direct) publish(ctx context.Context, session string, event json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	token, _, err := d.api.token(ctx)
	if err != nil {
		return err
	}
	return sentence(events.PublishHTTP(ctx, d.place.http, d.place.conf.Events.HTTPURL, token, "/playtest/"+session, event))
}
