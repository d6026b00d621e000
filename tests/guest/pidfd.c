/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors for a process: pidfd_open, pidfd_send_signal, pidfd_getfd, and waitid for one. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { OPEN = 434, SEND_SIGNAL = 424, GETFD = 438, WAIT_PIDFD = 3 };

static volatile siginfo_t got;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	got = *info;
}

static void opening(void)
{
	int fd = (int)syscall(OPEN, getpid(), 0);

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
	char c;
	CHECK_ERROR(read(fd, &c, 1), EINVAL);
	CHECK_ERROR(write(fd, &c, 1), EINVAL);
	CHECK_ERROR(lseek(fd, 0, SEEK_SET), ESPIPE);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	CHECK_EQ(poll(&p, 1, 10), 0);
	close(fd);
	fd = (int)syscall(OPEN, getpid(), O_NONBLOCK);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	close(fd);
	CHECK_ERROR(syscall(OPEN, 0, 0), EINVAL);
	CHECK_ERROR(syscall(OPEN, -1, 0), EINVAL);
	CHECK_ERROR(syscall(OPEN, getpid(), O_CLOEXEC), EINVAL);
	CHECK_ERROR(syscall(OPEN, 0x3ffffff, 0), ESRCH);
}

static void signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	int fd = (int)syscall(OPEN, getpid(), 0);

	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(syscall(SEND_SIGNAL, fd, 0, NULL, 0), 0);
	CHECK_EQ(syscall(SEND_SIGNAL, fd, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(got.si_signo, SIGUSR1);
	CHECK_EQ(got.si_code, SI_USER);
	CHECK_EQ(got.si_pid, getpid());
	info.si_value.sival_int = 1234;
	CHECK_EQ(syscall(SEND_SIGNAL, fd, SIGUSR1, &info, 0), 0);
	CHECK_EQ(got.si_code, SI_QUEUE);
	CHECK_EQ(got.si_value.sival_int, 1234);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, SIGUSR2, &info, 0), EINVAL);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, 65, NULL, 0), EINVAL);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, -1, NULL, 0), EINVAL);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, SIGUSR1, check_bad_pointer(), 0), EFAULT);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, 0, NULL, 0x100), EINVAL);
	CHECK_ERROR(syscall(SEND_SIGNAL, 0, 0, NULL, 0), EBADF);
	CHECK_ERROR(syscall(SEND_SIGNAL, -1, 0, NULL, 0), EBADF);
	close(fd);
	fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
	got.si_signo = 0;
	CHECK_EQ(syscall(SEND_SIGNAL, fd, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(got.si_signo, SIGUSR1);
	CHECK_ERROR(syscall(GETFD, fd, 0, 0), EBADF);
	close(fd);
	fd = open("/proc", O_RDONLY | O_DIRECTORY);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, 0, NULL, 0), EBADF);
	close(fd);
	fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	CHECK_ERROR(syscall(SEND_SIGNAL, fd, 0, NULL, 0), EBADF);
	close(fd);
}

static void descriptors(void)
{
	int fd = (int)syscall(OPEN, getpid(), 0), ends[2];
	char c = 0;

	REQUIRE(!pipe(ends));
	int copy = (int)syscall(GETFD, fd, ends[1], 0);
	CHECK(copy >= 0);
	CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(copy, "x", 1), 1);
	CHECK_EQ(read(ends[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_ERROR(syscall(GETFD, fd, 9999, 0), EBADF);
	CHECK_ERROR(syscall(GETFD, ends[0], ends[1], 0), EBADF);
	CHECK_ERROR(syscall(GETFD, fd, ends[1], 1), EINVAL);
	close(copy);
	close(fd);
}

static void waiting(void)
{
	int fd = (int)syscall(OPEN, getpid(), 0);
	siginfo_t info;

	CHECK_ERROR(waitid((idtype_t)WAIT_PIDFD, (id_t)fd, &info, WEXITED), ECHILD);
	CHECK_ERROR(waitid((idtype_t)WAIT_PIDFD, 0, &info, WEXITED), EBADF);
	CHECK_ERROR(waitid((idtype_t)WAIT_PIDFD, (id_t)-1, &info, WEXITED), EINVAL);
	CHECK_ERROR(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	CHECK_ERROR(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), ECHILD);
	CHECK_ERROR(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	CHECK_ERROR(waitid(4, 1, &info, WEXITED), EINVAL);
	close(fd);
}

int main(void)
{
	opening();
	signals();
	descriptors();
	waiting();
	return check_done("pidfd");
}
