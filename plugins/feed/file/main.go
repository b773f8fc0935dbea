// Command file is the connector for product feeds: CSV, JSON, NDJSON and XLSX
// files, one or many by a glob. It reads them as a source, and keeps a CSV, JSON
// or NDJSON file in step where write is set. Its README lists the options.
//
// A row goes one way: a rowReader cuts a file into rows of cells, the mapping
// makes products of cells, and walk counts the rows over all files. List, Find
// and the census of a feed are walks; writing is one more pass over the file.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// Config is the block [connectors.<name>.config].
type Config struct {
	Path      string `json:"path" required:"true" doc:"The file, or a glob of files such as /srv/feeds/*.csv; * and ? only in the last part. A relative path starts where the host was started."`
	Format    string `json:"format" choices:"csv,json,ndjson,xlsx" doc:"Without it the extension tells: .csv, .tsv, .txt; .json; .ndjson, .jsonl; .xlsx."`
	Encoding  string `json:"encoding" default:"utf-8" choices:"utf-8,utf-16le,utf-16be,windows-1250,windows-1251,windows-1252,windows-1254,windows-1256" doc:"Of CSV and JSON. A byte order mark at the start of a file wins."`
	Separator string `json:"separator" doc:"Of CSV, one character. Without it the first line tells which of comma, semicolon, tab and | it is."`
	Header    bool   `json:"header" default:"true" doc:"The first row of CSV and XLSX names the columns. Without one, columns are given by number."`
	Sheet     string `json:"sheet" doc:"Of XLSX; without it the first."`

	Columns       map[string]Columns `json:"columns" doc:"Field path to column: see Columns. Without it, columns and members that are named like field paths are taken."`
	Decimal       string             `json:"decimal" default:"." doc:"Decimal sign of numbers: . or ,"`
	Thousands     string             `json:"thousands" doc:"Characters that may stand between groups of three digits, such as . or a blank."`
	Currency      string             `json:"currency" doc:"ISO 4217 code of prices whose column says none."`
	ListSeparator string             `json:"list_separator" default:"|" doc:"Between categories, tags, media and lists in one cell."`
	StatusWords   map[string]string  `json:"status_words" choices:"active,draft,archived" doc:"What the feed's words for a status mean; letter case does not count. The three words themselves are known."`

	MaxBadRows limit        `json:"max_bad_rows" default:"1%" doc:"With more bad rows than this, nothing that is missing in the feed counts as gone: a number, or a share such as 1%, which allows one row of a small feed."`
	Settle     sdk.Duration `json:"settle" default:"1s" doc:"A file is read when nobody has written to it for this long. Not for files that the connector writes."`

	Write   bool   `json:"write" doc:"Keep the file in step as a destination. CSV, JSON and NDJSON in utf-8."`
	Archive string `json:"archive" default:"remove" choices:"remove,status" doc:"Of write: what becomes of a product that is taken off sale: its row is removed, or its status is archived."`
}

var plugin = sdk.Plugin[Config]{
	Name:    "file",
	Version: "0.1.0",
	Limits:  sdk.Limits{Batch: 1000, InFlight: 4, Timeout: 10 * time.Minute},
	Open: func(ctx context.Context, env sdk.Env, c Config) (sdk.Connector, error) {
		f, err := build(&c)
		if err != nil {
			return nil, err
		}
		f.log, f.temporary = env.Log, env.StateDir
		if err := f.learn(); err != nil {
			return nil, err
		}
		if c.Write {
			return &target{feed: f}, nil
		}
		v, _ := f.look() // a feed that is not there yet is a change when it comes
		return &source{feed: f, seen: v.id}, nil
	},
	Type: func(c Config) sdk.Connector {
		if c.Write {
			return (*target)(nil)
		}
		return (*source)(nil)
	},
}

func main() { sdk.Serve(plugin) }

// source is a feed that is only read.
type source struct {
	*feed
	sdk.ReadOnly
	seen string // the version that Wait told of, or that was there before
}

// target is a feed that is kept in step as well.
type target struct {
	*feed
	writing sync.Mutex // one rewrite at a time
}

// feed is what its options say of it, and what is known of its files.
type feed struct {
	*Config
	log       hclog.Logger
	temporary string // folder for what XLSX unpacks
	comma     rune   // 0: told by the first line
	mapping   *mapping

	mu     sync.Mutex // guards what follows
	parked []*walk    // listings between two pages
	last   *census    // of the newest version that was checked
}

// Fields are the field paths that the columns hold.
func (f *feed) Fields() []string { return f.mapping.paths() }

// Check looks whether the files are there and have the columns.
func (f *feed) Check(context.Context) error {
	v, err := f.look()
	if err != nil {
		return err
	}
	for _, file := range v.files {
		t, err := f.open(file.path)
		if err != nil {
			return err
		}
		if err := t.close(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the listings that are between two pages.
func (f *feed) Close() error {
	f.mu.Lock()
	parked := f.parked
	f.parked = nil
	f.mu.Unlock()
	var errs []error
	for _, w := range parked {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// learn makes the mapping of a feed without columns from the names in the feed
// itself.
func (f *feed) learn() error {
	if f.mapping != nil {
		return nil
	}
	v, err := f.look()
	if err != nil {
		return fmt.Errorf("without columns the feed itself must name them: %w", err)
	}
	names, err := f.header(v.files[0].path)
	if err != nil {
		return err
	}
	f.mapping, err = ownNames(f.Config, names)
	return err
}
