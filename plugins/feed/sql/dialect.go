package main

import (
	"database/sql"
	"strconv"
	"time"
	"unicode"

	"github.com/synchost/synchost/sdk"
)

// dialect is what one database does in its own way.
type dialect struct {
	quote     string // around names
	numbered  bool   // parameters are $1, $2 and not ?
	returning bool   // an INSERT tells the id of its row; else the driver does
	lock      string // behind a SELECT whose rows are then written
	oneWriter bool   // it takes one transaction that writes at a time
	textTimes bool   // times are kept as text
	anyType   bool   // a column may hold values of any type, whatever it is declared as
	isolation sql.IsolationLevel
	afresh    []any // in front of the parameters of a statement that must not be kept prepared

	// open makes the pool; its error says what is wrong with dsn, and shows
	// nothing of it.
	open func(dsn string, s session) (*sql.DB, error)
	// kindOf tells the kind of a column from its type, as the driver names it.
	kindOf func(typeName string) kind
	// constraints is a query for (column, not null, unique) of a table.
	constraints func(table identifier) (query string, args []any)
	// candidates are the parameters that may equal text in a column; none:
	// nothing can.
	candidates func(c *column, text string) []any
	// changedSince is the condition that a row was changed at or after at.
	changedSince func(s *statement, c *column, at time.Time)
	// moment is a time as a value of the column.
	moment func(c *column, at time.Time) any
	// zone is that of an address's times, where the driver gives times as text; nil:
	// it does not.
	zone func(dsn string) *time.Location
	// judge knows the database's own errors; any other gets the zero verdict.
	judge func(err error) verdict
}

// session is how a connection is set up.
type session struct {
	timeout time.Duration // of a statement
	writes  bool
}

// verdict is what an error of a database means.
type verdict struct {
	kind   sdk.Kind
	column string // at fault, where the database names it
	schema bool   // a table or column is not there, or the query is no SQL
}

var dialects = map[string]*dialect{"postgres": &postgres, "mysql": &mysqlDialect, "sqlite": &sqliteDialect}

// wholeNumber reads text that is spelt as a column of whole numbers would be
// read: "007" is another key than "7".
func wholeNumber(text string) (any, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, strconv.FormatInt(n, 10) == text
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == text
}

// sinceOrUnknown is the condition for times and for Unix seconds. A row whose
// time is not known may have changed.
func sinceOrUnknown(s *statement, c *column, at time.Time) {
	var value any = at.UTC()
	if c.kind == integerKind {
		value = at.Unix()
	}
	s.add("(").column(c.name).add(" >= ").value(value, c).add(" OR ").column(c.name).add(" IS NULL)")
}

// momentParam is for columns of times; others get Unix seconds or text.
func momentParam(c *column, at time.Time) any {
	switch c.kind {
	case momentKind:
		return at.UTC()
	case integerKind:
		return strconv.FormatInt(at.Unix(), 10)
	}
	return at.UTC().Format(time.RFC3339)
}

// firstWord is the type's name without length and other words: "varchar" of
// "varchar(40)".
func firstWord(typeName string) string {
	for i, c := range typeName {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' {
			return typeName[:i]
		}
	}
	return typeName
}
