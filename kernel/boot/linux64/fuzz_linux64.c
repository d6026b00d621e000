/* SPDX-License-Identifier: BSD-3-Clause */
/* The input is physical memory from 0x6000 on, with the zero page at its start: its magic numbers
 * are there already. */
#include "../test_boot.h"

#include <boot/protocols.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	struct test_memory memory = { .base = TEST_MEMORY_BASE, .bytes = max(size, PAGE_SIZE) };
	struct boot_memory at = test_boot_memory(&memory);

	memset(&info, 0xa5, sizeof info);
	memory.data = calloc(1, memory.bytes);
	if (size)
		memcpy(memory.data, data, size);
	test_put16(&memory, TEST_MEMORY_BASE + 0x1fe, 0xaa55);
	test_put32(&memory, TEST_MEMORY_BASE + 0x202, 0x53726448);
	if (!boot_read_linux64(&info, TEST_MEMORY_BASE, &at) && !boot_info_check(&info))
		test_promises(&info);
	free(memory.data);
	return 0;
}
