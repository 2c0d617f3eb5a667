package gameliftstreams

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
)

const (
	defaultPage = 25 // MaxResults of all lists
	largestPage = 100
)

// page is one answer of a list operation.
type page[T any] struct {
	Items     []T
	NextToken string `json:",omitempty"`
}

// paging is what a list operation was asked for. Tokens are opaque to clients; in
// them is how far the list was read.
type paging struct {
	size  int
	after uint64
}

func readPaging(r *http.Request) (paging, error) {
	asked := paging{size: defaultPage}
	query := r.URL.Query()
	if text := query.Get("MaxResults"); text != "" {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 || size > largestPage {
			return asked, invalid("MaxResults: 1 to 100")
		}
		asked.size = size
	}
	if token := query.Get("NextToken"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			asked.after, err = strconv.ParseUint(string(text), 10, 64)
		}
		if err != nil {
			return asked, invalid("NextToken: not one of ours")
		}
	}
	return asked, nil
}

func nextToken(after uint64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendUint(nil, after, 10))
}

var statuses = []Status{Activating, Active, Connected, PendingClientReconnection, Reconnecting, Terminating, Terminated, Failed}

// listSessions is ListStreamSessions and ListStreamSessionsByAccount, newest first.
// A page begins below the number of the last session shown, so that sessions
// started meanwhile neither repeat nor hide any.
func (s *Service) listSessions(w http.ResponseWriter, r *http.Request) error {
	asked, err := readPaging(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	status := Status(query.Get("Status"))
	if status != "" && !slices.Contains(statuses, status) {
		return invalid("Status: not a status of stream sessions")
	}
	answer := page[sessionSummary]{Items: []sessionSummary{}}
	if query.Get("ExportFilesStatus") != "" {
		writeJSON(w, http.StatusOK, answer) // no session exports files here
		return nil
	}
	s.table.Lock()
	sessions := slices.Clone(s.order)
	s.table.Unlock()
	var last uint64
	for _, session := range slices.Backward(sessions) {
		if asked.after != 0 && session.number >= asked.after {
			continue
		}
		item := s.summarize(session)
		if status != "" && item.Status != status {
			continue
		}
		if len(answer.Items) == asked.size {
			answer.NextToken = nextToken(last)
			break
		}
		answer.Items = append(answer.Items, item)
		last = session.number
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Service) listApplications(w http.ResponseWriter, r *http.Request) error {
	asked, err := readPaging(r)
	if err != nil {
		return err
	}
	answer := page[applicationSummary]{Items: []applicationSummary{}}
	for n := range s.config.Applications {
		if uint64(n) < asked.after {
			continue
		}
		if len(answer.Items) == asked.size {
			answer.NextToken = nextToken(uint64(n))
			break
		}
		answer.Items = append(answer.Items, s.summarizeApplication(&s.config.Applications[n]))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Service) listGroups(w http.ResponseWriter, r *http.Request) error {
	if _, err := readPaging(r); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, page[streamGroupSummary]{Items: []streamGroupSummary{s.summarizeGroup()}})
	return nil
}
