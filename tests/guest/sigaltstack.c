/* SPDX-License-Identifier: BSD-3-Clause */
/* Handlers on an alternate stack, a stack overflow handled there, and sigaltstack's errors. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define STACK_SIZE 65536

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char *alternate;
static sigjmp_buf out;
static volatile bool on_alternate, try_change;
static volatile int change_error, flags_inside;
static volatile int calls;

static bool is_inside(const void *address)
{
	return (uintptr_t)address - (uintptr_t)alternate < STACK_SIZE;
}

static void handler(int signal_number)
{
	(void)signal_number;
	char here;
	stack_t now, change = { .ss_sp = alternate, .ss_size = STACK_SIZE };
	calls++;
	on_alternate = is_inside(&here);
	sigaltstack(NULL, &now);
	flags_inside = now.ss_flags;
	if (try_change)
		change_error = sigaltstack(&change, NULL) == 0 ? 0 : errno;
}

static void overflow_handler(int signal_number, siginfo_t *info, void *context)
{
	char here;
	(void)context;
	(void)info;
	on_alternate = is_inside(&here);
	siglongjmp(out, signal_number);
}

static int overflow(int depth)
{
	if (depth < 0)
		return depth;
	volatile char room[4096];
	room[depth & 4095] = (char)depth;
	return overflow(depth + 1) + room[(depth * 7) & 4095];
}

static void check_handler(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = STACK_SIZE }, old;
	CHECK_EQ(sigaltstack(&stack, &old), 0);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == alternate);
	CHECK_EQ(old.ss_size, STACK_SIZE);
	CHECK_EQ(old.ss_flags, 0);
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaction(SIGUSR1, &action, NULL);
	try_change = true;
	raise(SIGUSR1);
	CHECK_EQ(calls, 1);
	CHECK(on_alternate);
	CHECK_EQ(flags_inside, SS_ONSTACK);
	CHECK_EQ(change_error, EPERM);
	action.sa_flags = 0;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	CHECK_EQ(calls, 2);
	CHECK(!on_alternate);
	CHECK_EQ(change_error, 0);
	try_change = false;
}

static void check_overflow(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 1 << 20;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	struct sigaction action = { .sa_sigaction = overflow_handler,
				    .sa_flags = SA_ONSTACK | SA_SIGINFO };
	sigaction(SIGSEGV, &action, NULL);
	for (volatile int i = 0; i < 3; i++) {
		on_alternate = false;
		int got = sigsetjmp(out, 1);
		if (got == 0)
			calls = overflow(0);
		CHECK_EQ(got, SIGSEGV);
		CHECK(on_alternate);
	}
}

static void check_autodisarm(void)
{
	stack_t stack = { .ss_sp = alternate,
			  .ss_size = STACK_SIZE,
			  .ss_flags = (int)SS_AUTODISARM },
		now;
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	CHECK(on_alternate);
	CHECK_EQ(flags_inside, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ((unsigned)now.ss_flags, SS_AUTODISARM); /* put back by sigreturn */
}

static void check_errors(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = 1024 },
		disable = { .ss_flags = SS_DISABLE }, now;
	CHECK_ERROR(sigaltstack(&stack, NULL), ENOMEM);
	stack.ss_size = STACK_SIZE;
	stack.ss_flags = 0x40;
	CHECK_ERROR(sigaltstack(&stack, NULL), EINVAL);
	CHECK_EQ(sigaltstack(&disable, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ(now.ss_flags, SS_DISABLE);
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaction(SIGUSR1, &action, NULL);
	on_alternate = true;
	raise(SIGUSR1);
	CHECK(!on_alternate);
}

int main(void)
{
	alternate = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	REQUIRE(alternate != MAP_FAILED);
	check_handler();
	check_overflow();
	check_autodisarm();
	check_errors();
	return check_done("sigaltstack");
}
