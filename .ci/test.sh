#!/bin/sh
# The one test command, of people and of CI. The race detector needs cgo and a C
# compiler; without one the tests run plain, and say so.
set -eu
if command -v "${CC:-cc}" >/dev/null 2>&1; then
	export CGO_ENABLED=1
	race=-race
else
	export CGO_ENABLED=0
	race=
	echo "no C compiler: the tests run without the race detector"
fi
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT
{ go test $race -timeout 20m -json "$@" ./... || echo yes >"$failed"; } | go run ./host/e2e/report
test ! -s "$failed"
