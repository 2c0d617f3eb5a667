package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// migrations[i] brings a database from schema version i to i+1. All that a database lacks run in
// one transaction: it is of the old version or of the new one, whenever the process dies.
var migrations = []func(context.Context, *sql.Tx) error{
	createTables,
	chainLines,
}

// createTables makes version 1: records of sessions, lines of logs.
func createTables(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
		CREATE TABLE sessions (
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
		) STRICT, WITHOUT ROWID;`)
	return err
}

// chainLines makes version 2: every line has its hash. The table is made anew, since a column
// that is added to an old one cannot be NOT NULL without a default, and a line without a hash is
// what no program, an older hotseat included, may append from here on.
//
// The chain of lines that were there before says what they were at the migration, not earlier.
func chainLines(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
		ALTER TABLE events RENAME TO unchained;
		CREATE TABLE events (
			session TEXT NOT NULL,
			seq     INTEGER NOT NULL,
			event   TEXT NOT NULL,
			hash    BLOB NOT NULL CHECK (length(hash) = 32),
			PRIMARY KEY (session, seq)
		) STRICT, WITHOUT ROWID;`)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, "SELECT session, seq, event FROM unchained ORDER BY session, seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	var of string // the session that head belongs to
	var head Hash
	for rows.Next() {
		var session string
		var seq int64
		var line []byte
		if err := rows.Scan(&session, &seq, &line); err != nil {
			return err
		}
		if session != of {
			of, head = session, Hash{}
		}
		head = head.Next(line)
		if err := insertLine(ctx, tx, session, seq, line, head); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	_, err = tx.ExecContext(ctx, "DROP TABLE unchained")
	return err
}

// migrate brings the schema up to date. Of several processes that open an old database at once,
// one migrates and the others wait for its lock and find nothing to do.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	for v := version; v < len(migrations); v++ {
		if err := migrations[v](ctx, tx); err != nil {
			return fmt.Errorf("bringing its schema to version %d: %w", v+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations))); err != nil {
		return err
	}
	return tx.Commit()
}

// requireCurrent is for who may not migrate: the schema must be this program's already.
func requireCurrent(ctx context.Context, db *sql.DB) error {
	version, err := schemaVersion(ctx, db)
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("it is a SQLite database, but not a log of hotseat")
	case version < len(migrations):
		return fmt.Errorf("its schema is version %d, this program's is %d; start hotseat demo on this folder once to bring it up to date", version, len(migrations))
	}
	return nil
}

// schemaVersion reads the version and refuses one that this program does not know.
func schemaVersion(ctx context.Context, from queryer) (int, error) {
	var version int
	if err := from.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("reading its schema version: %w", err)
	}
	if version > len(migrations) {
		return 0, fmt.Errorf("its schema is version %d, newer than this program's %d; use a newer hotseat", version, len(migrations))
	}
	return version, nil
}
