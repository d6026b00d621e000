/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll: level, edge, one-shot; descriptors that are dup'ed and closed; wrong use. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static int ep;

static int control(int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };
	return epoll_ctl(ep, op, fd, &event);
}

/* The events of the only ready descriptor; 0: none; -1: several. */
static long ready(uint64_t data)
{
	struct epoll_event events[4];
	int count = epoll_wait(ep, events, 4, 0);

	if (count == 0)
		return 0;
	return count == 1 && events[0].data.u64 == data ? (long)events[0].events : -1;
}

static void put(int fd, uint64_t value)
{
	REQUIRE(write(fd, &value, sizeof value) == sizeof value);
}

static uint64_t take(int fd)
{
	uint64_t value = 0;
	REQUIRE(read(fd, &value, sizeof value) == sizeof value);
	return value;
}

static void check_level(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN, 7), 0);
	CHECK_EQ(ready(7), 0);
	put(fd, 1);
	CHECK_EQ(ready(7), EPOLLIN);
	CHECK_EQ(ready(7), EPOLLIN);
	take(fd);
	CHECK_EQ(ready(7), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 8), 0);
	CHECK_EQ(ready(8), EPOLLOUT);
	put(fd, 1);
	CHECK_EQ(ready(8), EPOLLIN | EPOLLOUT);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, 0, 9), 0);
	CHECK_EQ(ready(9), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, EPOLLIN, 10), 0);
	CHECK_EQ(ready(10), EPOLLIN);
	CHECK_EQ(control(EPOLL_CTL_DEL, fd, 0, 0), 0);
	CHECK_EQ(ready(10), 0);
	CHECK_ERROR(control(EPOLL_CTL_DEL, fd, 0, 0), ENOENT);
	close(fd);
}

static void check_edge(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET, 1), 0);
	CHECK_EQ(ready(1), EPOLLOUT);
	CHECK_EQ(ready(1), 0);
	put(fd, 1);
	CHECK_EQ(ready(1), EPOLLIN | EPOLLOUT);
	CHECK_EQ(ready(1), 0);
	put(fd, 1);
	put(fd, 1);
	CHECK_EQ(ready(1), EPOLLIN | EPOLLOUT);
	CHECK_EQ(ready(1), 0);
	take(fd);
	CHECK_EQ(ready(1), EPOLLOUT);
	CHECK_EQ(ready(1), 0);
	put(fd, 1);
	take(fd);
	CHECK_EQ(ready(1), EPOLLOUT);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, EPOLLOUT | EPOLLET, 1), 0);
	CHECK_EQ(ready(1), EPOLLOUT);
	CHECK_EQ(ready(1), 0);
	close(fd);
}

static void check_edge_of_pipes(void)
{
	static char bytes[4096];
	int fds[2];

	REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLET | EPOLLRDHUP, 1), 0);
	CHECK_EQ(ready(1), 0);
	CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_EQ(ready(1), EPOLLIN);
	CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_EQ(ready(1), EPOLLIN);
	CHECK_EQ(read(fds[0], bytes, 5), 5);
	CHECK_EQ(ready(1), 0);
	CHECK_EQ(read(fds[0], bytes, 100), 15);
	CHECK_EQ(ready(1), 0);
	CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_EQ(read(fds[0], bytes, 100), 10);
	CHECK_EQ(ready(1), 0);
	CHECK_EQ(control(EPOLL_CTL_DEL, fds[0], 0, 0), 0);

	CHECK_EQ(control(EPOLL_CTL_ADD, fds[1], EPOLLOUT | EPOLLET, 2), 0);
	CHECK_EQ(ready(2), EPOLLOUT);
	CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_EQ(read(fds[0], bytes, 100), 10);
	CHECK_EQ(ready(2), 0);
	while (write(fds[1], bytes, sizeof bytes) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(ready(2), 0);
	CHECK_EQ(read(fds[0], bytes, 100), 100);
	CHECK_EQ(ready(2), 0);
	CHECK_EQ(read(fds[0], bytes, sizeof bytes), sizeof bytes);
	CHECK_EQ(ready(2), EPOLLOUT);
	CHECK_EQ(read(fds[0], bytes, sizeof bytes), sizeof bytes);
	CHECK_EQ(ready(2), 0);
	close(fds[0]);
	CHECK_EQ(ready(2), EPOLLOUT | EPOLLERR);
	CHECK_EQ(ready(2), 0);
	close(fds[1]);

	REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, fds[0], 0, 3), 0);
	CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_EQ(ready(3), 0);
	close(fds[1]);
	CHECK_EQ(ready(3), EPOLLHUP);
	CHECK_EQ(ready(3), EPOLLHUP);
	CHECK_EQ(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLRDNORM, 3), 0);
	CHECK_EQ(ready(3), EPOLLHUP | EPOLLIN | EPOLLRDNORM);
	close(fds[0]);
	CHECK_EQ(ready(3), 0);
}

