package sdk

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFormParts bounds how deep the names of a form nest.
const maxFormParts = 16

var (
	errForm      = errors.New("is not a well-formed form")
	errFormParts = errors.New("is no good form: a name stands for a text, and with [ ] for parts")
)

// ParseForm reads a form (application/x-www-form-urlencoded): texts by name, where
// a parameter that is there several times is a list ([]any). Names in brackets
// nest, as many senders have it: data[merges][FNAME] is FNAME in merges in data,
// list[0] and list[] are items. An error goes on from "the body", and quotes
// nothing of it.
func ParseForm(body []byte) (map[string]any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || !utf8.Valid(body) {
		return nil, errForm
	}
	content := make(map[string]any, len(form))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		path, list := formPath(name)
		in := content
		for _, part := range path[:len(path)-1] {
			deeper, ok := in[part].(map[string]any)
			if !ok {
				if in[part] != nil {
					return nil, errFormParts
				}
				deeper = map[string]any{}
				in[part] = deeper
			}
			in = deeper
		}
		last := path[len(path)-1]
		if in[last] != nil {
			return nil, errFormParts
		}
		in[last] = formValue(form[name], list)
	}
	for name, value := range content {
		content[name] = withLists(value)
	}
	return content, nil
}

// formPath takes a name apart; list says that it ends with []. A name that is not
// quite so is one part.
func formPath(name string) (path []string, list bool) {
	first, rest, nested := strings.Cut(name, "[")
	if !nested || first == "" || !strings.HasSuffix(rest, "]") {
		return []string{name}, false
	}
	parts := strings.Split(strings.TrimSuffix(rest, "]"), "][")
	if end := len(parts) - 1; parts[end] == "" {
		parts, list = parts[:end], true
	}
	odd := func(part string) bool { return part == "" || strings.ContainsAny(part, "[]") }
	if len(parts) >= maxFormParts || slices.ContainsFunc(parts, odd) {
		return []string{name}, false
	}
	return append([]string{first}, parts...), list
}

func formValue(texts []string, list bool) any {
	if len(texts) == 1 && !list {
		return texts[0]
	}
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// withLists makes lists of the maps whose names are 0, 1, 2 and so on.
func withLists(value any) any {
	parts, ok := value.(map[string]any)
	if !ok {
		return value
	}
	list := make([]any, 0, len(parts))
	for name, part := range parts {
		parts[name] = withLists(part)
	}
	for i := range len(parts) {
		item, there := parts[strconv.Itoa(i)]
		if !there {
			return parts
		}
		list = append(list, item)
	}
	return list
}
