/* SPDX-License-Identifier: BSD-3-Clause */
/* poll, ppoll, select, pselect: many descriptors, bad ones, what is written back, time-outs, signals. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { MANY = 200 };
static int fds[MANY];
static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	(void)signo;
	signals++;
}

static void in_ms(int ms)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, ms * 1000 } }, NULL);
}

static void put(int fd)
{
	uint64_t one = 1;
	REQUIRE(write(fd, &one, 8) == 8);
}

static void take(int fd)
{
	uint64_t value;
	REQUIRE(read(fd, &value, 8) == 8);
}

static void check_poll(void)
{
	static struct pollfd set[MANY + 2];

	for (int i = 0; i < MANY; i++)
		set[i] = (struct pollfd){ fds[i], POLLIN, 0x55 };
	CHECK_EQ(poll(set, MANY, 0), 0);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(set[i].revents, 0);
	put(fds[3]);
	put(fds[150]);
	CHECK_EQ(poll(set, MANY, -1), 2);
	CHECK_EQ(set[3].revents, POLLIN);
	CHECK_EQ(set[150].revents, POLLIN);
	set[3].events = 0;
	set[150].fd = -150;
	CHECK_EQ(poll(set, MANY, 10), 0);
	CHECK_EQ(set[150].revents, 0);
	set[7].fd = 0x7ffe;
	CHECK_EQ(poll(set, MANY, -1), 1);
	CHECK_EQ(set[7].revents, POLLNVAL);
	set[0].events = POLLIN | POLLOUT;
	CHECK_EQ(poll(set, 1, -1), 1);
	CHECK_EQ(set[0].revents, POLLOUT);
	take(fds[3]);
	take(fds[150]);
	CHECK_ERROR(syscall(SYS_poll, check_bad_pointer(), 1, 0), EFAULT);
	CHECK_ERROR(syscall(SYS_poll, set, 0x7fffffff, 0), EINVAL);
	CHECK_EQ(syscall(SYS_poll, check_bad_pointer(), 0, 0), 0);
	int file = open("/proc/self/exe", O_RDONLY);
	set[0] = (struct pollfd){ file, POLLIN | POLLOUT | POLLPRI, 0 };
	CHECK_EQ(poll(set, 1, -1), 1);
	CHECK_EQ(set[0].revents, POLLIN | POLLOUT);
	close(file);
}

static void check_select(void)
{
	fd_set in, out, except;
	struct timeval time = { 0, 0 };

	FD_ZERO(&in);
	for (int i = 0; i < MANY; i++)
		FD_SET(fds[i], &in);
	out = except = in;
	put(fds[100]);
	CHECK_EQ(select(fds[MANY - 1] + 1, &in, NULL, &except, &time), 1);
	CHECK(FD_ISSET(fds[100], &in));
	CHECK(!FD_ISSET(fds[99], &in));
	CHECK(!FD_ISSET(fds[100], &except));
	in = out;
	CHECK_EQ(select(fds[MANY - 1] + 1, &in, &out, NULL, NULL), 1 + MANY);
	take(fds[100]);
	FD_ZERO(&in);
	FD_SET(fds[5], &in);
	time = (struct timeval){ 0, 20000 };
	CHECK_EQ(syscall(SYS_select, fds[5] + 1, &in, NULL, NULL, &time), 0);
	CHECK(!FD_ISSET(fds[5], &in));
	CHECK(time.tv_sec == 0 && time.tv_usec == 0);
	/* What lies past the count is not looked at. */
	FD_SET(fds[5], &in);
	put(fds[5]);
	CHECK_EQ(select(fds[5], &in, NULL, NULL, &time), 0);
	time = (struct timeval){ 5, 0 };
	FD_ZERO(&in);
	FD_SET(fds[5], &in);
	CHECK_EQ(syscall(SYS_select, fds[5] + 1, &in, NULL, NULL, &time), 1);
	CHECK(time.tv_sec == 4 || (time.tv_sec == 5 && time.tv_usec == 0));
	take(fds[5]);
	int closed = dup(fds[5]);
	FD_ZERO(&in);
	FD_SET(closed, &in);
	close(closed);
	CHECK_ERROR(select(closed + 1, &in, NULL, NULL, NULL), EBADF);
	CHECK_ERROR(select(-1, &in, NULL, NULL, NULL), EINVAL);
	CHECK_ERROR(syscall(SYS_select, 1, check_bad_pointer(), NULL, NULL, NULL), EFAULT);
	time = (struct timeval){ -1, 0 };
	CHECK_ERROR(syscall(SYS_select, 0, NULL, NULL, NULL, &time), EINVAL);
}

static void check_signals(void)
{
	struct pollfd one = { fds[0], POLLIN, 0 };
	sigset_t alarm, none;
	struct timespec left = { 10, 0 };
	fd_set in;

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
		  NULL);
	in_ms(200);
	CHECK_ERROR(poll(&one, 1, -1), EINTR);
	in_ms(200);
	CHECK_ERROR(syscall(SYS_ppoll, &one, 1, &left, NULL, 8), EINTR);
	CHECK(left.tv_sec == 9);
	CHECK_EQ(signals, 2);
	sigemptyset(&none);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	raise(SIGALRM);
	CHECK_EQ(poll(&one, 1, 1), 0);
	CHECK_ERROR(ppoll(&one, 1, &(struct timespec){ 0, 0 }, &none), EINTR);
	CHECK_EQ(signals, 3);
	raise(SIGALRM);
	FD_ZERO(&in);
	FD_SET(fds[0], &in);
	CHECK_ERROR(pselect(fds[0] + 1, &in, NULL, NULL, &left, &none), EINTR);
	CHECK(FD_ISSET(fds[0], &in));
	CHECK_EQ(signals, 4);
	/* Something ready counts more than a signal, which waits for the mask to allow it again. */
	put(fds[0]);
	raise(SIGALRM);
	CHECK_EQ(ppoll(&one, 1, NULL, &none), 1);
	CHECK_EQ(signals, 4);
	sigprocmask(SIG_SETMASK, &none, NULL);
	CHECK_EQ(signals, 5);
	take(fds[0]);
	/* An ignored signal ends nothing. */
	signal(SIGALRM, SIG_IGN);
	in_ms(5);
	CHECK_EQ(poll(&one, 1, 30), 0);
}

int main(void)
{
	for (int i = 0; i < MANY; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK);
		REQUIRE(fds[i] >= 0);
	}
	check_poll();
	check_select();
	check_signals();
	return check_done("pollselect");
}
