/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns by address. See pattern.h. */
#include "pattern.h"

void pattern_fill(uint64_t *words, size_t bytes, uint64_t start, enum pattern pattern)
{
	for (size_t at = 0; at < bytes; at += sizeof *words)
		words[at / sizeof *words] = pattern_at(start + at, pattern);
}

size_t pattern_find_bad(const uint64_t *words, size_t bytes, uint64_t start, enum pattern pattern)
{
	for (size_t at = 0; at < bytes; at += sizeof *words)
		if (words[at / sizeof *words] != pattern_at(start + at, pattern))
			return at;
	return bytes;
}
