/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll and threads: one event wakes one of those that wait at an instance, or, with EPOLLEXCLUSIVE, at several; who waits sees
 * what is added meanwhile; a descriptor that is closed while others wait. */
#include "check.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

enum { THREADS = 4 };

static int instances[THREADS], counter;
static volatile unsigned woken;

static void rest_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

static void add(int ep, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
}

static void put(int fd)
{
	uint64_t one = 1;
	CHECK_EQ(write(fd, &one, 8), 8);
}

/* Waits for one event, or until a second is over. */
static void *wait_one(void *arg)
{
	struct epoll_event event;

	if (epoll_wait(*(int *)arg, &event, 1, 1000) == 1)
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start_all(pthread_t *threads)
{
	woken = 0;
	for (int i = 0; i < THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, wait_one, &instances[i]) == 0);
	rest_ms(50);
}

static void join_all(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void check_one_instance(void)
{
	pthread_t threads[THREADS];
	int ep = epoll_create1(0);

	for (int i = 0; i < THREADS; i++)
		instances[i] = ep;
	counter = eventfd(0, EFD_NONBLOCK);
	add(ep, counter, EPOLLIN | EPOLLET);
	start_all(threads);
	put(counter);
	rest_ms(50);
	CHECK_EQ(woken, 1);
	put(counter);
	rest_ms(50);
	CHECK_EQ(woken, 2);
	/* Added while they wait, and ready at once. */
	int second = eventfd(1, 0);
	add(ep, second, EPOLLIN | EPOLLONESHOT);
	rest_ms(50);
	CHECK_EQ(woken, 3);
	close(second);
	close(counter);
	join_all(threads);
	CHECK_EQ(woken, 3);
	close(ep);
}

static void check_many_instances(uint32_t flags, unsigned wanted)
{
	pthread_t threads[THREADS];

	counter = eventfd(0, EFD_NONBLOCK);
	for (int i = 0; i < THREADS; i++) {
		instances[i] = epoll_create1(0);
		add(instances[i], counter, EPOLLIN | EPOLLET | flags);
	}
	start_all(threads);
	put(counter);
	rest_ms(50);
	CHECK_EQ(woken, wanted);
	join_all(threads);
	for (int i = 0; i < THREADS; i++)
		close(instances[i]);
	close(counter);
}

/* Events from one thread, another takes them; none is lost. */

enum { ROUNDS = 2000 };
static int there, back;

static void *echo(void *arg)
{
	struct epoll_event event;
	uint64_t value;
	int ep = epoll_create1(0);

	(void)arg;
	add(ep, there, EPOLLIN | EPOLLET);
	for (int i = 0; i < ROUNDS; i++) {
		if (epoll_wait(ep, &event, 1, 5000) != 1 || read(there, &value, 8) != 8)
			return "lost";
		put(back);
	}
	close(ep);
	return NULL;
}

static void check_ping_pong(void)
{
	struct epoll_event event;
	pthread_t thread;
	uint64_t value;
	void *result;
	int ep = epoll_create1(0), rounds = 0;

	there = eventfd(0, EFD_NONBLOCK);
	back = eventfd(0, EFD_NONBLOCK);
	add(ep, back, EPOLLIN | EPOLLET);
	REQUIRE(pthread_create(&thread, NULL, echo, NULL) == 0);
	for (; rounds < ROUNDS; rounds++) {
		put(there);
		if (epoll_wait(ep, &event, 1, 5000) != 1 || read(back, &value, 8) != 8)
			break;
	}
	CHECK_EQ(rounds, ROUNDS);
	pthread_join(thread, &result);
	CHECK(!result);
	close(ep);
}

int main(void)
{
	check_one_instance();
	check_many_instances(0, THREADS);
	check_many_instances(EPOLLEXCLUSIVE, 1);
	check_ping_pong();
	return check_done("epollthreads");
}
