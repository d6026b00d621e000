/* SPDX-License-Identifier: BSD-3-Clause */
/* Scheduling policies, priorities, nice values, affinity and memory barriers. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

enum { OTHER, FIFO, RR, BATCH, IDLE = 5, RESET_ON_FORK = 0x40000000 };

struct attributes {
	uint32_t bytes, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t utilisation[2];
	uint32_t later[10];
};

/* musl's functions of these names refuse to work. */
static long set_policy(pid_t tid, int policy, int priority)
{
	return syscall(SYS_sched_setscheduler, tid, policy, &priority);
}

static long policy_of(pid_t tid)
{
	return syscall(SYS_sched_getscheduler, tid);
}

static int priority_of(pid_t tid)
{
	int priority = -1;

	CHECK_EQ(syscall(SYS_sched_getparam, tid, &priority), 0);
	return priority;
}

static void test_errors(void)
{
	struct attributes a = { .bytes = 47 };
	struct timespec interval;
	int priority = 0;

	CHECK_ERROR(set_policy(-1, OTHER, 0), EINVAL);
	CHECK_ERROR(set_policy(0, -1, 0), EINVAL);
	CHECK_ERROR(set_policy(0, 4, 0), EINVAL);
	CHECK_ERROR(set_policy(0, OTHER, 1), EINVAL);
	CHECK_ERROR(set_policy(0, FIFO, 0), EINVAL);
	CHECK_ERROR(set_policy(0, RR, 100), EINVAL);
	CHECK_ERROR(set_policy(3999999, OTHER, 0), ESRCH);
	CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, OTHER, NULL), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_setscheduler, 0, OTHER, check_bad_pointer()), EFAULT);
	CHECK_ERROR(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_getparam, 3999999, &priority), ESRCH);
	CHECK_ERROR(policy_of(-1), EINVAL);
	CHECK_ERROR(policy_of(3999999), ESRCH);
	CHECK_ERROR(syscall(SYS_sched_rr_get_interval, -1, &interval), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_rr_get_interval, 3999999, &interval), ESRCH);
	CHECK_ERROR(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_getattr, 0, &a, 48, 1), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_getattr, 0, NULL, 48, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	a = (struct attributes){ .bytes = sizeof(a), .later[3] = 1 };
	CHECK_ERROR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	a = (struct attributes){ .bytes = 48, .policy = 77 };
	CHECK_ERROR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a = (struct attributes){ .bytes = 48, .flags = 1ull << 40 };
	CHECK_ERROR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	CHECK_ERROR(getpriority(3, 0), EINVAL);
	CHECK_ERROR(getpriority(PRIO_PROCESS, 3999999), ESRCH);
	CHECK_ERROR(setpriority(PRIO_PROCESS, 3999999, 0), ESRCH);
}

static void test_ranges(void)
{
	static const int policies[] = { OTHER, FIFO, RR, BATCH, IDLE, 6 };

	for (unsigned i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		printf("policy %d: %d to %d\n", policies[i], sched_get_priority_min(policies[i]),
		       sched_get_priority_max(policies[i]));
	CHECK_ERROR(sched_get_priority_max(4), EINVAL);
	CHECK_ERROR(sched_get_priority_min(-1), EINVAL);
}

static void test_policies(void)
{
	struct attributes a = { 0 };
	struct timespec interval;

	CHECK_EQ(policy_of(0), OTHER);
	CHECK_EQ(policy_of(getpid()), OTHER);
	CHECK_EQ(set_policy(0, BATCH, 0), 0);
	CHECK_EQ(policy_of(0), BATCH);
	CHECK_EQ(set_policy(0, RR | RESET_ON_FORK, 7), 0);
	CHECK_EQ(policy_of(0), RR | RESET_ON_FORK);
	CHECK_EQ(priority_of(0), 7);
	CHECK_EQ(syscall(SYS_sched_rr_get_interval, 0, &interval), 0);
	CHECK_EQ(interval.tv_sec, 0);
	CHECK(interval.tv_nsec > 0);
	CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, 48, 0), 0);
	CHECK_EQ(a.bytes, 48);
	CHECK_EQ(a.policy, RR);
	CHECK_EQ(a.priority, 7);
	CHECK_EQ(a.flags, 1);
	CHECK_EQ(set_policy(0, FIFO, 99), 0);
	CHECK_EQ(policy_of(0), FIFO);
	CHECK_EQ(syscall(SYS_sched_rr_get_interval, 0, &interval), 0);
	CHECK_EQ(interval.tv_nsec, 0);
	CHECK_ERROR(syscall(SYS_sched_setparam, 0, &(int){ 0 }), EINVAL);
	CHECK_EQ(syscall(SYS_sched_setparam, 0, &(int){ 3 }), 0);
	CHECK_EQ(priority_of(0), 3);
	a = (struct attributes){ .bytes = sizeof(a), .policy = OTHER, .nice = 4 };
	CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
	CHECK_EQ(policy_of(0), OTHER);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 4);
}

