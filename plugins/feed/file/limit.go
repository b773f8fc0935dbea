package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// limit is how many bad rows a feed may have.
type limit struct {
	rows    int
	percent float64 // in place of rows, where it is set
	share   bool
}

// allowedAnyway is what a share allows of a small feed.
const allowedAnyway = 1

var errLimit = errors.New(`write a number of rows, or a share such as "5%"`)

// UnmarshalJSON reads a number, or a text with a percentage.
func (l *limit) UnmarshalJSON(data []byte) error {
	text := string(data)
	if data[0] == '"' && json.Unmarshal(data, &text) != nil {
		return errLimit
	}
	var err error
	if text, l.share = strings.CutSuffix(text, "%"); l.share {
		l.percent, err = strconv.ParseFloat(text, 64)
	} else {
		l.rows, err = strconv.Atoi(text)
	}
	if err != nil || l.rows < 0 || !(l.percent >= 0 && l.percent <= 100) {
		return errLimit
	}
	return nil
}

// allows says whether a feed with so many bad rows among rows is trusted.
func (l limit) allows(bad, rows int) bool {
	if l.share {
		return bad <= allowedAnyway && l.percent > 0 || float64(bad) <= float64(rows)*l.percent/100
	}
	return bad <= l.rows
}
