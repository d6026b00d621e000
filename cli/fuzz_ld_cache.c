/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a cache: only absolute paths come out. */
#include "ld_cache.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strings paths = { 0 };

	ld_cache_find(data, size, "libc.so.6", &paths);
	ld_cache_find(data, size, "", &paths);
	for (size_t i = 0; i < paths.count; i++) {
		if (paths.items[i][0] != '/')
			abort();
	}
	strings_free(&paths);
	return 0;
}
