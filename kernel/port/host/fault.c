/* SPDX-License-Identifier: BSD-3-Clause */
/* Fault injection shared by the stand-ins: the n-th allocation from now fails. See host.h. */
#include "host.h"

static uint32_t left = HOST_NEVER;
static bool failed;

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
