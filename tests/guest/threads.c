/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads as the C library makes them: what they share, what is their own, and how they end. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>

#include "check.h"

enum { THREADS = 16, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t readers = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t semaphore;
static __thread int own = 7;
static long counter, guarded, starts, destroyed;
static int turn;

static void count_start(void)
{
	starts++;
}

static void count_destroyed(void *value)
{
	destroyed += (long)value;
}

static void *count(void *arg)
{
	own += (int)(long)arg;
	pthread_once(&once, count_start);
	pthread_setspecific(key, (void *)1);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		pthread_rwlock_wrlock(&readers);
		guarded++;
		pthread_rwlock_unlock(&readers);
		__atomic_add_fetch(&starts, 2, __ATOMIC_RELAXED);
	}
	sem_post(&semaphore);
	return (void *)(long)own;
}

static void test_sharing(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	pthread_key_create(&key, count_destroyed);
	sem_init(&semaphore, 0, 0);
	for (long i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, count, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(sem_wait(&semaphore), 0);
	for (long i = 0; i < THREADS; i++) {
		void *result;

		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((long)result, 7 + i);
	}
	CHECK_EQ(counter, THREADS * ROUNDS);
	CHECK_EQ(guarded, THREADS * ROUNDS);
	CHECK_EQ(starts, 2 * THREADS * ROUNDS + 1);
	CHECK_EQ(destroyed, THREADS);
	CHECK_EQ(own, 7);
}

/* Each waits for its turn: every hand-over is a wait and a wake-up. */
static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&lock);
		while (turn % 4 != me)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void test_conditions(void)
{
	pthread_t threads[4];
	struct timespec now;

	for (long i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, take_turns, (void *)i));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(turn, 800);

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_nsec += 20000000;
	if (now.tv_nsec >= 1000000000) {
		now.tv_nsec -= 1000000000;
		now.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	CHECK_EQ(pthread_cond_timedwait(&changed, &lock, &now), ETIMEDOUT);
	CHECK_EQ(pthread_mutex_timedlock(&lock, &now), ETIMEDOUT);
	pthread_mutex_unlock(&lock);
	CHECK_EQ(sem_trywait(&semaphore), -1);
	CHECK_EQ(sem_timedwait(&semaphore, &now), -1);
	CHECK_EQ(errno, ETIMEDOUT);
}

static unsigned tasks_listed(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2;
}

struct seen {
	pid_t pid, tid;
	unsigned tasks;
	int rounding, blocked;
	bool alternate_stack;
	char name[16];
};

static void *look(void *arg)
{
	struct seen *seen = arg;
	stack_t stack;
	sigset_t set;

	seen->pid = getpid();
	seen->tid = (pid_t)syscall(SYS_gettid);
	seen->tasks = tasks_listed();
	seen->rounding = fegetround();
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	seen->blocked = sigismember(&set, SIGUSR2);
	sigaltstack(NULL, &stack);
	seen->alternate_stack = !(stack.ss_flags & SS_DISABLE);
	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	fesetround(FE_DOWNWARD);
	return NULL;
}

/* A thread begins with its maker's mask, rounding and name, but without its alternate stack. */
static void test_inheritance(void)
{
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	struct seen seen;
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fesetround(FE_UPWARD);
	sigaltstack(&stack, NULL);
	pthread_setname_np(pthread_self(), "a-name-of-15-by");
	REQUIRE(!pthread_create(&thread, NULL, look, &seen));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(seen.pid, getpid());
	CHECK(seen.tid > 0 && seen.tid != seen.pid);
	CHECK_EQ(seen.tasks, 2);
	CHECK_EQ(seen.rounding, FE_UPWARD);
	CHECK_EQ(seen.blocked, 1);
	CHECK_EQ(seen.alternate_stack, 0);
	CHECK(!strcmp(seen.name, "a-name-of-15-by"));
	CHECK_EQ(fegetround(), FE_UPWARD);
	fesetround(FE_TONEAREST);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static volatile bool never;
static int cleaned;

static void clean(void *arg)
{
	cleaned += (int)(long)arg;
}

static void *wait_to_be_cancelled(void *arg)
{
	pthread_cleanup_push(clean, (void *)1);
	if (arg) {
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		while (!never)
			;
	}
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_cancellation(void)
{
	for (long way = 0; way < 2; way++) {
		pthread_t thread;
		void *result;

		REQUIRE(!pthread_create(&thread, NULL, wait_to_be_cancelled, (void *)way));
		usleep(10000);
		CHECK_EQ(pthread_cancel(thread), 0);
		CHECK_EQ(pthread_join(thread, &result), 0);
		CHECK(result == PTHREAD_CANCELED);
	}
	CHECK_EQ(cleaned, 2);
}

/* More than one at a time spins: none of them gives the CPU away. */
static void *spin(void *arg)
{
	volatile long *ticks = arg;

	while (!never)
		++*ticks;
	return NULL;
}

static void test_preemption(void)
{
	static volatile long ticks[3];
	pthread_t threads[3];
	bool all = false;

	for (int i = 0; i < 3; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, spin, (void *)&ticks[i]));
	for (int tries = 0; tries < 1000 && !all; tries++) {
		usleep(1000);
		all = ticks[0] && ticks[1] && ticks[2];
	}
	CHECK(all);
	never = true;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void *quick(void *arg)
{
	return arg;
}

static void test_churn(void)
{
	for (long i = 0; i < 3000; i++) {
		pthread_t thread;
		void *result;

		REQUIRE(!pthread_create(&thread, NULL, quick, (void *)i));
		REQUIRE(!pthread_join(thread, &result));
		CHECK_EQ((long)result, i);
	}
	CHECK_EQ(tasks_listed(), 1);
}

int main(void)
{
	test_sharing();
	test_conditions();
	test_inheritance();
	test_cancellation();
	test_preemption();
	test_churn();
	return check_done("threads");
}
