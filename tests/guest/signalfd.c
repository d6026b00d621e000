/* SPDX-License-Identifier: BSD-3-Clause */
/* signalfd: what it tells, in which order, with poll and epoll; masks; waiting. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDNORM, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static void on_signal(int signo)
{
	(void)signo;
}

static void *send_later(void *arg)
{
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	kill(getpid(), *(int *)arg);
	return NULL;
}

static struct signalfd_siginfo info[4];
static sigset_t mask;
static int fd, ep;

static void check_contents(void)
{
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGRTMIN + 3);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	sigdelset(&mask, SIGUSR2);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(polled(fd), 0);
	CHECK_ERROR(read(fd, info, sizeof info), EAGAIN);
	CHECK_ERROR(read(fd, info, 127), EINVAL);

	kill(getpid(), SIGUSR2);
	CHECK_EQ(polled(fd), 0);
	union sigval value = { .sival_int = 4711 };
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 3, value), 0);
	value.sival_int = 4712;
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 3, value), 0);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_EQ(read(fd, info, sizeof info), 4 * sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_code, SI_TKILL);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[0].ssi_uid, getuid());
	CHECK_EQ(info[1].ssi_signo, SIGUSR1);
	CHECK_EQ(info[1].ssi_code, SI_USER);
	CHECK_EQ(info[2].ssi_signo, SIGRTMIN + 3);
	CHECK_EQ(info[2].ssi_code, SI_QUEUE);
	CHECK_EQ(info[2].ssi_int, 4711);
	CHECK_EQ(info[2].ssi_ptr, 4711);
	CHECK_EQ(info[3].ssi_int, 4712);
	CHECK_EQ(polled(fd), 0);
}

static void check_readiness(void)
{
	/* A mask that grows lets in what waited. */
	sigaddset(&mask, SIGUSR2);
	CHECK_EQ(signalfd(fd, &mask, 0), fd);
	CHECK_EQ(polled(fd), POLLIN);
	ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(event.events, EPOLLIN);
	CHECK_EQ(read(fd, info, sizeof info), sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGUSR2);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 10000 } }, NULL);
	CHECK_EQ(epoll_wait(ep, &event, 1, 5000), 1);
	CHECK_EQ(read(fd, info, sizeof info), sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGALRM);
	CHECK_EQ(info[0].ssi_code, SI_KERNEL);

	/* POSIX timers. */
	struct sigevent timer_event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_event.sigev_value.sival_int = 99;
	timer_t timer;
	REQUIRE(timer_create(CLOCK_MONOTONIC, &timer_event, &timer) == 0);
	timer_settime(timer, 0, &(struct itimerspec){ { 0, 0 }, { 0, 5000000 } }, NULL);
	CHECK_EQ(epoll_wait(ep, &event, 1, 5000), 1);
	CHECK_EQ(read(fd, info, sizeof info), sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_code, SI_TIMER);
	CHECK_EQ(info[0].ssi_int, 99);
}

int main(void)
{
	check_contents();
	check_readiness();
	/* Waiting, and being interrupted by a signal that is not read. */
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	pthread_t thread;
	int signo = SIGUSR1;
	REQUIRE(pthread_create(&thread, NULL, send_later, &signo) == 0);
	CHECK_EQ(read(fd, info, sizeof info), sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	pthread_join(thread, NULL);
	sigaction(SIGHUP, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	signo = SIGHUP;
	sigset_t hup;
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	REQUIRE(pthread_create(&thread, NULL, send_later, &signo) == 0);
	CHECK_ERROR(read(fd, info, sizeof info), EINTR);
	pthread_join(thread, NULL);

	CHECK_ERROR(write(fd, info, 128), EINVAL);
	CHECK_ERROR(syscall(SYS_signalfd4, -1, &mask, 4, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_signalfd4, -1, &mask, 8, 1), EINVAL);
	CHECK_ERROR(syscall(SYS_signalfd4, ep, &mask, 8, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_signalfd4, 0x7ffe, &mask, 8, 0), EBADF);
	CHECK_ERROR(syscall(SYS_signalfd4, -1, check_bad_pointer(), 8, 0), EFAULT);
	return check_done("signalfd");
}
