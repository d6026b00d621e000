/* SPDX-License-Identifier: BSD-3-Clause */
/* Any file: the check reads within it, and a refusal always has its words. */
#include "elf_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_facts facts;
	int err = elf_check(data, size, &facts);

	if (err && !facts.why[0])
		abort();
	if (strnlen(facts.why, sizeof facts.why) == sizeof facts.why)
		abort();
	return 0;
}
