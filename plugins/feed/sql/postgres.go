package main

import (
	"database/sql"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/synchost/synchost/sdk"
)

var postgres = dialect{
	quote: `"`, numbered: true, returning: true, lock: " FOR UPDATE", afresh: []any{pgx.QueryExecModeDescribeExec},
	open: openPostgres, kindOf: postgresKind, constraints: postgresConstraints, candidates: postgresCandidates,
	changedSince: sinceOrUnknown, moment: momentParam, judge: judgePostgres,
}

func openPostgres(dsn string, s session) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil { // which may quote the password
		return nil, errors.New("is no address of PostgreSQL: write postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = min(s.timeout, 10*time.Second)
	}
	set := func(name, value string) {
		if _, told := config.RuntimeParams[name]; !told {
			config.RuntimeParams[name] = value
		}
	}
	set("application_name", "synchost")
	set("statement_timeout", strconv.FormatInt(s.timeout.Milliseconds(), 10))
	set("timezone", "UTC")
	if !s.writes {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	return stdlib.OpenDB(*config), nil
}

func postgresKind(typeName string) kind {
	switch typeName {
	case "INT2", "INT4", "INT8":
		return integerKind
	case "NUMERIC", "FLOAT4", "FLOAT8":
		return numberKind
	case "BOOL":
		return booleanKind
	case "TIMESTAMP", "TIMESTAMPTZ", "DATE":
		return momentKind
	case "JSON", "JSONB":
		return documentKind
	case "UUID":
		return uuidKind
	}
	if strings.HasPrefix(typeName, "_") {
		return arrayKind
	}
	return textKind
}

func postgresConstraints(table identifier) (string, []any) {
	parts := make([]string, len(table))
	for i, part := range table {
		parts[i] = quoted(part, `"`)
	}
	return `SELECT a.attname, a.attnotnull, EXISTS (
		SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid
		AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
		FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`, []any{strings.Join(parts, ".")}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func postgresCandidates(c *column, text string) []any {
	switch c.kind {
	case integerKind:
		if n, ok := wholeNumber(text); ok {
			if _, fits := n.(int64); fits {
				return []any{n}
			}
		}
		return nil
	case uuidKind:
		if !uuid.MatchString(text) {
			return nil
		}
	}
	if strings.ContainsRune(text, 0) { // which no text here holds
		return nil
	}
	return []any{text}
}

// judgePostgres goes by the classes of SQLSTATE.
func judgePostgres(err error) verdict {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return verdict{}
	}
	v := verdict{column: e.ColumnName}
	if v.column == "" && e.Code == "23505" {
		v.column = match(uniqueDetail, e.Detail)
	}
	switch e.Code {
	case "42501", "3D000", "25006": // no privilege, no such database, read-only
		v.kind = sdk.Denied
		return v
	case "P0001": // raised by a trigger
		v.kind = sdk.Rejected
		return v
	}
	switch e.Code[:2] {
	case "22", "23", "44": // data, constraint, WITH CHECK OPTION
		v.kind = sdk.Rejected
	case "28":
		v.kind = sdk.Denied
	case "42", "3F":
		v.schema = true
	}
	return v
}

// uniqueDetail is "Key (sku)=(A 1) already exists.", for one column.
var uniqueDetail = regexp.MustCompile(`^Key \("?([^",()]+)"?\)=`)

// match is the first group of an expression in text; empty: there is none.
func match(expression *regexp.Regexp, text string) string {
	if found := expression.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
