package main

import (
	"strconv"
	"strings"
	"time"
)

// statement is SQL in the making. Names are quoted, and values are parameters:
// nothing but this package's own words and the operator's query is taken as SQL.
type statement struct {
	dialect *dialect
	text    strings.Builder
	args    []any
}

// add appends words of SQL.
func (s *statement) add(words string) *statement {
	s.text.WriteString(words)
	return s
}

// column appends a column's name.
func (s *statement) column(name string) *statement {
	return s.add(quoted(name, s.dialect.quote))
}

// from appends the table, or the query as one.
func (s *statement) from(c *Config) *statement {
	if c.Table == "" {
		// On a line of its own, lest a comment at the query's end hide what follows.
		return s.add("(\n" + c.Query + "\n) AS products")
	}
	for i, part := range tableName(c) {
		if i > 0 {
			s.add(".")
		}
		s.add(quoted(part, s.dialect.quote))
	}
	return s
}

// param appends a parameter.
func (s *statement) param(value any) *statement {
	s.args = append(s.args, value)
	if !s.dialect.numbered {
		return s.add("?")
	}
	return s.add("$" + strconv.Itoa(len(s.args)))
}

// value appends a parameter that is compared with the column.
func (s *statement) value(value any, c *column) *statement {
	s.param(value)
	if s.dialect.numbered && c.kind == integerKind {
		s.add("::bigint") // or a number that is too large for the column is an error
	}
	return s
}

// among appends the condition that the column holds one of the texts, and says
// whether that can be.
func (s *statement) among(c *column, texts []string, glue string) bool {
	var values []any
	for _, text := range texts {
		values = append(values, s.dialect.candidates(c, text)...)
	}
	if len(values) == 0 {
		return false
	}
	s.add(glue).column(c.name).add(" IN (")
	for i, value := range values {
		if i > 0 {
			s.add(", ")
		}
		s.value(value, c)
	}
	s.add(")")
	return true
}

// rows begins a statement that reads the columns of l.
func (r *relation) rows() *statement {
	s := &statement{dialect: r.dialect}
	s.add("SELECT ")
	for i := range r.layout.columns {
		c := &r.layout.columns[i]
		if i > 0 {
			s.add(", ")
		}
		if c.kind == arrayKind {
			s.add("array_to_json(").column(c.name).add(")::text")
			continue
		}
		s.column(c.name)
	}
	return s.add(" FROM ").from(&r.config)
}

// page is one of a listing: the rows behind the cursor, in the order of their
// identity. There is no OFFSET in it, so that the last page costs what the
// first does, and a row that comes or goes moves no other.
func (r *relation) page(behind any, since time.Time, limit int) *statement {
	s, id := r.rows(), r.layout.id
	switch {
	case behind != nil:
		s.add(" WHERE ").column(id.name).add(" > ").value(behind, id).typed(id)
	default:
		s.add(" WHERE ").identified(id)
	}
	if !since.IsZero() && r.layout.updated != nil {
		s.add(" AND ")
		r.dialect.changedSince(s, r.layout.updated, since.Add(-r.config.Overlap.Std()))
	}
	return s.add(" ORDER BY ").column(id.name).add(" LIMIT " + strconv.Itoa(limit))
}

// identified appends the condition that a row has an identity.
func (s *statement) identified(id *column) *statement {
	s.column(id.name).add(" IS NOT NULL")
	if id.kind == textKind || id.kind == anyKind {
		s.add(" AND ").column(id.name).add(" <> ''")
	}
	return s.typed(id)
}

// typed appends the condition that an identity is of a type that a cursor can have,
// where the database does not see to it.
func (s *statement) typed(id *column) *statement {
	if s.dialect.anyType {
		s.add(" AND typeof(").column(id.name).add(") IN ('integer', 'text')")
	}
	return s
}

// unidentified counts the rows that no listing shows.
func (r *relation) unidentified() *statement {
	s := &statement{dialect: r.dialect}
	s.add("SELECT COUNT(*) FROM ").from(&r.config).add(" WHERE NOT (")
	return s.identified(r.layout.id).add(")")
}

// ties are the rows whose identity the database takes for the same as value.
func (r *relation) ties(value any, limit int) *statement {
	s := r.rows().add(" WHERE ").column(r.layout.id.name).add(" = ")
	return s.value(value, r.layout.id).add(" LIMIT " + strconv.Itoa(limit))
}

// remotes are the rows with these identities.
func (s *statement) remotes(id *column, remotes ...string) *statement {
	if !s.among(id, remotes, " WHERE ") {
		s.add(" WHERE 1 = 0")
	}
	return s
}

// assignment is a column and what it is to hold.
type assignment struct {
	column *column
	value  any
}

func (r *relation) insert(values []assignment) *statement {
	s := &statement{dialect: r.dialect}
	s.add("INSERT INTO ").from(&r.config).add(" (")
	for i, v := range values {
		if i > 0 {
			s.add(", ")
		}
		s.column(v.column.name)
	}
	s.add(") VALUES (")
	for i, v := range values {
		if i > 0 {
			s.add(", ")
		}
		s.param(v.value)
	}
	s.add(")")
	if r.dialect.returning {
		s.add(" RETURNING ").column(r.layout.id.name)
	}
	return s
}

func (r *relation) update(remote string, values []assignment) *statement {
	s := &statement{dialect: r.dialect}
	s.add("UPDATE ").from(&r.config).add(" SET ")
	for i, v := range values {
		if i > 0 {
			s.add(", ")
		}
		s.column(v.column.name).add(" = ").param(v.value)
	}
	return s.remotes(r.layout.id, remote)
}

func (r *relation) remove(remote string) *statement {
	s := &statement{dialect: r.dialect}
	return s.add("DELETE FROM ").from(&r.config).remotes(r.layout.id, remote)
}
