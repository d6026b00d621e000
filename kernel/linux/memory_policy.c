/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls about memory that ask for hardware there is none of: nodes of memory (set_mempolicy(2)), of which there is one, and
 * protection keys (pkeys(7)), as Linux answers them on a machine without.
 */
#include "calls.h"

enum { POLICY_MODES = 7, MODE_FLAGS = 0xe000 };
enum { POLICY_NODE = 1, POLICY_ADDRESS = 2, POLICY_ALLOWED = 4 };
enum { NODES_MAX = 1024, NO_KEY = -1 };

/* A mask of nodes may name the first one only. */
static int check_nodes(long mask, unsigned long count)
{
	uint64_t word;

	if (!mask || count <= 1)
		return 0;
	if (--count > NODES_MAX)
		return -EINVAL;
	for (unsigned long at = 0; at < count; at += 64) {
		if (user_read(&word, (uintptr_t)mask + at / 8, sizeof(word)))
			return -EFAULT;
		if (count - at < 64)
			word &= BIT64(count - at) - 1;
		if (word & (at ? UINT64_MAX : ~(uint64_t)1))
			return -EINVAL;
	}
	return 0;
}

static int check_mode(long mode)
{
	return ((int)mode & ~MODE_FLAGS) >= 0 && ((int)mode & ~MODE_FLAGS) < POLICY_MODES ? 0
											  : -EINVAL;
}

long sys_set_mempolicy(long mode, long mask, long count)
{
	int err = check_mode(mode);

	return err ? err : check_nodes(mask, (unsigned long)count);
}

long sys_mbind(long address, long bytes, long mode, long mask, long count, long flags)
{
	int err = check_mode(mode);

	if (err || (unsigned)flags & ~7u || address & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	err = check_nodes(mask, (unsigned long)count);
	return err                                                                        ? err
	       : space_check(process_current()->space, (uintptr_t)address, (size_t)bytes) ? -EFAULT
											  : 0;
}

long sys_get_mempolicy(long mode, long mask, long count, long address, long flags)
{
	const unsigned known = POLICY_NODE | POLICY_ADDRESS | POLICY_ALLOWED;
	const int32_t none = 0;
	const uint8_t first = (flags & POLICY_ALLOWED) != 0;

	if ((unsigned)flags & ~known || (!(flags & POLICY_ADDRESS) && address))
		return -EINVAL;
	if (mode && user_write((uintptr_t)mode, &none, sizeof(none)))
		return -EFAULT;
	if (!mask)
		return 0;
	if (count < 1 || count > NODES_MAX + 1)
		return -EINVAL;
	if (user_zero((uintptr_t)mask, ((size_t)count + 63) / 64 * 8) ||
	    user_write((uintptr_t)mask, &first, sizeof(first)))
		return -EFAULT;
	return 0;
}

long sys_pkey_alloc(long flags, long rights)
{
	return flags || rights & ~3L ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(long key)
{
	(void)key;
	return -EINVAL;
}

long sys_pkey_mprotect(long address, long bytes, long protection, long key)
{
	return (int)key == NO_KEY ? sys_mprotect(address, bytes, protection) : -EINVAL;
}
