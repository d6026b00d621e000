/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals where there are several threads: who gets them, whose masks and stacks count, and what they interrupt. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"

enum { THREADS = 4 };

static sem_t ready, go;
static volatile int taken_by, taken;
static __thread int number = -1;
static __thread volatile int mine;

static void note(int signo)
{
	(void)signo;
	taken_by = number;
	mine++;
	__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
}

static void handle(int signo, int flags)
{
	const struct sigaction action = { .sa_handler = note, .sa_flags = flags };

	sigaction(signo, &action, NULL);
}

static sigset_t set_of(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	return set;
}

static void wait_for(volatile int *value, int wanted)
{
	for (int i = 0; i < 5000 && *value != wanted; i++)
		usleep(1000);
	CHECK_EQ(*value, wanted);
}

/* Only thread 2 lets SIGUSR1 through. */
static void *let_one_through(void *arg)
{
	sigset_t set = set_of(SIGUSR1);

	number = (int)(long)arg;
	pthread_sigmask(number == 2 ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
	sem_post(&ready);
	while (sem_wait(&go) && errno == EINTR)
		;
	return NULL;
}

static void test_who_gets_it(void)
{
	pthread_t threads[THREADS];
	sigset_t set = set_of(SIGUSR1);

	handle(SIGUSR1, 0);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (long i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, let_one_through, (void *)i));
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	for (int i = 1; i <= 20; i++) {
		taken_by = -1;
		kill(getpid(), SIGUSR1);
		wait_for(&taken, i);
		CHECK_EQ(taken_by, 2);
	}
	/* To one thread that blocks it: it stays with that one, and goes when that ends. */
	pthread_kill(threads[0], SIGUSR1);
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(taken, 20);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(taken, 20);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(taken, 21);
	CHECK_EQ(taken_by, -1);
}

/* One that is pending for the process is taken by whoever unblocks it first. */
static void *unblock(void *arg)
{
	sigset_t set = set_of(SIGUSR2), pending;

	number = 7;
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGUSR2), 1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(mine, 1);
	return arg;
}

static void test_pending_for_all(void)
{
	sigset_t set = set_of(SIGUSR2);
	pthread_t thread;

	handle(SIGUSR2, 0);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	taken = 0;
	kill(getpid(), SIGUSR2);
	REQUIRE(!pthread_create(&thread, NULL, unblock, NULL));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(taken, 1);
	CHECK_EQ(taken_by, 7);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(taken, 1);
}

static void *wait_for_signals(void *arg)
{
	sigset_t set = set_of(SIGRTMIN);
	const struct timespec second = { 5, 0 }, soon = { 0, 10000000 };
	siginfo_t info;
	int signo;

	CHECK_EQ(sigwait(&set, &signo), 0);
	CHECK_EQ(signo, SIGRTMIN);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(sigtimedwait(&set, &info, &second), SIGRTMIN);
		CHECK_EQ(info.si_code, SI_QUEUE);
		CHECK_EQ(info.si_value.sival_int, i);
	}
	CHECK_ERROR(sigtimedwait(&set, &info, &soon), EAGAIN);
	return arg;
}

static void test_waiting_for_signals(void)
{
	sigset_t set = set_of(SIGRTMIN);
	pthread_t thread;

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	REQUIRE(!pthread_create(&thread, NULL, wait_for_signals, NULL));
	usleep(10000);
	kill(getpid(), SIGRTMIN);
	for (int i = 1; i <= 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
	CHECK_EQ(pthread_join(thread, NULL), 0);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *suspend(void *arg)
{
	sigset_t none, all;

	sigfillset(&all);
	sigemptyset(&none);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	sem_post(&ready);
	CHECK_ERROR(sigsuspend(&none), EINTR);
	CHECK_EQ(mine, 1);
	pthread_sigmask(SIG_BLOCK, NULL, &none);
	CHECK_EQ(sigismember(&none, SIGUSR1), 1);
	return arg;
}

static void test_suspend(void)
{
	pthread_t threads[THREADS];

	taken = 0;
	for (int i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, suspend, NULL));
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	for (int i = 0; i < THREADS; i++)
		pthread_kill(threads[i], SIGUSR1);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(taken, THREADS);
}

/* --- stacks of their own --- */

static __thread char *stack_memory;
static volatile int on_stack;

static void look_at_stack(int signo)
{
	char here;
	stack_t stack;

	(void)signo;
	sigaltstack(NULL, &stack);
	if (&here >= stack_memory && &here < stack_memory + 65536 && stack.ss_flags & SS_ONSTACK)
		__atomic_add_fetch(&on_stack, 1, __ATOMIC_SEQ_CST);
}

static void *use_own_stack(void *arg)
{
	stack_t stack = { .ss_size = 65536 };

	stack_memory = malloc(65536);
	stack.ss_sp = stack_memory;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	for (int i = 0; i < 50; i++) {
		raise(SIGUSR1);
		sched_yield();
	}
	stack.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	free(stack_memory);
	return arg;
}

static void test_stacks(void)
{
	const struct sigaction action = { .sa_handler = look_at_stack, .sa_flags = SA_ONSTACK };
	pthread_t threads[THREADS];

	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, use_own_stack, NULL));
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(on_stack, 50 * THREADS);
}

/* --- what they interrupt --- */

static int pipes[2];

static void *read_pipe(void *arg)
{
	char byte;
	ssize_t n = read(pipes[0], &byte, 1);

	return (void *)(arg ? n : (ssize_t)errno);
}

