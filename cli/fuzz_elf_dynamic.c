/* SPDX-License-Identifier: BSD-3-Clause */
/* Any file: all strings that the reader gives lie and end in it. */
#include "elf_dynamic.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, const char *string)
{
	const char *begin = (const char *)data;

	if (string && (string < begin || string >= begin + size ||
		       !memchr(string, '\0', size - (size_t)(string - begin))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_dynamic d;
	uint64_t position = 0;
	const char *name;

	if (!elf_dynamic_read(data, size, &d))
		return 0;
	check(data, size, d.interpreter);
	check(data, size, d.rpath);
	check(data, size, d.runpath);
	check(data, size, d.soname);
	while ((name = elf_dynamic_needed(&d, &position)))
		check(data, size, name);
	(void)elf_dynamic_mentions(&d, "iconv_open");
	(void)elf_has_note(data, size, "Go");
	return 0;
}
