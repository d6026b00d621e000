/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes begin a file: nothing past the line is touched, and what is found lies in it and ends there. */
#include "exec_script.h"

#include <base/assert.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *line, const char *text)
{
	assert(text > line && text < line + SCRIPT_LINE_BYTES);
	assert(memchr(text, 0, (size_t)(line + SCRIPT_LINE_BYTES - text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, SCRIPT_LINE_BYTES), *path, *argument;

	line[0] = '#';
	line[1] = '!';
	memcpy(line + 2, data, size < SCRIPT_LINE_BYTES - 2 ? size : SCRIPT_LINE_BYTES - 2);
	if (!script_parse(line, &path, &argument)) {
		check_text(line, path);
		assert(*path != ' ' && *path != '\t' && !strchr(path, '\n'));
		if (argument)
			check_text(line, argument);
	}
	free(line);
	return 0;
}
