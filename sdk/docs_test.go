package sdk_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

// Authors open nothing but these packages: each name that they can use says what
// it means.
func TestEveryExportedNameIsExplained(t *testing.T) {
	for _, folder := range []string{".", "rest", "sdktest"} {
		files := token.NewFileSet()
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %q, %v", folder, names, err)
		}
		want := func(name *ast.Ident, comments ...*ast.CommentGroup) {
			if !name.IsExported() {
				return
			}
			for _, c := range comments {
				if c.Text() != "" {
					return
				}
			}
			t.Errorf("%s: %s has no comment", files.Position(name.Pos()), name.Name)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				explained(d, folder == ".", want)
			}
		}
	}
}

// explained hands every name of a declaration to want, with the comments that
// may explain it, and those of a struct's fields where fields says so.
func explained(d ast.Decl, fields bool, want func(*ast.Ident, ...*ast.CommentGroup)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if wellKnown[d.Name.Name] == "" && exported(d.Recv) {
			want(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				want(s.Name, s.Doc, d.Doc)
				if structure, ok := s.Type.(*ast.StructType); ok && fields && s.Name.IsExported() {
					for _, field := range structure.Fields.List {
						for _, name := range field.Names {
							want(name, field.Doc, field.Comment)
						}
					}
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					want(name, s.Doc, s.Comment, d.Doc)
				}
			}
		}
	}
}

// wellKnown are methods that mean the same in every package.
var wellKnown = map[string]string{"Error": "error", "Unwrap": "errors", "Is": "errors"}

// exported says whether a method is one of a type that can be seen.
func exported(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	of := receiver.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	name, ok := of.(*ast.Ident)
	return !ok || name.IsExported()
}

// The contract's page names every kind, operation and field path.
func TestREADMENamesWhatThereIs(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range contractNames() {
		if !regexp.MustCompile("[`.*]" + regexp.QuoteMeta(name) + "[`.]").Match(readme) {
			t.Errorf("README.md does not tell of %s", name)
		}
	}
}

func contractNames() []string {
	names := append(sdk.FieldPaths(), sdk.RawField)
	for kind := sdk.Temporary; kind <= sdk.Denied; kind++ {
		names = append(names, kind.String())
	}
	return append(names, "Upsert", "Archive", "Purge", "Forward", "ReadOnly", "Unchanged", "After", "StateDir", "Instance", "Log",
		"Batch", "InFlight", "Timeout", "Since", "Cursor", "Archived")
}
