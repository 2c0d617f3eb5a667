package gameliftstreams

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Handler returns the control API. Identifiers in paths may be IDs, or ARNs as one
// percent-encoded segment; so the path is split before it is decoded.
func (s *Service) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var segments []string
		for segment := range strings.SplitSeq(strings.Trim(r.URL.EscapedPath(), "/"), "/") {
			decoded, err := url.PathUnescape(segment)
			if err != nil {
				writeFailure(w, invalid("the path is not valid percent-encoding"))
				return
			}
			segments = append(segments, decoded)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := s.route(w, r, segments); err != nil {
			s.config.Log.Debug("refused", "method", r.Method, "path", r.URL.Path, "error", err)
			writeFailure(w, err)
		}
	})
}

// route finds the operation (API Reference, "Actions").
func (s *Service) route(w http.ResponseWriter, r *http.Request, path []string) error {
	shape := r.Method + " " + path[0]
	switch len(path) {
	case 1:
		switch shape {
		case "GET applications":
			return s.listApplications(w, r)
		case "GET streamgroups":
			return s.listGroups(w, r)
		case "GET streamsessions":
			return s.listSessions(w, r)
		}
	case 2:
		switch shape {
		case "GET applications":
			return s.getApplication(w, path[1])
		case "GET streamgroups":
			if err := s.checkGroup(path[1]); err != nil {
				return err
			}
			writeJSON(w, http.StatusOK, s.describeGroup())
			return nil
		}
	default:
		if path[0] == "streamgroups" && path[2] == "streamsessions" {
			return s.routeSessions(w, r, path)
		}
	}
	return unsupported(r)
}

func (s *Service) routeSessions(w http.ResponseWriter, r *http.Request, path []string) error {
	if err := s.checkGroup(path[1]); err != nil {
		return err
	}
	if len(path) == 3 {
		switch r.Method {
		case http.MethodPost:
			return s.startSession(w, r)
		case http.MethodGet:
			return s.listSessions(w, r)
		}
		return unsupported(r)
	}
	if err := checkIdentifier("StreamSessionIdentifier", path[3]); err != nil {
		return err
	}
	session := s.find(path[3])
	if session == nil || path[3] != session.id && path[3] != session.arn {
		return notFound("there is no stream session " + path[3])
	}
	switch {
	case len(path) == 4 && r.Method == http.MethodGet:
		writeJSON(w, http.StatusOK, s.describe(session))
		return nil
	case len(path) == 4 && r.Method == http.MethodDelete:
		if err := session.terminate(); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case len(path) == 5 && path[4] == "connections" && r.Method == http.MethodPost:
		return s.createConnection(w, r, session)
	}
	return unsupported(r)
}

// unsupported answers what GameLift Streams has and we have not: applications here
// are folders, and the one stream group is as large as the machine.
func unsupported(r *http.Request) error {
	return accessDenied("the local service has no " + r.Method + " " + r.URL.Path)
}

func (s *Service) checkGroup(identifier string) error {
	if err := checkIdentifier("Identifier", identifier); err != nil {
		return err
	}
	if identifier != StreamGroupID && identifier != s.groupARN() {
		return notFound("there is no stream group " + identifier)
	}
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, invalid("the body is too large")
		}
		return nil, invalid("the body could not be read")
	}
	return body, nil
}

func (s *Service) startSession(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	request, err := s.parseStart(body)
	if err != nil {
		return err
	}
	session, err := s.admit(request)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, s.describe(session))
	return nil
}

func (s *Service) createConnection(w http.ResponseWriter, r *http.Request, session *session) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var request struct{ ClientToken, SignalRequest string }
	if err := json.Unmarshal(body, &request); err != nil {
		return invalid("the body is not the JSON of CreateStreamSessionConnection: " + err.Error())
	}
	if err := errors.Join(checkClientToken(request.ClientToken), checkSignalRequest(request.SignalRequest)); err != nil {
		return err
	}
	if request.SignalRequest == noClient {
		return invalid("SignalRequest: a connection needs an offer")
	}
	response, err := session.connect(r.Context(), request.ClientToken, request.SignalRequest)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]string{"SignalResponse": response})
	return nil
}

func (s *Service) getApplication(w http.ResponseWriter, identifier string) error {
	if err := checkIdentifier("Identifier", identifier); err != nil {
		return err
	}
	application := s.findApplication(identifier)
	if application == nil {
		return notFound("there is no application " + identifier)
	}
	writeJSON(w, http.StatusOK, s.describeApplication(application))
	return nil
}
