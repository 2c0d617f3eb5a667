package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Session is what the backend alone knows of a session. The ARNs in it are never broadcast.
type Session struct {
	ID               string    `json:"id"`
	CreatedAt        time.Time `json:"createdAt"`
	EndedAt          time.Time `json:"endedAt"` // zero while it runs
	CreatedBy        string    `json:"createdBy"`
	Application      string    `json:"application"`
	Title            string    `json:"title"`
	Location         string    `json:"location,omitempty"` // where the stream session runs, as GameLift Streams says
	Width            int       `json:"width"`
	Height           int       `json:"height"`
	Framerate        int       `json:"framerate"`
	EndsAt           time.Time `json:"endsAt"`
	ClientToken      string    `json:"clientToken"` // of StartStreamSession: asking again finds the same session
	StreamSessionARN string    `json:"streamSessionArn"`
	StageARN         string    `json:"stageArn"`
	BroadcasterID    string    `json:"broadcasterId"` // participant id of the sidecar
	SubscribeURL     string    `json:"subscribeUrl"`  // base address of the stage: <it>/subscribe/<participant>
}

// SaveSession puts a session's record, new or changed.
func (s *Store) SaveSession(ctx context.Context, session Session) error {
	return saveSession(ctx, s.db, session)
}

// execer is a database or a transaction on it.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func saveSession(ctx context.Context, to execer, session Session) error {
	record, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("encoding session %s: %w", session.ID, err)
	}
	ended := int64(0)
	if !session.EndedAt.IsZero() {
		ended = session.EndedAt.UnixMilli()
	}
	_, err = to.ExecContext(ctx, `
		INSERT INTO sessions (id, created_at, ended_at, record) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET ended_at = ?3, record = ?4`,
		session.ID, session.CreatedAt.UnixMilli(), ended, string(record))
	if err != nil {
		return fmt.Errorf("saving session %s: %w", session.ID, err)
	}
	return nil
}

// UpdateSession changes a session's record where it is, so that what others change meanwhile stays. It
// returns the record as it is now, or ErrNotFound.
func (s *Store) UpdateSession(ctx context.Context, id string, change func(*Session)) (Session, error) {
	tx, err := s.db.BeginTx(ctx, nil) // immediate (_txlock in Open): no other writer comes between
	if err != nil {
		return Session{}, fmt.Errorf("changing session %s: %w", id, err)
	}
	defer tx.Rollback()
	var record string
	err = tx.QueryRowContext(ctx, "SELECT record FROM sessions WHERE id = ?", id).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrNotFound
	}
	if err != nil {
		return Session{}, fmt.Errorf("changing session %s: %w", id, err)
	}
	session, err := decodeSession(record)
	if err != nil {
		return Session{}, err
	}
	change(&session)
	if err := saveSession(ctx, tx, session); err != nil {
		return Session{}, err
	}
	if err := tx.Commit(); err != nil {
		return Session{}, fmt.Errorf("changing session %s: %w", id, err)
	}
	return session, nil
}

// Session returns a session's record or ErrNotFound.
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	var record string
	err := s.db.QueryRowContext(ctx, "SELECT record FROM sessions WHERE id = ?", id).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrNotFound
	}
	if err != nil {
		return Session{}, fmt.Errorf("reading session %s: %w", id, err)
	}
	return decodeSession(record)
}

// Sessions returns the newest sessions first, at most limit; running true leaves out ended ones.
func (s *Store) Sessions(ctx context.Context, running bool, limit int) ([]Session, error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT record FROM sessions WHERE ended_at = 0 OR NOT ? ORDER BY created_at DESC, id LIMIT ?", running, limit)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	defer rows.Close()
	var out []Session
	for rows.Next() {
		var record string
		if err := rows.Scan(&record); err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		session, err := decodeSession(record)
		if err != nil {
			return nil, err
		}
		out = append(out, session)
	}
	return out, rows.Err()
}

func decodeSession(record string) (Session, error) {
	var session Session
	if err := json.Unmarshal([]byte(record), &session); err != nil {
		return session, fmt.Errorf("a session's record is damaged: %w", err)
	}
	return session, nil
}

// Logs returns the id of every session that has a record or a line in the log, in order. Unlike
// Sessions it shows a log whose record was removed.
func (s *Store) Logs(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id FROM sessions UNION SELECT session FROM events ORDER BY 1")
	if err != nil {
		return nil, fmt.Errorf("listing the logs: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("listing the logs: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
