/* SPDX-License-Identifier: BSD-3-Clause */
/* <hal/user.h>: copying with checks of the address, and a thread's segment bases. */
#include <hal/user.h>

#include "asm_defs.h"
#include "instructions.h"

#include <base/bits.h>
#include <base/errno.h>
#include <hal/memory.h>

/* traps.S */
size_t user_copy(void *dst, const void *src, size_t bytes);
size_t user_fill_zero(void *dst, size_t bytes);
ssize_t user_string(char *dst, const char *src, size_t size);
int user_load_word(uintptr_t address, uint32_t *value);
int user_swap_word(uintptr_t address, uint32_t *expected, uint32_t value);

int user_read(void *dst, uintptr_t src, size_t bytes)
{
	if (!range_fits(src, bytes, USER_MAX))
		return -EFAULT;
	return user_copy(dst, (const void *)src, bytes) ? -EFAULT : 0;
}

int user_write(uintptr_t dst, const void *src, size_t bytes)
{
	if (!range_fits(dst, bytes, USER_MAX))
		return -EFAULT;
	return user_copy((void *)dst, src, bytes) ? -EFAULT : 0;
}

int user_zero(uintptr_t dst, size_t bytes)
{
	if (!range_fits(dst, bytes, USER_MAX))
		return -EFAULT;
	return user_fill_zero((void *)dst, bytes) ? -EFAULT : 0;
}

ssize_t user_read_string(char *dst, uintptr_t src, size_t size)
{
	size_t limit = src < USER_MAX ? min(size, USER_MAX - src) : 0;
	ssize_t length;

	if (!limit)
		return size ? -EFAULT : -ENAMETOOLONG;
	length = user_string(dst, (const char *)src, limit);
	if (length == (ssize_t)limit)
		return limit == size ? -ENAMETOOLONG : -EFAULT;
	return length;
}

static bool is_user_word(uintptr_t address)
{
	return is_aligned(address, sizeof(uint32_t)) && address < USER_MAX;
}

int user_read_word(uintptr_t address, uint32_t *value)
{
	return is_user_word(address) ? user_load_word(address, value) : -EFAULT;
}

int user_compare_swap(uintptr_t address, uint32_t *expected, uint32_t value)
{
	return is_user_word(address) ? user_swap_word(address, expected, value) : -EFAULT;
}

void user_set_fs_base(uint64_t base)
{
	wrmsr(MSR_FS_BASE, base);
}

/* In the kernel the program's GS base waits for SWAPGS. */
void user_set_gs_base(uint64_t base)
{
	wrmsr(MSR_KERNEL_GS_BASE, base);
}

uint64_t user_fs_base(void)
{
	return rdmsr(MSR_FS_BASE);
}

uint64_t user_gs_base(void)
{
	return rdmsr(MSR_KERNEL_GS_BASE);
}