static void *look(void *arg)
{
	(void)arg;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 9), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 9);
	return NULL;
}

/* A thread starts with its maker's nice value, and has one of its own. */
static void test_nice(void)
{
	pthread_t thread;

	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	REQUIRE(!pthread_create(&thread, NULL, look, NULL));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -100), 0);
	errno = 0;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	CHECK_EQ(errno, 0);
	CHECK_EQ(nice(20), 0);
}

static char order[8];
static unsigned place;

static void *enter(void *arg)
{
	order[place++] = *(char *)arg;
	return NULL;
}

/* On one CPU the one of higher priority goes first, whoever was made first. */
static void test_order(void)
{
	static char names[] = "abc";
	static const int priorities[] = { 10, 30, 20 };
	pthread_t threads[3];
	pthread_attr_t attributes;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(set_policy(0, FIFO, 40), 0);
	for (int i = 0; i < 3; i++) {
		pthread_attr_init(&attributes);
		pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
		pthread_attr_setschedparam(
			&attributes, &(struct sched_param){ .sched_priority = priorities[i] });
		REQUIRE(!pthread_create(&threads[i], &attributes, enter, &names[i]));
	}
	CHECK_EQ(place, 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(set_policy(0, OTHER, 0), 0);
	CHECK(!strcmp(order, "bca"));
}

/* The lowest holds a lock that the highest wants: until it gives it up it runs before the one between them. */
static pthread_mutex_t lent;
static volatile int steps;
static int low_done, middle_done;

static void *be_low(void *arg)
{
	pthread_mutex_lock(&lent);
	steps = 1;
	for (volatile int i = 0; i < 3000000; i++)
		;
	low_done = ++steps;
	pthread_mutex_unlock(&lent);
	return arg;
}

static void *be_middle(void *arg)
{
	for (volatile int i = 0; i < 1000; i++)
		;
	middle_done = ++steps;
	return arg;
}

static void *be_high(void *arg)
{
	pthread_mutex_lock(&lent);
	CHECK_EQ(middle_done, 0);
	pthread_mutex_unlock(&lent);
	return arg;
}

static void start_at(pthread_t *thread, int priority, void *(*fn)(void *))
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
	pthread_attr_setschedparam(&attributes,
				   &(struct sched_param){ .sched_priority = priority });
	REQUIRE(!pthread_create(thread, &attributes, fn, NULL));
}

static void test_inheritance(void)
{
	pthread_mutexattr_t attributes;
	pthread_t threads[3];

	pthread_mutexattr_init(&attributes);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), 0);
	pthread_mutex_init(&lent, &attributes);
	CHECK_EQ(set_policy(0, FIFO, 50), 0);
	start_at(&threads[0], 10, be_low);
	while (!steps)
		usleep(1000);
	start_at(&threads[1], 30, be_high);
	start_at(&threads[2], 20, be_middle);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(set_policy(0, OTHER, 0), 0);
	CHECK_EQ(low_done, 2);
	CHECK_EQ(middle_done, 3);
}

static void test_affinity(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CHECK_ERROR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_ERROR(sched_setaffinity(3999999, sizeof(set), &set), ESRCH);
	CHECK_ERROR(syscall(SYS_sched_setaffinity, 0, 8, check_bad_pointer()), EFAULT);
	CHECK_ERROR(syscall(SYS_sched_getaffinity, 0, 4, &set), EINVAL);
	CHECK_ERROR(syscall(SYS_sched_getaffinity, 3999999, 128, &set), ESRCH);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK(CPU_ISSET(sched_getcpu(), &set));
	CHECK_EQ(sched_setaffinity(getpid(), sizeof(set), &set), 0);
}

static void test_barriers(void)
{
	enum { QUERY, GLOBAL = 1, PRIVATE = 8, REGISTER_PRIVATE = 16, PRIVATE_RSEQ = 128 };

	CHECK((syscall(SYS_membarrier, QUERY, 0, 0) & 31) == 31);
	CHECK_ERROR(syscall(SYS_membarrier, PRIVATE, 0, 0), EPERM);
	CHECK_EQ(syscall(SYS_membarrier, REGISTER_PRIVATE, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, PRIVATE, 0, 0), 0);
	CHECK_ERROR(syscall(SYS_membarrier, PRIVATE_RSEQ, 0, 0), EPERM);
	CHECK_ERROR(syscall(SYS_membarrier, PRIVATE, 1, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_membarrier, 3, 0, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_membarrier, -1, 0, 0), EINVAL);
}

int main(void)
{
	test_errors();
	test_ranges();
	test_policies();
	test_nice();
	test_affinity();
	test_order();
	test_inheritance();
	test_barriers();
	return check_done("scheduling");
}
