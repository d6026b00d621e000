/* SPDX-License-Identifier: BSD-3-Clause */
/* Both files have lines "name:password:number:...": passwd(5), group(5). */
#include "accounts.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE_FIRST = 1000, PEOPLE_LAST = 59999 }; /* login.defs(5), UID_MIN; adduser.conf(5) */

/* The number of the line's account; -1: none. */
static long account_number(const char *line)
{
	const char *field = strchr(line, ':');

	field = field ? strchr(field + 1, ':') : NULL;
	return field && field[1] >= '0' && field[1] <= '9' ? strtol(field + 1, NULL, 10) : -1;
}

static int add_file(struct root *r, const char *path)
{
	struct text kept = { 0 };
	struct found found;
	size_t room = 0;
	char *line = NULL;
	FILE *file = fopen(path, "re");

	while (file && getline(&line, &room, file) > 0) {
		long number = account_number(line);

		if (number >= 0 && (number < PEOPLE_FIRST || number > PEOPLE_LAST))
			text_append(&kept, line, strlen(line));
	}
	free(line);
	if (file)
		fclose(file);
	bool present = !root_find(r, path, &found);
	bool in_tree = present && found.node;
	if (present)
		free(found.path);
	int err = kept.bytes && !in_tree ? root_write(r, path, kept.data, kept.bytes) : 0;
	text_free(&kept);
	return err;
}

int accounts_add(struct root *r)
{
	int err = add_file(r, "/etc/passwd");

	return err ? err : add_file(r, "/etc/group");
}
