/* SPDX-License-Identifier: BSD-3-Clause */
/* Real-time signals queue with their values, lowest number first; sigtimedwait takes them without a handler. */
#include "check.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static struct {
	int signal_number, value, code;
} log_of[32];
static volatile unsigned seen;

static void handler(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	if (seen < 32) {
		log_of[seen].signal_number = signal_number;
		log_of[seen].value = info->si_value.sival_int;
		log_of[seen].code = info->si_code;
	}
	seen++;
}

static int queue(int signal_number, int value)
{
	return sigqueue(getpid(), signal_number, (union sigval){ .sival_int = value });
}

static void check_order(void)
{
	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGRTMIN);
	sigaddset(&block, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(queue(SIGRTMIN + 1, 100 + i), 0);
		CHECK_EQ(queue(SIGRTMIN, i), 0);
	}
	CHECK_EQ(seen, 0);
	for (int i = 0; i < 3; i++) {
		siginfo_t info;
		struct timespec none = { 0, 0 };
		CHECK_EQ(sigtimedwait(&block, &info, &none), SIGRTMIN);
		CHECK_EQ(info.si_value.sival_int, i);
		CHECK_EQ(info.si_code, SI_QUEUE);
		CHECK_EQ(info.si_pid, getpid());
	}
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	CHECK_EQ(seen, 2);
	CHECK_EQ(log_of[0].value, 3);
	CHECK_EQ(log_of[1].value, 4);
	CHECK_EQ(log_of[0].signal_number, SIGRTMIN);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	CHECK_EQ(seen, 7);
	for (unsigned i = 2; i < 7; i++) {
		CHECK_EQ(log_of[i].signal_number, SIGRTMIN + 1);
		CHECK_EQ(log_of[i].value, 98 + (int)i);
		CHECK_EQ(log_of[i].code, SI_QUEUE);
	}
}

static void check_waiting(void)
{
	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGRTMAX);
	sigprocmask(SIG_BLOCK, &block, NULL);
	siginfo_t info;
	struct timespec short_while = { 0, 20000000 }, bad = { 0, 1000000000 };
	CHECK_ERROR(sigtimedwait(&block, &info, &short_while), EAGAIN);
	CHECK_ERROR(sigtimedwait(&block, &info, &bad), EINVAL);
	kill(getpid(), SIGUSR1);
	queue(SIGRTMAX, 7);
	CHECK_EQ(sigwaitinfo(&block, &info), SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	int signal_number = 0;
	CHECK_EQ(sigwait(&block, &signal_number), 0);
	CHECK_EQ(signal_number, SIGRTMAX);
	/* a standard signal keeps one value only, the first */
	queue(SIGUSR1, 1);
	queue(SIGUSR1, 2);
	CHECK_EQ(sigwaitinfo(&block, &info), SIGUSR1);
	CHECK_EQ(info.si_value.sival_int, 1);
	CHECK_ERROR(sigtimedwait(&block, &info, &(struct timespec){ 0, 0 }), EAGAIN);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static void check_limit(void)
{
	struct rlimit limit;
	CHECK_EQ(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
	limit.rlim_cur = 8;
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &block, NULL);
	int queued = 0;
	while (queued < 100 && queue(SIGRTMIN, queued) == 0)
		queued++;
	CHECK(queued <= 8);
	CHECK_ERROR(queue(SIGRTMIN, 0), EAGAIN);
	seen = 0;
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	CHECK_EQ(seen, queued);
	CHECK_ERROR(queue(65, 0), EINVAL);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGRTMIN + 1, &action, NULL);
	check_order();
	check_waiting();
	check_limit();
	return check_done("sigqueue");
}