static void check_oneshot(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, 1), 0);
	put(fd, 1);
	CHECK_EQ(ready(1), EPOLLIN);
	CHECK_EQ(ready(1), 0);
	put(fd, 1);
	CHECK_EQ(ready(1), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 2), 0);
	CHECK_EQ(ready(2), EPOLLIN);
	CHECK_EQ(ready(2), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT | EPOLLET, 3), 0);
	CHECK_EQ(ready(3), EPOLLIN);
	put(fd, 1);
	CHECK_EQ(ready(3), 0);
	CHECK_ERROR(control(EPOLL_CTL_ADD, fd, EPOLLIN, 4), EEXIST);
	close(fd);
}

static void check_exclusive(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), other = epoll_create1(0);
	CHECK_ERROR(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1), EINVAL);
	CHECK_ERROR(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP, 1), EINVAL);
	CHECK_ERROR(control(EPOLL_CTL_ADD, other, EPOLLIN | EPOLLEXCLUSIVE, 1), EINVAL);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLWAKEUP, 1), 0);
	CHECK_ERROR(control(EPOLL_CTL_MOD, fd, EPOLLIN, 1), EINVAL);
	CHECK_ERROR(control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE, 1), EINVAL);
	put(fd, 1);
	CHECK_EQ(ready(1), EPOLLIN);
	close(fd);
	CHECK_EQ(ready(1), 0);
	close(other);
}

static void check_descriptors(void)
{
	int fd = eventfd(1, EFD_NONBLOCK), copy = dup(fd);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLIN, 1), 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, copy, EPOLLIN | EPOLLET, 2), 0);
	struct epoll_event events[4];
	CHECK_EQ(epoll_wait(ep, events, 4, 0), 2);
	CHECK_EQ(events[0].data.u64, 1);
	CHECK_EQ(events[1].data.u64, 2);
	CHECK_EQ(ready(1), EPOLLIN);
	/* The file lives on in the copy, and so does what watches it. */
	close(fd);
	CHECK_EQ(ready(1), EPOLLIN);
	CHECK_ERROR(control(EPOLL_CTL_DEL, fd, 0, 0), EBADF);
	/* Another file at the old number is another item. */
	int pipes[2];
	REQUIRE(pipe(pipes) == 0);
	REQUIRE(dup2(pipes[1], fd) == fd);
	CHECK_EQ(control(EPOLL_CTL_ADD, fd, EPOLLOUT, 3), 0);
	CHECK_EQ(epoll_wait(ep, events, 4, 0), 2);
	CHECK_EQ(control(EPOLL_CTL_DEL, fd, 0, 0), 0);
	CHECK_ERROR(control(EPOLL_CTL_DEL, fd, 0, 0), ENOENT);
	close(copy);
	CHECK_EQ(ready(1), 0);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void check_order_and_limit(void)
{
	int fds[5];
	struct epoll_event events[8];

	for (int i = 0; i < 5; i++) {
		fds[i] = eventfd(1, 0);
		CHECK_EQ(control(EPOLL_CTL_ADD, fds[i], EPOLLIN, (uint64_t)i), 0);
	}
	/* Everybody has a turn. */
	unsigned seen = 0;
	for (int turn = 0; turn < 5; turn++) {
		CHECK_EQ(epoll_wait(ep, events, 1, -1), 1);
		CHECK_EQ(events[0].data.u64, (uint64_t)turn);
		seen |= 1u << events[0].data.u64;
	}
	CHECK_EQ(seen, 31);
	CHECK_EQ(epoll_wait(ep, events, 3, -1), 3);
	CHECK_EQ(epoll_wait(ep, events, 8, -1), 5);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	CHECK_EQ(epoll_wait(ep, events, 8, 0), 0);
}

