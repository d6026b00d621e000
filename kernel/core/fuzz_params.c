/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes are a command line: nothing is read or written past what was told, and every byte of a
 * word is somewhere. */
#include <core/params.h>

#include <base/assert.h>
#include <base/types.h>

#include <stdlib.h>
#include <string.h>

static size_t list_bytes(char *const *list)
{
	size_t bytes = 0;

	for (; *list; list++)
		bytes += strlen(*list) + 1;
	return bytes;
}

static void count(void *context, const char *value)
{
	*(size_t *)context += strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	void *memory = malloc(params_memory_bytes(line, size));
	size_t total = 0;

	params_parse(line, size, memory);
	assert(strlen(params_line()) <= size);
	assert(list_bytes(params_args()) <= size + 1 && list_bytes(params_env()) <= size + 1);
	for (char *const *env = params_env(); *env; env++)
		assert(strchr(*env, '=') > *env);
	(void)params_early_flag(line, size, "nokaslr");
	params_number("a", 0);
	params_each("d", count, &total);
	assert(total <= size);
	params_parse(NULL, 0, memory);
	free(memory);
	return 0;
}
