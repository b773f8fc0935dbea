package sqlite

import (
	"zombiezen.com/go/sqlite"
)

// statement is a prepared query; the connection remembers it.
type statement struct {
	columns // its parameters

	stmt *sqlite.Stmt
	at   int
}

func prepare(conn *sqlite.Conn, query string) *statement {
	stmt, err := conn.Prepare(query)
	s := &statement{stmt: stmt}
	s.columns = columns{to: s, err: err}
	return s
}

func (s *statement) putInt(v int64)   { s.at++; s.stmt.BindInt64(s.at, v) }
func (s *statement) putText(v string) { s.at++; s.stmt.BindText(s.at, v) }

func (s *statement) putBlob(v []byte) {
	if s.at++; v == nil {
		s.stmt.BindNull(s.at)
		return
	}
	s.stmt.BindBytes(s.at, v)
}

// each runs the statement and calls fn for every row.
func (s *statement) each(fn func(*values)) error {
	if s.err != nil {
		return s.err
	}
	for {
		row, err := s.stmt.Step()
		if err == nil && row {
			v := values{from: &result{stmt: s.stmt}}
			if fn(&v); v.err == nil && !v.last {
				continue
			}
			err = v.err
		}
		if resetErr := s.stmt.Reset(); err == nil {
			err = resetErr
		}
		return err
	}
}

// run executes a query that returns no row. fill gives its parameters.
func run(conn *sqlite.Conn, query string, fill func(*columns)) error {
	s := prepare(conn, query)
	fill(&s.columns)
	return s.each(func(*values) {})
}

func none(*columns) {}

// result is the row that a statement stands at.
type result struct {
	stmt *sqlite.Stmt
	at   int
}

func (r *result) next() int       { r.at++; return r.at - 1 }
func (r *result) getInt() int64   { return r.stmt.ColumnInt64(r.next()) }
func (r *result) getText() string { return r.stmt.ColumnText(r.next()) }

func (r *result) getBlob() []byte {
	col := r.next()
	if r.stmt.ColumnIsNull(col) {
		return nil
	}
	data := make([]byte, r.stmt.ColumnLen(col))
	r.stmt.ColumnBytes(col, data)
	return data
}
