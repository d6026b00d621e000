/* SPDX-License-Identifier: BSD-3-Clause */
/* siglongjmp out of a handler restores the mask, a thousand times over; the null page trick that runtimes use. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

static sigjmp_buf out;
static volatile char *page;
static volatile unsigned handled;

static void jump(int signal_number)
{
	(void)signal_number;
	handled++;
	siglongjmp(out, 1);
}

/* Makes the page accessible and returns, so that the instruction is run again. */
static void repair(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	handled++;
	mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)4095), 4096,
		 PROT_READ | PROT_WRITE);
}

static void check_jumps(void)
{
	signal(SIGSEGV, jump);
	for (volatile int i = 0; i < 1000; i++)
		if (sigsetjmp(out, 1) == 0)
			*(volatile int *)(page + i * 4) = 1;
	CHECK_EQ(handled, 1000);
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGSEGV), 0);
}

static void check_repair(void)
{
	struct sigaction action = { .sa_sigaction = repair, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	handled = 0;
	for (int i = 0; i < 64; i++)
		page[i * 4096 + i] = (char)i;
	CHECK_EQ(handled, 64);
	int sum = 0;
	for (int i = 0; i < 64; i++)
		sum += page[i * 4096 + i];
	CHECK_EQ(sum, 63 * 32);
	CHECK_EQ(handled, 64);
}

int main(void)
{
	page = mmap(NULL, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(page != MAP_FAILED);
	check_jumps();
	check_repair();
	return check_done("sigjmp");
}
