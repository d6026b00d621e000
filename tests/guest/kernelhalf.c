/* SPDX-License-Identifier: BSD-3-Clause */
/* A fault in the kernel's half of the address space tells nothing of what is mapped there. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

static sigjmp_buf back;
static long error_code;

static void caught(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	(void)signo;
	CHECK(info->si_code == SEGV_MAPERR);
	error_code = uc->uc_mcontext.gregs[REG_ERR];
	siglongjmp(back, 1);
}

static long probe(uintptr_t address)
{
	error_code = -1;
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)address;
	return error_code;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO };
	const uintptr_t half = 0xffff800000000000;

	CHECK(!sigaction(SIGSEGV, &action, NULL));
	for (uintptr_t slot = 0; slot < 256; slot++)
		CHECK(probe(half + (slot << 39)) ==
		      5); /* user, present: as if all of it were mapped */
	return check_done("kernelhalf");
}
