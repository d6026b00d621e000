#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Functions of at most 60 lines, files of at most 800. A longer one has a comment "long: why" in the lines just above it (a
# function), or in its first 20 lines (a file).
set -u
. "$(dirname "$0")/result.sh"

long=$(find kernel rom cli tests bench \( -name '*.[chS]' \) -print | sort | xargs awk '
	function file_end() {
		if (lines > 800 && !excused_file)
			printf "%s: %d lines\n", file, lines
	}
	FNR == 1 { file_end(); file = FILENAME; excused_file = 0; excused = 0; start = 0; name = "" }
	{ lines = FNR }
	/long: / { excused = FNR; if (FNR <= 20) excused_file = 1 }
	/^[A-Za-z_].*\(/ && !/;$/ { name = $0; head = FNR }
	/^\{/ { start = FNR }
	/^\}/ && start {
		if (FNR - start - 1 > 60 && !(excused && head - excused >= 0 && head - excused <= 6))
			printf "%s:%d: %d lines: %s\n", file, head, FNR - start - 1, name
		start = 0
	}
	END { file_end() }')

if [ -z "$long" ]; then
	pass 'functions have at most 60 lines, files 800'
else
	fail 'too long'
	echo "$long"
fi
finish