static void check_errors(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = eventfd(1, 0), file = open("/proc/self/exe", O_RDONLY);

	CHECK_ERROR(syscall(SYS_epoll_create, 0), EINVAL);
	CHECK_ERROR(epoll_create1(1), EINVAL);
	CHECK_ERROR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &event), EPERM);
	CHECK_ERROR(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &event), EINVAL);
	CHECK_ERROR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
	CHECK_ERROR(epoll_ctl(-1, EPOLL_CTL_ADD, fd, &event), EBADF);
	CHECK_ERROR(epoll_ctl(ep, EPOLL_CTL_ADD, -1, &event), EBADF);
	CHECK_ERROR(epoll_ctl(ep, 4, fd, &event), EINVAL);
	CHECK_ERROR(epoll_ctl(ep, 0, fd, &event), EINVAL);
	CHECK_ERROR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), ENOENT);
	CHECK_ERROR(epoll_ctl(ep, EPOLL_CTL_ADD, fd, check_bad_pointer()), EFAULT);
	CHECK_ERROR(epoll_wait(ep, &event, 0, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_epoll_wait, ep, &event, -1, 0), EINVAL);
	CHECK_ERROR(epoll_wait(fd, &event, 1, 0), EINVAL);
	CHECK_ERROR(epoll_wait(-1, &event, 1, 0), EBADF);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_ERROR(epoll_wait(ep, check_bad_pointer(), 1, 0), EFAULT);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	char byte;
	CHECK_ERROR(read(ep, &byte, 1), EINVAL);
	CHECK_ERROR(write(ep, "", 1), EINVAL);
	CHECK_EQ(fcntl(ep, F_GETFD), 0);
	int cloexec = epoll_create1(EPOLL_CLOEXEC);
	CHECK_EQ(fcntl(cloexec, F_GETFD), FD_CLOEXEC);
	char link[64] = "";
	snprintf(link, sizeof link, "/proc/self/fd/%d", ep);
	char text[64] = "";
	CHECK(readlink(link, text, sizeof text - 1) > 0);
	CHECK(strcmp(text, "anon_inode:[eventpoll]") == 0);
	close(cloexec);
	close(file);
	close(fd);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static volatile sig_atomic_t signals;

static void count_signal(int signo)
{
	(void)signo;
	signals++;
}

static void check_times_and_signals(void)
{
	struct epoll_event event;
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_EQ(epoll_wait(ep, &event, 1, 30), 0);
	CHECK(elapsed_ms(&start) >= 30);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &event, 1, &(struct timespec){ 0, 20000000 }, NULL,
			 8),
		 0);
	CHECK(elapsed_ms(&start) >= 20);
	CHECK_ERROR(syscall(SYS_epoll_pwait2, ep, &event, 1, &(struct timespec){ 0, -1 }, NULL, 8),
		    EINVAL);

	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	sigset_t mask, before;
	sigaction(SIGALRM, &action, NULL);
	struct itimerval soon = { { 0, 0 }, { 0, 200000 } };
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK_ERROR(epoll_wait(ep, &event, 1, -1), EINTR);
	CHECK_EQ(signals, 1);
	/* A signal that only the call's mask lets in. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_BLOCK, &mask, &before);
	raise(SIGALRM);
	CHECK_EQ(epoll_wait(ep, &event, 1, 1), 0);
	CHECK_EQ(epoll_pwait(ep, &event, 1, 0, &before), 0);
	CHECK_EQ(signals, 1);
	CHECK_ERROR(epoll_pwait(ep, &event, 1, 1000, &before), EINTR);
	CHECK_EQ(signals, 2);
	CHECK_ERROR(syscall(SYS_epoll_pwait, ep, &event, 1, 0, &before, 4), EINVAL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* What is ready is found among what is not, and going away leaves nothing behind. */
static void check_many(void)
{
	enum { MANY = 900 };
	static int fds[MANY];
	struct epoll_event events[8];
	int made = 0;

	for (; made < MANY; made++) {
		fds[made] = eventfd(0, EFD_NONBLOCK);
		REQUIRE(fds[made] >= 0);
		REQUIRE(control(EPOLL_CTL_ADD, fds[made], EPOLLIN, (uint64_t)made) == 0);
	}
	CHECK_EQ(epoll_wait(ep, events, 8, 0), 0);
	put(fds[17], 1);
	put(fds[777], 1);
	CHECK_EQ(epoll_wait(ep, events, 8, 0), 2);
	CHECK_EQ(events[0].data.u64, 17);
	CHECK_EQ(events[1].data.u64, 777);
	for (int i = 0; i < MANY; i += 2)
		close(fds[i]);
	CHECK_EQ(epoll_wait(ep, events, 8, 0), 2);
	for (int i = 1; i < MANY; i += 2)
		REQUIRE(control(EPOLL_CTL_DEL, fds[i], 0, 0) == 0);
	CHECK_EQ(epoll_wait(ep, events, 8, 0), 0);
	for (int i = 1; i < MANY; i += 2)
		close(fds[i]);
}

int main(void)
{
	ep = epoll_create1(0);
	REQUIRE(ep >= 0);
	check_level();
	check_edge();
	check_edge_of_pipes();
	check_oneshot();
	check_exclusive();
	check_descriptors();
	check_order_and_limit();
	check_errors();
	check_times_and_signals();
	check_many();
	return check_done("epoll");
}
