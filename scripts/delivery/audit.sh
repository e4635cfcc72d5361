#!/usr/bin/env bash
# Checks the locked packages for published vulnerabilities (`deno audit`). Exit code 1 when there
# is one, 3 when the registry does not answer. An advisory that does not apply is ignored here, by
# its id and with the reason: `--ignore=CVE-…`.
set -uo pipefail

output="$(deno audit 2>&1)"
status=$?
echo "$output"
[ "$status" = 0 ] && exit 0
grep -q "Found .*vulnerabilities" <<<"$output" && exit 1
echo "skipped: advisories of dependencies: the registry does not answer"
exit 3
