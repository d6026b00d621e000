/* SPDX-License-Identifier: BSD-3-Clause */
/* <hal/context.h>: the frame that traps.S's context_switch() finds on a new thread's stack. */
#include <hal/context.h>

#include <base/assert.h>
#include <base/bits.h>
#include <hal/user.h>

/* As context_switch() pops them. */
struct switch_frame {
	uintptr_t r15, r14, r13, r12, rbx, rbp, rip;
	uintptr_t end_of_calls;
};

/* traps.S */
void context_begin(void);

uintptr_t context_prepare(uintptr_t stack_top, void (*fn)(void *arg), void *arg)
{
	/* The top is kept for the registers of user mode, which user_enter() writes while it runs
	 * below. */
	uintptr_t below = align_down(stack_top - sizeof(struct user_regs), 16);
	struct switch_frame *frame = (struct switch_frame *)below - 1;

	static_assert(sizeof *frame % 16 == 0, "the stack stays aligned (System V psABI 3.2.2)");
	*frame = (struct switch_frame){ .r12 = (uintptr_t)arg,
					.rbx = (uintptr_t)fn,
					.rip = (uintptr_t)context_begin };
	return (uintptr_t)frame;
}
