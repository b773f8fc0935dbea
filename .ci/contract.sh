#!/bin/sh
# Holds the connector contract against what it was before its last change: what
# would break a connector that is out there is refused.
set -eu
file=sdk/proto/connector.proto
last=$(git rev-list -1 HEAD -- $file)
before=$(git rev-list --skip=1 -1 "$last" -- $file)
if [ -z "$before" ] && git diff --quiet HEAD -- $file; then
	echo "no earlier contract is known here: there is nothing to compare it with"
	exit 0
fi
git diff --quiet HEAD -- $file || before=$last # it is being changed
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$before" sdk/proto | tar -x -C "$old"
go run github.com/bufbuild/buf/cmd/buf@v1.50.0 breaking sdk/proto --against "$old/sdk/proto"
echo "nothing is taken away since $(git log -1 --format='%h, %s' "$before")"
