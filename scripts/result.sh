# SPDX-License-Identifier: BSD-3-Clause
# For test scripts, to be sourced: pass, fail and skip print one line a test; finish prints the counts and ends the script.
passed=0 failed=0 skipped=0

pass()
{
	passed=$((passed + 1))
	echo "PASS $1"
}

# fail NAME [WHY]
fail()
{
	failed=$((failed + 1))
	echo "FAIL $1${2:+: $2}"
}

# skip NAME WHY
skip()
{
	skipped=$((skipped + 1))
	echo "SKIP $1: $2"
}

finish()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
	exit
}
