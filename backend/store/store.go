// Package store keeps what must survive: the log of every session, appended by comparing the
// sequence number that the writer saw, and the few private facts about a session (ARNs) that
// never travel on its channel.
//
// It knows nothing of rules: what may be appended is the gate's business. SQLite here; the same
// three operations (conditional append, read after, put of a record) are a conditional put and a
// query on DynamoDB.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the pure-Go driver, so that everything but the capture cross-compiles

	"hotseat/backend/playtest"
)

// ErrConflict says that the log grew since the writer read it: read again, decide again.
var ErrConflict = errors.New("the log has grown meanwhile")

// ErrNotFound says that there is no such session.
var ErrNotFound = errors.New("no such session")

// MaxPage bounds one page of the log, so that a reader cannot ask for everything at once.
const MaxPage = 1000

// migrations[i] brings a database from schema version i to i+1.
var migrations = []string{
	`CREATE TABLE sessions (
		id         TEXT PRIMARY KEY,
		created_at INTEGER NOT NULL,
		ended_at   INTEGER NOT NULL DEFAULT 0,
		record     TEXT NOT NULL
	) STRICT;
	CREATE TABLE events (
		session TEXT NOT NULL,
		seq     INTEGER NOT NULL,
		event   TEXT NOT NULL,
		PRIMARY KEY (session, seq)
	) STRICT, WITHOUT ROWID;`,
}

// Store is a SQLite database. It is safe for use by several goroutines and, through SQLite's own
// locks, by several processes.
type Store struct{ db *sql.DB }

// Open opens or makes the database at path and brings its schema up to date.
//
// synchronous=FULL: an acknowledged event must survive a loss of power, and a playtest appends a
// few events a second, so the fsync is affordable.
func Open(path string) (*Store, error) {
	// Not readable by others, wherever the folder is; SQLite gives its -wal the same mode.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	file.Close()
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening the log %s: %w", path, err)
	}
	db.SetMaxOpenConns(4) // one writer at a time by SQLite's lock, a few readers beside it
	if err := migrate(db); err != nil {
		db.Close()
		return nil, fmt.Errorf("opening the log %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

func migrate(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("reading its schema version: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("its schema is version %d, newer than this program's %d; use a newer hotseat", version, len(migrations))
	}
	for v := version; v < len(migrations); v++ {
		if _, err := tx.Exec(migrations[v]); err != nil {
			return fmt.Errorf("bringing its schema to version %d: %w", v+1, err)
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(migrations))); err != nil {
		return err
	}
	return tx.Commit()
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Append adds an event if the newest one in the log is the one before it, else ErrConflict. When
// it returns nil, the event is on disk.
func (s *Store) Append(ctx context.Context, e playtest.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding event %d: %w", e.Seq, err)
	}
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO events (session, seq, event)
		SELECT ?1, ?2, ?3 WHERE (SELECT coalesce(max(seq), 0) FROM events WHERE session = ?1) = ?2 - 1`,
		e.Session, e.Seq, string(line))
	if err != nil {
		return fmt.Errorf("appending event %d of %s: %w", e.Seq, e.Session, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return ErrConflict
	}
	return nil
}

// Read returns up to limit events (1 to MaxPage) with a sequence number above after, in order.
func (s *Store) Read(ctx context.Context, session string, after int64, limit int) ([]playtest.Event, error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT event FROM events WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?",
		session, after, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", session, err)
	}
	defer rows.Close()
	events := []playtest.Event{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("reading the log of %s: %w", session, err)
		}
		var e playtest.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("reading the log of %s: a line is damaged: %w", session, err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// Fold reads the log on from a state (the zero State: from the beginning) to its end.
func (s *Store) Fold(ctx context.Context, session string, state playtest.State) (playtest.State, error) {
	for {
		events, err := s.Read(ctx, session, state.Seq, MaxPage)
		if err != nil {
			return state, err
		}
		for _, e := range events {
			state.Apply(e)
		}
		if len(events) < MaxPage {
			return state, nil
		}
	}
}

// Session is what the backend alone knows of a session. The ARNs in it are never broadcast.
type Session struct {
	ID               string    `json:"id"`
	CreatedAt        time.Time `json:"createdAt"`
	EndedAt          time.Time `json:"endedAt"` // zero while it runs
	CreatedBy        string    `json:"createdBy"`
	Application      string    `json:"application"`
	Title            string    `json:"title"`
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
	record, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("encoding session %s: %w", session.ID, err)
	}
	ended := int64(0)
	if !session.EndedAt.IsZero() {
		ended = session.EndedAt.UnixMilli()
	}
	_, err = s.db.ExecContext(ctx, `
		INSERT INTO sessions (id, created_at, ended_at, record) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET ended_at = ?3, record = ?4`,
		session.ID, session.CreatedAt.UnixMilli(), ended, string(record))
	if err != nil {
		return fmt.Errorf("saving session %s: %w", session.ID, err)
	}
	return nil
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
