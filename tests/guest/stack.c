/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack grows on demand to RLIMIT_STACK and RLIMIT_AS and not past them. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static sigjmp_buf out;
static volatile int reached;

static void handler(int signal_number)
{
	siglongjmp(out, signal_number);
}

static int descend(int kibibytes)
{
	volatile char room[1024 - 64];
	room[kibibytes % 900] = (char)kibibytes;
	reached = kibibytes;
	if (kibibytes <= 0)
		return room[0];
	return descend(kibibytes - 1) + room[kibibytes % 900] - (char)kibibytes;
}

/* Touches the stack far below without walking there. */
static void leap(size_t bytes)
{
	volatile char *here = __builtin_frame_address(0);
	here[-(ptrdiff_t)bytes] = 1;
}

int main(void)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	struct rlimit limit = { 0 };
	CHECK_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
	CHECK(limit.rlim_cur >= 8u << 20);
	CHECK(limit.rlim_max >= limit.rlim_cur);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	sigaction(SIGSEGV, &action, NULL);
	CHECK_EQ(sigsetjmp(out, 1) ? -1 : descend(6 * 1024) & 0, 0);
	CHECK_EQ(reached, 0);
	limit.rlim_cur = 7u << 20;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	int got = sigsetjmp(out, 1);
	if (got == 0)
		leap((7u << 20) + 65536);
	CHECK_EQ(got, SIGSEGV);
	limit.rlim_cur = 8u << 20;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	got = sigsetjmp(out, 1);
	if (got == 0)
		leap((7u << 20) + 65536);
	CHECK_EQ(got, 0); /* the limit counts at the moment of the fault */
	struct rlimit addresses = { 0 }, few = { 0 };
	CHECK_EQ(getrlimit(RLIMIT_AS, &addresses), 0);
	few = addresses;
	few.rlim_cur = 1 << 20;
	CHECK_EQ(setrlimit(RLIMIT_AS, &few), 0);
	got = sigsetjmp(out, 1);
	if (got == 0)
		leap((7u << 20) + 262144);
	CHECK_EQ(setrlimit(RLIMIT_AS, &addresses), 0);
	CHECK_EQ(got, SIGSEGV); /* and so does that of the addresses */
	return check_done("stack");
}
