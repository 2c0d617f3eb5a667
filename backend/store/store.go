// Package store keeps what must survive: the log of every session, appended by comparing the
// sequence number that the writer saw, and the few private facts about a session (ARNs) that
// never travel on its channel.
//
// It knows nothing of rules: what may be appended is the gate's business. SQLite here; the same
// three operations (conditional append, read after, put of a record) are a conditional put and a
// query on DynamoDB.
//
// Every line of a log is chained to the one before it by a hash (see Hash), so that whoever kept
// the hash of the newest line can tell later that nothing before it was touched. Store.Verify
// walks the chain; `hotseat log verify` does it from a terminal.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the pure-Go driver, so that everything but the capture cross-compiles
)

// ErrConflict says that the log grew since the writer read it: read again, decide again.
var ErrConflict = errors.New("the log has grown meanwhile")

// ErrNotFound says that there is no such session.
var ErrNotFound = errors.New("no such session")

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
	return connect(path, "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)", migrate)
}

// OpenReadOnly opens the database at path to look at it, beside a backend that is writing or
// after all have gone. It never makes a database and never changes one: a missing one is
// fs.ErrNotExist, and one of another schema version is an error that says what to do.
//
// SQLite may leave an empty -wal and a -shm file beside the database, as every reader of a
// database in WAL mode does (https://sqlite.org/wal.html#readonly); the folder must allow that.
func OpenReadOnly(path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return connect(path, "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)", requireCurrent)
}

// connect opens the database with the driver's options and makes it ready, or closes it again.
func connect(path, options string, ready func(context.Context, *sql.DB) error) (*Store, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+options)
	if err != nil {
		return nil, fmt.Errorf("opening the log %s: %w", path, err)
	}
	db.SetMaxOpenConns(4) // one writer at a time by SQLite's lock, a few readers beside it
	if err := ready(context.Background(), db); err != nil {
		db.Close()
		return nil, fmt.Errorf("opening the log %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }
