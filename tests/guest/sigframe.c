/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame a handler gets: stack alignment, red zone untouched, a context that can be changed, x87/SSE state in it. */
#include "check.h"

#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

static uintptr_t frame_misalignment, interrupted_rsp, frame_address;
static bool mask_in_context, magic_found;
static volatile unsigned calls;

static void handler(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	(void)signal_number;
	(void)info;
	calls++;
	frame_misalignment = (uintptr_t)__builtin_frame_address(0) & 15;
	frame_address = (uintptr_t)__builtin_frame_address(0);
	interrupted_rsp = (uintptr_t)user->uc_mcontext.gregs[REG_RSP];
	mask_in_context = sigismember(&user->uc_sigmask, SIGHUP) == 1;
	user->uc_mcontext.gregs[REG_RAX] = 0x1234;
	struct _libc_fpstate *fpu = (struct _libc_fpstate *)user->uc_mcontext.fpregs;
	CHECK(fpu != NULL);
	CHECK_EQ((uintptr_t)fpu & 15, 0);
	uint32_t xmm3[4] = { 1, 2, 3, 4 };
	memcpy((char *)fpu + 160 + 3 * 16, xmm3, sizeof(xmm3));
	uint32_t *software =
		(uint32_t *)((char *)fpu +
			     464); /* sw_reserved: FP_XSTATE_MAGIC1, size, features, size */
	uint32_t *end = (uint32_t *)((char *)fpu + software[4]);
	magic_found = software[0] == 0x46505853 && software[1] == software[4] + 4 &&
		      *end == 0x46505845;
}

/* Fills the red zone, traps, and checks that it is as it was. A leaf function, so that it may use it. */
__attribute__((noinline)) static uint64_t trap_with_red_zone(uint32_t xmm3[4])
{
	uint64_t result, broken;
	__asm__ volatile(
		"lea -128(%%rsp), %%rdi\n\tmov $16, %%ecx\n\tmov $0x5aa5f00d, %%rax\n\tcld\n\trep "
		"stosq\n\t"
		"xor %%eax, %%eax\n\tint3\n\tmov %%rax, %0\n\tmovups %%xmm3, (%2)\n\t"
		"xor %1, %1\n\tmov $-128, %%rcx\n\tmov $0x5aa5f00d, %%rax\n"
		"1:\tcmp %%rax, (%%rsp,%%rcx)\n\tje 2f\n\tinc %1\n2:\tadd $8, %%rcx\n\tjnz 1b"
		: "=&r"(result), "=&r"(broken)
		: "r"(xmm3)
		: "memory", "rax", "rcx", "rdi", "xmm3", "cc");
	return result | broken << 32;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGTRAP, &action, NULL);
	sigset_t hup;
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hup, NULL);
	uint32_t xmm3[4] = { 0 };
	CHECK_EQ(trap_with_red_zone(xmm3), 0x1234);
	CHECK_EQ(calls, 1);
	CHECK_EQ(xmm3[0], 1);
	CHECK_EQ(xmm3[3], 4);
	CHECK_EQ(frame_misalignment, 0);
	CHECK(frame_address < interrupted_rsp - 128);
	CHECK(mask_in_context);
	unsigned a, b, c, d;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE))
		CHECK(magic_found);
	return check_done("sigframe");
}
