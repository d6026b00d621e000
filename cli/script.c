/* SPDX-License-Identifier: BSD-3-Clause */
/* Linux, fs/binfmt_script.c; coreutils, env invocation. */
#include "script.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 256 };

static const char blanks[] = " \t";

bool script_read(const char *file, size_t bytes, struct script *out)
{
	char line[LINE_BYTES_MAX];
	size_t length = bytes < sizeof line ? bytes : sizeof line - 1;

	if (bytes < 2 || memcmp(file, "#!", 2))
		return false;
	memcpy(line, file, length);
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	*out = (struct script){ 0 };
	char *name = line + 2 + strspn(line + 2, blanks);
	size_t name_bytes = strcspn(name, blanks);
	char *argument = name + name_bytes + strspn(name + name_bytes, blanks);
	for (size_t end = strlen(argument); end && strchr(blanks, argument[end - 1]); end--)
		argument[end - 1] = '\0';
	if (*argument)
		out->argument = format_string("%s", argument);
	name[name_bytes] = '\0';
	if (*name)
		out->interpreter = format_string("%s", name);
	return true;
}

void script_free(struct script *s)
{
	free(s->interpreter);
	free(s->argument);
}

/* Options and variables come before the command; without -S all of it is one word. */
char *script_env_command(const char *argument)
{
	if (!argument)
		return NULL;
	bool split = !strncmp(argument, "-S", 2) || !strncmp(argument, "-vS", 3);
	if (!split)
		return *argument == '-' || strchr(argument, '=') ? NULL
								 : format_string("%s", argument);
	argument = strchr(argument, 'S') + 1;
	for (;;) {
		argument += strspn(argument, blanks);
		size_t bytes = strcspn(argument, blanks);

		if (!bytes)
			return NULL;
		if (*argument != '-' && !memchr(argument, '=', bytes))
			return format_string("%.*s", (int)bytes, argument);
		argument += bytes;
	}
}
