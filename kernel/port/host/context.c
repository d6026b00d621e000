/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads of the simulated machine: contexts of the host's C library, switched at the same places as the real ones. They have
 * no user mode, so its registers are only kept. All weak, so that a test may have its own.
 */
#define _GNU_SOURCE
#include <hal/context.h>

#include <base/assert.h>
#include <hal/user.h>

#include <string.h>
#include <ucontext.h>

#define weak __attribute__((weak))

enum { FPU_BYTES = 512 };

static struct {
	uint64_t fs_base, gs_base;
	uint8_t fpu[FPU_BYTES];
} user;

/* makecontext() hands on ints only: a pointer is two of them. */
static void start(unsigned fn_low, unsigned fn_high, unsigned arg_low, unsigned arg_high)
{
	void (*fn)(void *arg) = (void (*)(void *))((uintptr_t)fn_high << 32 | fn_low);

	fn((void *)((uintptr_t)arg_high << 32 | arg_low));
}

/* The context itself lies at the top of the stack. */
weak uintptr_t context_prepare(uintptr_t stack_top, void (*fn)(void *arg), void *arg)
{
	enum { CONTEXT_ROOM = (sizeof(ucontext_t) + 63) & ~63, STACK_ROOM = 12288 };
	ucontext_t *context = (ucontext_t *)(stack_top - CONTEXT_ROOM);
	uintptr_t fn_bits = (uintptr_t)fn, arg_bits = (uintptr_t)arg;

	memset(context, 0, sizeof(*context));
	assert(!getcontext(context));
	context->uc_stack.ss_sp = (char *)context - STACK_ROOM;
	context->uc_stack.ss_size = STACK_ROOM;
	makecontext(context, (void (*)(void))start, 4, (unsigned)fn_bits, (unsigned)(fn_bits >> 32),
		    (unsigned)arg_bits, (unsigned)(arg_bits >> 32));
	return (uintptr_t)context;
}

weak void context_switch(uintptr_t *save_sp, uintptr_t load_sp)
{
	ucontext_t here;

	*save_sp = (uintptr_t)&here;
	assert(!swapcontext(&here, (ucontext_t *)load_sp));
}

weak uint64_t user_fs_base(void)
{
	return user.fs_base;
}

weak uint64_t user_gs_base(void)
{
	return user.gs_base;
}

weak void user_set_fs_base(uint64_t base)
{
	user.fs_base = base;
}

weak void user_set_gs_base(uint64_t base)
{
	user.gs_base = base;
}

weak size_t fpu_state_bytes(void)
{
	return FPU_BYTES;
}

weak void fpu_reset(void)
{
	memset(user.fpu, 0, FPU_BYTES);
}

weak void fpu_store(void *area)
{
	memcpy(area, user.fpu, FPU_BYTES);
}

weak int fpu_load(const void *area)
{
	memcpy(user.fpu, area, FPU_BYTES);
	return 0;
}