static void test_interruption(void)
{
	pthread_t thread;
	void *result;

	REQUIRE(!pipe(pipes));
	handle(SIGUSR1, 0);
	REQUIRE(!pthread_create(&thread, NULL, read_pipe, NULL));
	usleep(20000);
	pthread_kill(thread, SIGUSR1);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK_EQ((long)result, EINTR);

	handle(SIGUSR1, SA_RESTART);
	REQUIRE(!pthread_create(&thread, NULL, read_pipe, (void *)1));
	taken = 0;
	for (int i = 1; i <= 5; i++) {
		usleep(5000);
		pthread_kill(thread, SIGUSR1);
		wait_for(&taken, i);
	}
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK_EQ((long)result, 1);
}

/* A signal may come between any two instructions: what the compiler keeps where must not suffer. */
static volatile bool stop;

static double compute(unsigned seed)
{
	double a = seed, b = 1;
	unsigned long h = seed;

	for (int i = 0; i < 20000; i++) {
		h = h * 6364136223846793005ul + 1442695040888963407ul;
		a = a * 0.5 + (double)(h >> 40);
		b += a / (double)(i + 1);
	}
	return a + b;
}

static void *compute_again(void *arg)
{
	unsigned seed = (unsigned)(long)arg;
	double first = compute(seed);
	long same = 0, other = 0;

	sem_post(&ready);
	while (!stop)
		*(compute(seed) == first ? &same : &other) += 1;
	CHECK_EQ(other, 0);
	CHECK(same > 0);
	return NULL;
}

static void test_any_instruction(void)
{
	pthread_t threads[THREADS];

	handle(SIGURG, SA_RESTART | SA_ONSTACK);
	for (long i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, compute_again, (void *)(i + 1)));
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	for (int i = 0; i < 2000; i++) {
		pthread_kill(threads[i % THREADS], SIGURG);
		if (i % 16 == 0)
			usleep(200);
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* --- timers --- */

static void *be_target(void *arg)
{
	const struct itimerspec often = { { 0, 2000000 }, { 0, 2000000 } };
	struct {
		union sigval value;
		int signo, notify, tid, pad[11];
	} event = { .signo = SIGUSR2, .notify = 4 /* SIGEV_THREAD_ID */ };
	int timer;

	number = 3;
	event.tid = (int)syscall(SYS_gettid);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(syscall(SYS_timer_settime, timer, 0, &often, NULL), 0);
	for (int i = 0; i < 5000 && mine < 5; i++)
		usleep(1000);
	CHECK(mine >= 5);
	CHECK_EQ(taken_by, 3);
	/* It goes on, but nobody is there any more. */
	return arg;
}

static void test_timer_for_thread(void)
{
	pthread_t thread;
	int timer = 0;

	mine = 0;
	handle(SIGUSR2, SA_RESTART);
	REQUIRE(!pthread_create(&thread, NULL, be_target, NULL));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	usleep(10000);
	CHECK_EQ(mine, 0);
	CHECK_EQ(syscall(SYS_timer_delete, timer), 0);
}

/* --- stopping --- */

static volatile unsigned long ticks[2];

static void *tick(void *arg)
{
	volatile unsigned long *counter = arg;

	while (!stop)
		++*counter;
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *sleep_long(void *arg)
{
	const struct timespec time = { 0, 200000000 };
	uint64_t start = now_ms();

	CHECK_EQ(nanosleep(&time, NULL), 0); /* goes on after the stop, to its own end */
	CHECK(now_ms() - start >= 200);
	return arg;
}

/* A timer lets the process go on after 50 ms. */
static void test_stop(void)
{
	const struct itimerspec once = { .it_value.tv_nsec = 50000000 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT };
	struct timespec zero = { 0, 0 };
	pthread_t threads[3];
	sigset_t set = set_of(SIGCONT);
	uint64_t start;
	timer_t timer;

	stop = false;
	for (int i = 0; i < 2; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, tick, (void *)&ticks[i]));
	REQUIRE(!pthread_create(&threads[2], NULL, sleep_long, NULL));
	while (!ticks[0] || !ticks[1])
		usleep(1000);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	start = now_ms();
	CHECK_EQ(timer_settime(timer, 0, &once, NULL), 0);
	CHECK_EQ(kill(getpid(), SIGSTOP), 0);
	CHECK(now_ms() - start >= 50);
	/* It has worked though it is blocked here; if no other thread has thrown it away yet, it is gone now. */
	sigtimedwait(&set, NULL, &zero);
	timer_delete(timer);
	stop = true;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* What stops and what continues undo each other while they are pending. */
static void test_undoing(void)
{
	sigset_t both = set_of(SIGCONT), pending;

	sigaddset(&both, SIGTSTP);
	pthread_sigmask(SIG_BLOCK, &both, NULL);
	raise(SIGCONT);
	kill(getpid(), SIGTSTP);
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGCONT), 0);
	CHECK_EQ(sigismember(&pending, SIGTSTP), 1);
	raise(SIGCONT);
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGCONT), 1);
	CHECK_EQ(sigismember(&pending, SIGTSTP), 0);
	pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

int main(void)
{
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	test_who_gets_it();
	test_pending_for_all();
	test_waiting_for_signals();
	test_suspend();
	test_stacks();
	test_interruption();
	test_any_instruction();
	test_timer_for_thread();
	test_stop();
	test_undoing();
	return check_done("sigthreads");
}
