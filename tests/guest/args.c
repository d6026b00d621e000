/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments and environment arrive byte by byte; a very long one is shown by its length and sum. */
#include "check.h"

extern char **environ;

static void show(const char *kind, const char *text)
{
	size_t length = strlen(text);
	if (length <= 200) {
		printf("%s <%s>\n", kind, text);
		return;
	}
	unsigned sum = 0;
	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)text[i];
	printf("%s of %zu bytes, sum %08x\n", kind, length, sum);
}

int main(int argc, char **argv)
{
	printf("argc %d\n", argc);
	CHECK(argv[argc] == NULL);
	CHECK(strcmp(check_base_name(argv[0]), "args") == 0);
	for (int i = 1; i < argc; i++)
		show("argument", argv[i]);
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "T_", 2) == 0)
			show("variable", *variable);
	return check_done("args");
}
