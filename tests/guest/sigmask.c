/* SPDX-License-Identifier: BSD-3-Clause */
/* Signal masks: sigprocmask, sigpending, sigsuspend, the mask during a handler, and what cannot be blocked. */
#include "check.h"

#include <signal.h>

static int order[16];
static volatile unsigned seen;
static sigset_t mask_in_handler;

static void handler(int signal_number)
{
	if (seen < sizeof(order) / sizeof(*order))
		order[seen] = signal_number;
	seen++;
	sigprocmask(SIG_SETMASK, NULL, &mask_in_handler);
}

static sigset_t set_of(int first, int second)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, first);
	if (second)
		sigaddset(&set, second);
	return set;
}

static void check_blocking(void)
{
	sigset_t block = set_of(SIGUSR1, SIGUSR2), old, pending;
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, &old), 0);
	CHECK_EQ(sigismember(&old, SIGUSR1), 0);
	seen = 0;
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(seen, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
	CHECK_EQ(sigismember(&pending, SIGUSR2), 1);
	CHECK_EQ(sigismember(&pending, SIGTERM), 0);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &block, NULL), 0);
	CHECK_EQ(seen, 2); /* a standard signal does not queue */
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
}

static void check_handler_mask(void)
{
	struct sigaction action = { .sa_handler = handler };
	action.sa_mask = set_of(SIGHUP, 0);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	seen = 0;
	raise(SIGUSR1);
	CHECK_EQ(seen, 1);
	CHECK_EQ(sigismember(&mask_in_handler, SIGUSR1), 1);
	CHECK_EQ(sigismember(&mask_in_handler, SIGHUP), 1);
	CHECK_EQ(sigismember(&mask_in_handler, SIGUSR2), 0);
	sigset_t after;
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK_EQ(sigismember(&after, SIGUSR1), 0);
	CHECK_EQ(sigismember(&after, SIGHUP), 0);
}

static void check_suspend(void)
{
	sigset_t block = set_of(SIGUSR1, SIGUSR2), wait, after;
	sigprocmask(SIG_BLOCK, &block, NULL);
	seen = 0;
	raise(SIGUSR1);
	raise(SIGUSR2);
	CHECK_EQ(seen, 0);
	wait = set_of(SIGUSR2, 0);
	CHECK_ERROR(sigsuspend(&wait), EINTR);
	CHECK_EQ(seen, 1);
	CHECK_EQ(order[0], SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK_EQ(sigismember(&after, SIGUSR1), 1);
	CHECK_EQ(sigismember(&after, SIGUSR2), 1);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	CHECK_EQ(seen, 2);
}

static void check_ignored(void)
{
	sigset_t block = set_of(SIGUSR1, 0), pending;
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN); /* drops what is pending */
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
	signal(SIGUSR1, handler);
	seen = 0;
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	CHECK_EQ(seen, 0);
	raise(SIGCHLD); /* ignored by default */
	raise(SIGURG);
	raise(SIGWINCH);
	raise(SIGCONT);
}

static void check_unblockable(void)
{
	sigset_t all, now;
	sigfillset(&all);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGKILL), 0);
	CHECK_EQ(sigismember(&now, SIGSTOP), 0);
	CHECK_EQ(sigismember(&now, SIGTERM), 1);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	struct sigaction action = { .sa_handler = handler };
	CHECK_ERROR(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERROR(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_ERROR(sigaction(65, &action, NULL), EINVAL);
	CHECK_ERROR(sigaction(0, &action, NULL), EINVAL);
	CHECK_ERROR(sigprocmask(77, &all, NULL), EINVAL);
	CHECK_ERROR(kill(getpid(), 65), EINVAL);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERROR(kill(0x3fffffff, 0), ESRCH);
}

int main(void)
{
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	check_blocking();
	check_handler_mask();
	check_suspend();
	check_ignored();
	check_unblockable();
	return check_done("sigmask");
}
