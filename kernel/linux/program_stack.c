/* SPDX-License-Identifier: BSD-3-Clause */
#include "program_stack.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

enum { STRING_BYTES_MAX = 128 * 1024 };
enum { AUXV_ADDED = 4 };

/* Adds the bytes of all strings to *bytes and counts them. */
static int measure_strings(char *const *strings, size_t limit, size_t *count, size_t *bytes)
{
	for (*count = 0; strings[*count]; ++*count) {
		size_t length = strnlen(strings[*count], STRING_BYTES_MAX);

		/* The pointer to it counts as well, as in Linux's bprm_stack_limits(). */
		*bytes += length + 1;
		if (length == STRING_BYTES_MAX || *bytes + (*count + 1) * sizeof(uint64_t) > limit)
			return -E2BIG;
	}
	return 0;
}

int program_stack_measure(struct program_stack *s, size_t limit)
{
	size_t arg_bytes = 0, env_bytes = 0;
	int err = measure_strings(s->args, limit, &s->arg_count, &arg_bytes);

	if (!err)
		err = measure_strings(s->env, limit, &s->env_count, &env_bytes);
	if (err)
		return err;

	s->path_at = s->top - sizeof(uint64_t) - strlen(s->path) - 1;
	s->env_end = s->path_at;
	s->env_start = s->env_end - env_bytes;
	s->args_end = s->env_start;
	s->args_start = s->args_end - arg_bytes;
	s->platform_at = align_down(s->args_start - s->slack_bytes, 16) - strlen(s->platform) - 1;
	s->random_at = s->platform_at - sizeof(s->random);

	size_t words = 1 + s->arg_count + 1 + s->env_count + 1;
	size_t auxv_bytes = (s->auxv_count + AUXV_ADDED) * sizeof(struct auxv_entry);

	s->pointer = align_down(s->random_at, 16) - words * sizeof(uint64_t) - auxv_bytes;
	s->pointer = align_down(s->pointer, 16);
	s->auxv_start = s->pointer + words * sizeof(uint64_t);
	s->auxv_end = s->auxv_start + auxv_bytes;
	s->bytes = s->top - s->pointer;
	return s->bytes > limit ? -E2BIG : 0;
}

/* Copies the strings one behind the other to where `address` will be, and their addresses to *words. */
static uint64_t *put_strings(char *image, uintptr_t base, uintptr_t address, char *const *strings,
			     size_t count, uint64_t *words)
{
	for (size_t i = 0; i < count; i++) {
		size_t bytes = strlen(strings[i]) + 1;

		memcpy(image + (address - base), strings[i], bytes);
		*words++ = address;
		address += bytes;
	}
	*words++ = 0;
	return words;
}

void program_stack_fill(const struct program_stack *s, void *image)
{
	char *bytes = image;
	uint64_t *words = image;
	size_t below_strings = s->args_start - s->pointer;

	memset(bytes, 0, below_strings);
	memset(bytes + s->bytes - sizeof(uint64_t), 0, sizeof(uint64_t));
	*words++ = s->arg_count;
	words = put_strings(bytes, s->pointer, s->args_start, s->args, s->arg_count, words);
	words = put_strings(bytes, s->pointer, s->env_start, s->env, s->env_count, words);
	memcpy(words, s->auxv, s->auxv_count * sizeof(*s->auxv));

	struct auxv_entry *added = (struct auxv_entry *)words + s->auxv_count;

	added[0] = (struct auxv_entry){ AT_RANDOM, s->random_at };
	added[1] = (struct auxv_entry){ AT_EXECFN, s->path_at };
	added[2] = (struct auxv_entry){ AT_PLATFORM, s->platform_at };
	added[3] = (struct auxv_entry){ AT_NULL, 0 };
	memcpy(bytes + (s->path_at - s->pointer), s->path, strlen(s->path) + 1);
	memcpy(bytes + (s->platform_at - s->pointer), s->platform, strlen(s->platform) + 1);
	memcpy(bytes + (s->random_at - s->pointer), s->random, sizeof(s->random));
}
