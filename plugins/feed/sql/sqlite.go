package main

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
	"modernc.org/sqlite"
)

// A file knows no rows that are locked: transactions that write begin as such.
// Names are not in double quotes, in which SQLite takes an unknown one for text.
var sqliteDialect = dialect{
	quote: "`", returning: true, oneWriter: true, textTimes: true, anyType: true,
	open: openSQLite, kindOf: sqliteKind, constraints: sqliteConstraints, candidates: sqliteCandidates,
	changedSince: sqliteSince, moment: sqliteMoment, judge: judgeSQLite,
}

// openSQLite takes a path, or a file: address. A file that is not there is not
// made, unless the address asks for it.
func openSQLite(dsn string, s session) (*sql.DB, error) {
	if strings.Contains(dsn, ":memory:") {
		return nil, errors.New("names a database that only this process would see: write the path of a file")
	}
	if strings.ContainsRune(dsn, 0) {
		return nil, errors.New("is no path of a file")
	}
	if !strings.HasPrefix(dsn, "file:") {
		path := filepath.ToSlash(dsn)
		if filepath.VolumeName(dsn) != "" {
			path = "/" + path
		}
		dsn = "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	}
	// The database waits a moment for other programs; the host tries again.
	settings := []string{"_pragma=busy_timeout(1000)"}
	if s.writes {
		settings = append(settings, "_txlock=immediate")
	} else {
		settings = append(settings, "_pragma=query_only(1)")
	}
	_, query, asks := strings.Cut(dsn, "?")
	if told, _ := url.ParseQuery(query); !told.Has("mode") {
		settings = append(settings, "mode=rw")
	}
	glue := "?"
	if asks {
		glue = "&"
	}
	return sql.Open("sqlite", dsn+glue+strings.Join(settings, "&"))
}

// sqliteKind follows the rules of type affinity, with the types that people
// write besides.
func sqliteKind(typeName string) kind {
	typeName = strings.ToUpper(firstWord(typeName))
	switch {
	case typeName == "":
		return anyKind
	case strings.Contains(typeName, "INT"):
		return integerKind
	case strings.HasPrefix(typeName, "BOOL"):
		return booleanKind
	case strings.HasPrefix(typeName, "DATE"), strings.HasPrefix(typeName, "TIME"):
		return momentKind
	case strings.HasPrefix(typeName, "JSON"):
		return documentKind
	case strings.Contains(typeName, "REAL"), strings.Contains(typeName, "FLOA"), strings.Contains(typeName, "DOUB"),
		strings.HasPrefix(typeName, "NUM"), strings.HasPrefix(typeName, "DEC"):
		return numberKind
	}
	return textKind
}

func sqliteConstraints(table identifier) (string, []any) {
	schema := "main"
	if len(table) == 2 {
		schema = table[0]
	}
	return `SELECT t.name, t."notnull" OR t.pk > 0,
		(t.pk = 1 AND (SELECT count(*) FROM pragma_table_info(?1, ?2) WHERE pk > 0) = 1) OR EXISTS (
			SELECT 1 FROM pragma_index_list(?1, ?2) l WHERE l."unique" AND NOT l.partial
			AND (SELECT count(*) FROM pragma_index_info(l.name, ?2)) = 1
			AND (SELECT i.name FROM pragma_index_info(l.name, ?2) i) = t.name)
		FROM pragma_table_info(?1, ?2) t`, []any{table[len(table)-1], schema}
}

// sqliteCandidates are the text, and the number that it spells: which of them a
// column without a type holds is known only of each row.
func sqliteCandidates(_ *column, text string) []any {
	all := []any{text}
	if n, ok := wholeNumber(text); ok {
		if n, fits := n.(int64); fits {
			all = append(all, n)
		}
	}
	return all
}

// sqliteSince reads every spelling of a time that the database knows.
func sqliteSince(s *statement, c *column, at time.Time) {
	s.add("coalesce(CASE typeof(").column(c.name).add(") WHEN 'integer' THEN ").column(c.name).
		add(" ELSE unixepoch(").column(c.name).add(") END >= ").value(at.Unix(), c).add(", 1)")
}

func sqliteMoment(c *column, at time.Time) any {
	if c.kind == integerKind {
		return at.Unix()
	}
	return at.UTC().Format(time.DateTime)
}

// The primary result codes of SQLite that mean something to the host.
const (
	sqlitePerm       = 3
	sqliteReadOnly   = 8
	sqliteTooBig     = 18
	sqliteConstraint = 19
	sqliteMismatch   = 20
	sqliteAuth       = 23
	sqliteNotADB     = 26
)

func judgeSQLite(err error) verdict {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return verdict{}
	}
	v := verdict{column: match(sqliteColumn, e.Error())}
	switch e.Code() & 0xff {
	case sqliteConstraint, sqliteTooBig, sqliteMismatch:
		v.kind = sdk.Rejected
	case sqlitePerm, sqliteReadOnly, sqliteAuth, sqliteNotADB:
		v.kind = sdk.Denied
	}
	v.schema = sqliteSchema.MatchString(e.Error())
	return v
}

// sqliteColumn finds the column in "UNIQUE constraint failed: products.sku".
var sqliteColumn = regexp.MustCompile(`(?:UNIQUE|NOT NULL) constraint failed: \S+\.([^\s,]+)(?: \(|$)`)

// sqliteSchema finds what has no code of its own.
var sqliteSchema = regexp.MustCompile(`no such (table|column)|syntax error`)
