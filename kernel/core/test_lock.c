/* SPDX-License-Identifier: BSD-3-Clause */
/* Mutexes between threads of the simulated machine. */
#define _GNU_SOURCE
#include <core/lock.h>

#include <core/thread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../port/host/host.h"

enum { WORKERS = 3, STACK_BYTES = 1 << 18 };

static struct mutex mutex;
static unsigned inside, entered, ended_count;

struct worker {
	struct thread thread;
	void *stack;
};

static void work(void *arg) NO_THREAD_SAFETY_ANALYSIS
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		mutex_lock(&mutex);
		assert_int_equal(inside++, 0);
		entered++;
		thread_yield(); /* the others find it taken */
		inside--;
		mutex_unlock(&mutex);
	}
}

static void ended(struct thread *thread)
{
	(void)thread;
	ended_count++;
}

static void start(struct worker *worker)
{
	worker->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	thread_init(&worker->thread, "worker", worker->stack, STACK_BYTES, work, worker, ended);
	thread_start(&worker->thread);
}

static void one_thread_is_inside_and_all_come_in(void **state) NO_THREAD_SAFETY_ANALYSIS
{
	struct worker workers[WORKERS];

	(void)state;
	mutex_lock(&mutex);
	for (int i = 0; i < WORKERS; i++)
		start(&workers[i]);
	for (int i = 0; i < 10; i++)
		thread_yield();
	assert_int_equal(entered, 0);
	mutex_unlock(&mutex);
	for (int i = 0; i < 1000 && ended_count < WORKERS; i++)
		thread_yield();
	assert_int_equal(ended_count, WORKERS);
	assert_int_equal(entered, 10 * WORKERS);
	assert_true(list_empty(&mutex.waiters));
	assert_null(mutex.owner);
	for (int i = 0; i < WORKERS; i++)
		munmap(workers[i].stack, STACK_BYTES);
}

static int setup(void **state)
{
	(void)state;
	threads_start(NULL, 0); /* the test is a thread */
	mutex_init(&mutex);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_thread_is_inside_and_all_come_in, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
