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
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
go test $race -timeout 15m -json "$@" ./... >"$log" || status=$?
go run ./host/e2e/report <"$log"
exit $status
