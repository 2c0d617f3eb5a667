package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"hotseat/backend/playtest"
)

// MaxPage bounds one page of the log, so that a reader cannot ask for everything at once.
const MaxPage = 1000

// Line is one event of a log as it is stored.
type Line struct {
	Seq  int64
	JSON []byte // the event, byte for byte what Hash was computed of
	Hash []byte // as stored; Verify says whether it is right
}

// Append adds an event if the newest one in the log is the one before it, else ErrConflict. When
// it returns nil, the event is on disk; after any other error but ErrConflict it may be, as when
// the context ended during the commit.
func (s *Store) Append(ctx context.Context, e playtest.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding event %d: %w", e.Seq, err)
	}
	if err := s.append(ctx, e.Session, e.Seq, line); err != nil {
		return fmt.Errorf("appending event %d of %s: %w", e.Seq, e.Session, err)
	}
	return nil
}

// append compares, chains and inserts in one transaction. It is immediate (_txlock in Open): no
// other writer comes between the comparison and the insertion.
func (s *Store) append(ctx context.Context, session string, seq int64, line []byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	newest, hash, err := head(ctx, tx, session)
	if err != nil {
		return err
	}
	if newest != seq-1 {
		return ErrConflict
	}
	if err := insertLine(ctx, tx, session, seq, line, hash.Next(line)); err != nil {
		return err
	}
	return tx.Commit()
}

func insertLine(ctx context.Context, tx *sql.Tx, session string, seq int64, line []byte, hash Hash) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO events (session, seq, event, hash) VALUES (?, ?, ?, ?)",
		session, seq, string(line), hash[:])
	return err
}

// Head returns the newest line's sequence number and hash: zeros when there is no line. Kept
// elsewhere, the two are what a later Verify is to be compared with.
func (s *Store) Head(ctx context.Context, session string) (int64, Hash, error) {
	seq, hash, err := head(ctx, s.db, session)
	if err != nil {
		return 0, Hash{}, fmt.Errorf("reading the head of %s: %w", session, err)
	}
	return seq, hash, nil
}

// queryer is a database or a transaction on it.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func head(ctx context.Context, from queryer, session string) (int64, Hash, error) {
	var seq int64
	var stored []byte
	err := from.QueryRowContext(ctx,
		"SELECT seq, hash FROM events WHERE session = ? ORDER BY seq DESC LIMIT 1", session).Scan(&seq, &stored)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, Hash{}, nil
	}
	if err != nil {
		return 0, Hash{}, err
	}
	var hash Hash
	if copy(hash[:], stored) != len(hash) {
		return 0, Hash{}, fmt.Errorf("the hash of line %d is damaged", seq)
	}
	return seq, hash, nil
}

// Read returns up to limit events (1 to MaxPage) with a sequence number above after, in order.
func (s *Store) Read(ctx context.Context, session string, after int64, limit int) ([]playtest.Event, error) {
	lines, err := s.Lines(ctx, session, after, limit)
	if err != nil {
		return nil, err
	}
	events := make([]playtest.Event, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line.JSON, &events[i]); err != nil {
			return nil, fmt.Errorf("reading the log of %s: line %d is damaged: %w", session, line.Seq, err)
		}
	}
	return events, nil
}

// Lines is Read without decoding: the lines as they are stored, damaged ones too.
func (s *Store) Lines(ctx context.Context, session string, after int64, limit int) ([]Line, error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT seq, event, hash FROM events WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?",
		session, after, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", session, err)
	}
	defer rows.Close()
	var lines []Line
	for rows.Next() {
		var line Line
		if err := rows.Scan(&line.Seq, &line.JSON, &line.Hash); err != nil {
			return nil, fmt.Errorf("reading the log of %s: %w", session, err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the log of %s: %w", session, err)
	}
	return lines, nil
}

// beforeAll is below every sequence number that a table can hold, forged ones too.
const beforeAll = math.MinInt64

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
