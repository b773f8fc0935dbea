package main

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/synchost/synchost/sdk"
)

// READ COMMITTED, since what REPEATABLE READ locks where no row was found makes
// two inserts wait for each other.
var mysqlDialect = dialect{
	quote: "`", lock: " FOR UPDATE", isolation: sql.LevelReadCommitted,
	open: openMySQL, kindOf: mysqlKind, constraints: mysqlConstraints, candidates: mysqlCandidates,
	changedSince: sinceOrUnknown, moment: momentParam, zone: mysqlZone, judge: judgeMySQL,
}

func openMySQL(dsn string, s session) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil { // which may quote the password
		return nil, errors.New("is no address of MySQL: write user:password@tcp(host:3306)/database?tls=true")
	}
	if config.DBName == "" {
		return nil, errors.New("names no database: write user:password@tcp(host:3306)/database")
	}
	config.ParseTime = false      // it would make the last day of November of a 2026-12-00
	config.ClientFoundRows = true // or an UPDATE that changes nothing is as one that finds nothing
	config.MultiStatements, config.AllowAllFiles, config.InterpolateParams = false, false, false
	config.Logger = &mysql.NopLogger{}
	if config.Timeout == 0 {
		config.Timeout = min(s.timeout, 10*time.Second)
	}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	if _, told := config.Params["time_zone"]; !told && config.Loc == time.UTC {
		config.Params["time_zone"] = "'+00:00'"
	}
	config.Params["innodb_lock_wait_timeout"] = mysqlSettings(s)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errors.New("holds settings that do not go together")
	}
	return sql.OpenDB(connector), nil
}

// mysqlZone is where times without a zone are of.
func mysqlZone(dsn string) *time.Location {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return time.UTC
	}
	return config.Loc
}

// mysqlSettings is the value of one setting and, in comments that only MariaDB
// or only MySQL executes, what each calls the others.
func mysqlSettings(s session) string {
	seconds := max(1, int(s.timeout.Seconds()))
	mariaDB, mySQL := fmt.Sprintf(", max_statement_time = %d", seconds), fmt.Sprintf(", max_execution_time = %d", s.timeout.Milliseconds())
	if !s.writes {
		mariaDB, mySQL = mariaDB+", tx_read_only = 1", mySQL+", transaction_read_only = 1"
	}
	return fmt.Sprintf("%d /*M!100100 %s */ /*!50720 %s */", seconds, mariaDB, mySQL)
}

func mysqlKind(typeName string) kind {
	switch typeName {
	case "DECIMAL", "FLOAT", "DOUBLE":
		return numberKind
	case "DATETIME", "TIMESTAMP", "DATE":
		return momentKind
	case "JSON":
		return documentKind
	case "BIT":
		return integerKind
	}
	if strings.Contains(typeName, "INT") {
		return integerKind
	}
	return textKind
}

func mysqlConstraints(table identifier) (string, []any) {
	var schema any
	if len(table) == 2 {
		schema = table[0]
	}
	name := table[len(table)-1]
	return `SELECT c.column_name, c.is_nullable = 'NO', MAX(u.name IS NOT NULL) FROM information_schema.columns c LEFT JOIN (
		SELECT MIN(column_name) AS name FROM information_schema.statistics
		WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND non_unique = 0
		GROUP BY index_name HAVING COUNT(*) = 1 AND MIN(sub_part) IS NULL) u ON u.name = c.column_name
		WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ?
		GROUP BY c.column_name, c.is_nullable`, []any{schema, name, schema, name}
}

func mysqlCandidates(c *column, text string) []any {
	if c.kind != integerKind {
		return []any{text}
	}
	if n, ok := wholeNumber(text); ok {
		return []any{n}
	}
	return nil
}

// judgeMySQL goes by the error's number, and else by the class of SQLSTATE.
func judgeMySQL(err error) verdict {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return verdict{}
	}
	v := verdict{column: cmp.Or(match(mysqlColumn, e.Message), match(mysqlCheck, e.Message))}
	switch e.Number {
	case 1054, 1064, 1146: // no such column, no SQL, no such table
		v.schema = true
	case 1044, 1045, 1049, 1142, 1143, 1227, 1698, 1290, 1792, 1836: // login, privileges, no such database, read-only
		v.kind = sdk.Denied
	case 1205, 1213, 1317, 1969, 3024: // lock wait, deadlock, ended
	case 1364, 1366, 1265, 3819, 4025, 1644: // no value, wrong value, check, raised by a trigger
		v.kind = sdk.Rejected
	default:
		switch string(e.SQLState[:2]) {
		case "22", "23", "44", "45":
			v.kind = sdk.Rejected
		}
	}
	return v
}

// mysqlColumn finds the column in "Data too long for column 'name' at row 1"
// and "Field 'name' doesn't have a default value".
var mysqlColumn = regexp.MustCompile("(?:[Cc]olumn|Field) ['`](?:[^'`]*[.`]+)?([^'`]+)['`]")

// mysqlCheck finds it in "CONSTRAINT `products.name` failed", as MariaDB calls
// the CHECK that stands at a column.
var mysqlCheck = regexp.MustCompile("^CONSTRAINT `[^`]*\\.([^`.]+)` failed")
