/* SPDX-License-Identifier: BSD-3-Clause */
/* The first line of a script (execve(2), "Interpreter scripts"; Linux's binfmt_script.c). Pure: usable on the host. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/* What of a script is looked at (BINPRM_BUF_SIZE), and how deep scripts may be the interpreters of scripts. */
enum { SCRIPT_LINE_BYTES = 256, SCRIPT_DEPTH_MAX = 5 };

/** Whether a file that starts so is a script. */
static inline bool script_is(const char *line)
{
	return line[0] == '#' && line[1] == '!';
}

/** Takes a script's first SCRIPT_LINE_BYTES, filled up with zeros, apart, in place: the interpreter's path, and the one argument it
 * may be given (NULL: none). -ENOEXEC: names none, or its path may be cut off. */
int must_check script_parse(char line[SCRIPT_LINE_BYTES], char **path, char **argument);
