/* SPDX-License-Identifier: BSD-3-Clause */
/* What sigaction's flags do: SA_NODEFER, SA_RESETHAND, SA_SIGINFO, and what is given back of the old action. */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>

static volatile int depth, deepest, calls;
static siginfo_t info;

static void nested(int signal_number)
{
	calls++;
	if (++depth > deepest)
		deepest = depth;
	if (calls < 4)
		raise(signal_number);
	depth--;
}

static void with_info(int signal_number, siginfo_t *given, void *context)
{
	(void)signal_number;
	(void)context;
	calls++;
	info = *given;
}

static void check_deferral(void)
{
	struct sigaction action = { .sa_handler = nested };
	sigaction(SIGUSR1, &action, NULL);
	calls = deepest = 0;
	raise(SIGUSR1);
	CHECK_EQ(calls, 4);
	CHECK_EQ(deepest, 1); /* one after the other */
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &action, NULL);
	calls = deepest = 0;
	raise(SIGUSR1);
	CHECK_EQ(calls, 4);
	CHECK_EQ(deepest, 4);
}

static void check_reset(void)
{
	struct sigaction action = { .sa_handler = nested, .sa_flags = SA_RESETHAND }, old;
	sigaction(SIGCHLD, &action, NULL);
	calls = 3;
	raise(SIGCHLD);
	CHECK_EQ(calls, 4);
	CHECK_EQ(sigaction(SIGCHLD, NULL, &old), 0);
	CHECK(old.sa_handler == SIG_DFL);
	raise(SIGCHLD); /* its default is to be ignored */
	CHECK_EQ(calls, 4);
}

static void check_old_action(void)
{
	struct sigaction action = { .sa_sigaction = with_info,
				    .sa_flags = SA_SIGINFO | SA_RESTART },
			 old;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGHUP);
	sigaddset(&action.sa_mask, SIGRTMAX);
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR2, NULL, &old), 0);
	CHECK(old.sa_sigaction == with_info);
	CHECK((old.sa_flags & SA_SIGINFO) != 0);
	CHECK((old.sa_flags & SA_RESTART) != 0);
	CHECK_EQ(sigismember(&old.sa_mask, SIGHUP), 1);
	CHECK_EQ(sigismember(&old.sa_mask, SIGRTMAX), 1);
	CHECK_EQ(sigismember(&old.sa_mask, SIGUSR1), 0);
}

static void check_origin(void)
{
	calls = 0;
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(info.si_signo, SIGUSR2);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2), 0);
	CHECK_EQ(calls, 2);
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR2), 0);
	CHECK_EQ(calls, 3);
	CHECK_EQ(raise(SIGUSR2), 0);
	CHECK_EQ(calls, 4);
	CHECK_ERROR(syscall(SYS_tgkill, getpid(), 0x3fffffff, SIGUSR2), ESRCH);
	CHECK_ERROR(syscall(SYS_tgkill, -1, 1, SIGUSR2), EINVAL);
	CHECK_ERROR(syscall(SYS_rt_sigaction, SIGUSR2, NULL, NULL, 4), EINVAL);
	CHECK_ERROR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 4), EINVAL);
}

int main(void)
{
	check_deferral();
	check_reset();
	check_old_action();
	check_origin();
	return check_done("sigflags");
}
