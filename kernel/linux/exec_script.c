/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec_script.h"

#include <base/errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The first byte in [at, end] that is no blank; NULL: none. */
static char *skip_blanks(char *at, const char *end)
{
	while (at <= end && is_blank(*at))
		at++;
	return at <= end ? at : NULL;
}

/* The first in [at, end] that ends a word; NULL: none. */
static char *find_word_end(char *at, const char *end)
{
	while (at <= end && !is_blank(*at) && *at)
		at++;
	return at <= end ? at : NULL;
}

/* The line's end: its newline, else the last byte, if the path surely is whole. A cut argument is the interpreter's affair. */
static char *find_line_end(char *line)
{
	char *last = line + SCRIPT_LINE_BYTES - 1, *at = line;

	while (at < last && *at && *at != '\n')
		at++;
	if (*at == '\n')
		return at;
	at = skip_blanks(line + 2, last);
	return at && find_word_end(at, last) ? last : NULL;
}

int script_parse(char line[SCRIPT_LINE_BYTES], char **path, char **argument)
{
	char *end = find_line_end(line), *word_end;

	*argument = NULL;
	if (!end)
		return -ENOEXEC;
	while (is_blank(end[-1]))
		end--;
	*path = skip_blanks(line + 2, end);
	if (!*path || *path == end)
		return -ENOEXEC;
	word_end = find_word_end(*path, end);
	if (word_end && *word_end)
		*argument = skip_blanks(word_end, end);
	*end = '\0';
	if (*argument)
		*word_end = '\0';
	return 0;
}
