/* SPDX-License-Identifier: BSD-3-Clause */
/* randomsig SEED STEPS: random signals, masks and actions; prints which handlers ran, in what order and with what. */
#include "check.h"
#include "random.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static const int numbers[] = { SIGHUP, SIGINT,   SIGUSR1, SIGUSR2, SIGTERM, SIGCHLD,
			       SIGURG, SIGWINCH, 36,      37,      50,      64 };
enum { COUNT = sizeof(numbers) / sizeof(*numbers) };

static unsigned step;
static volatile unsigned depth;

static void show_mask(const char *what, const sigset_t *set)
{
	printf("   %s", what);
	for (int i = 0; i < COUNT; i++)
		if (sigismember(set, numbers[i]))
			printf(" %d", numbers[i]);
	printf("\n");
}

static void handler(int signal_number, siginfo_t *info, void *context)
{
	sigset_t now;
	(void)context;
	printf("   in %d, depth %u, code %d, value %d\n", signal_number, depth, info->si_code,
	       info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
	sigprocmask(SIG_SETMASK, NULL, &now);
	show_mask("mask", &now);
	depth++;
	if (depth < 3 && random_below(4) == 0)
		raise(numbers[random_below(COUNT)]);
	depth--;
}

static void random_set(sigset_t *set)
{
	sigemptyset(set);
	for (int i = 0; i < COUNT; i++)
		if (random_below(3) == 0)
			sigaddset(set, numbers[i]);
}

/* Every signal has a handler or is ignored, so that none kills. */
static void do_action(void)
{
	static const int flags[] = { 0, SA_NODEFER, SA_RESTART, SA_RESETHAND,
				     SA_NODEFER | SA_RESTART };
	int number = numbers[random_below(COUNT)];
	struct sigaction action = { .sa_sigaction = handler }, old;
	action.sa_flags = SA_SIGINFO | flags[random_below(5)];
	bool harmless = number == SIGCHLD || number == SIGURG || number == SIGWINCH;
	if ((action.sa_flags & SA_RESETHAND) && !harmless)
		action.sa_flags &= ~(int)SA_RESETHAND;
	random_set(&action.sa_mask);
	if (random_below(5) == 0) {
		action.sa_flags = 0;
		action.sa_handler = harmless && random_below(2) ? SIG_DFL : SIG_IGN;
	}
	int result = sigaction(number, &action, &old);
	printf("%u action %d: %d, was %s\n", step, number, result,
	       old.sa_handler == SIG_IGN   ? "ignored"
	       : old.sa_handler == SIG_DFL ? "default"
					   : "handled");
}

static void do_send(void)
{
	int number = numbers[random_below(COUNT)];
	printf("%u send %d\n", step, number);
	switch (random_below(4)) {
	case 0:
		kill(getpid(), number);
		break;
	case 1:
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
		break;
	default:
		sigqueue(getpid(), number, (union sigval){ .sival_int = (int)step });
	}
}

static void do_mask(void)
{
	static const int ways[] = { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };
	sigset_t set, old;
	random_set(&set);
	int how = ways[random_below(3)];
	printf("%u mask %d\n", step, how);
	sigprocmask(how, &set, &old);
	show_mask("old", &old);
	sigpending(&set);
	show_mask("pending", &set);
}

static void do_wait(void)
{
	sigset_t set;
	siginfo_t info;
	random_set(&set);
	int got = sigtimedwait(&set, &info, &(struct timespec){ 0, 0 });
	printf("%u wait: %d", step, got);
	if (got > 0)
		printf(", code %d, value %d", info.si_code,
		       info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
	printf("\n");
}

static void do_suspend(void)
{
	sigset_t mask, pending;
	struct sigaction action;
	random_set(&mask);
	sigpending(&pending);
	for (int i = 0; i < COUNT; i++) { /* only where it comes back */
		sigaction(numbers[i], NULL, &action);
		if (sigismember(&pending, numbers[i]) && !sigismember(&mask, numbers[i]) &&
		    action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL) {
			printf("%u suspend\n", step);
			int result = sigsuspend(&mask);
			printf("   back: %d, %d\n", result, errno == EINTR);
			return;
		}
	}
}

int main(int argc, char **argv)
{
	static char output[65536];
	static void (*const actions[])(void) = { do_action, do_send, do_send,   do_send,
						 do_mask,   do_wait, do_suspend };
	unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	random_seed(argc > 1 ? (uint64_t)atoi(argv[1]) : 1);
	for (int i = 0; i < COUNT; i++) {
		struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
		sigaction(numbers[i], &action, NULL);
	}
	for (step = 0; step < steps; step++)
		actions[random_below(sizeof(actions) / sizeof(*actions))]();
	return check_done("randomsig");
}
