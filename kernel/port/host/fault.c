/* SPDX-License-Identifier: BSD-3-Clause */
/* Fault injection and the leak count, shared by all stand-ins. See host.h. */
#include "host.h"

#include <base/assert.h>

static uint32_t left = HOST_NEVER;
static bool failed;
static size_t blocks;

void host_fail_allocation_after(uint32_t n)
{
	left = n;
	failed = false;
}

bool host_allocation_failed(void)
{
	return failed;
}

bool host_allocation_must_fail(void)
{
	if (left == HOST_NEVER)
		return false;
	if (left--)
		return false;
	left = HOST_NEVER;
	failed = true;
	return true;
}

size_t host_allocations(void)
{
	return blocks;
}

void host_allocation_made(void)
{
	blocks++;
}

void host_allocation_freed(void)
{
	assert(blocks);
	blocks--;
}
