/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is physical memory from 0x6000 on, and the protocol's structure is at its start. */
#include "../test_boot.h"

#include <boot/protocols.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	struct test_memory memory = { .base = TEST_MEMORY_BASE, .bytes = size };
	struct boot_memory at = test_boot_memory(&memory);

	memset(&info, 0xa5, sizeof info);
	memory.data = malloc(size);
	if (size)
		memcpy(memory.data, data, size);
	if (!boot_read_multiboot2(&info, TEST_MEMORY_BASE, &at) && !boot_info_check(&info))
		test_promises(&info);
	free(memory.data);
	return 0;
}
