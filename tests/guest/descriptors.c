/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors: lowest free number, dup's sharing, fcntl, close_range, RLIMIT_NOFILE. */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void check_duplicates(void)
{
	char byte;
	int fd = open("data/hello.txt", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(fd, 3);
	int second = dup(fd);
	CHECK_EQ(second, 4);
	CHECK_EQ(fcntl(second, F_GETFD), 0);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(lseek(second, 0, SEEK_CUR), 1); /* one position */
	CHECK_EQ(dup2(fd, 10), 10);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERROR(dup3(fd, fd, 0), EINVAL);
	CHECK_EQ(dup3(fd, 11, O_CLOEXEC), 11);
	CHECK_EQ(fcntl(11, F_GETFD), FD_CLOEXEC);
	CHECK_ERROR(syscall(SYS_dup3, fd, 12, O_APPEND), EINVAL);
	CHECK_ERROR(dup(999), EBADF);
	CHECK_ERROR(dup2(999, 5), EBADF);
	CHECK_ERROR(dup2(fd, -1), EBADF);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(read(second, &byte, 1), 1);
	CHECK_EQ(open("data/empty", O_RDONLY), 3); /* the lowest free one */
	CHECK_EQ(fcntl(3, F_DUPFD, 20), 20);
	CHECK_EQ(fcntl(3, F_DUPFD_CLOEXEC, 20), 21);
	CHECK_EQ(fcntl(21, F_GETFD), FD_CLOEXEC);
	CHECK_ERROR(fcntl(3, F_DUPFD, -1), EINVAL);
	CHECK_EQ(dup2(3, 10), 10); /* closes what was there */
	CHECK_EQ(read(10, &byte, 1), 0);
	for (int i = 3; i < 22; i++)
		close(i);
}

static void check_fcntl(void)
{
	int fd = open("desc.tmp", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
		 O_RDWR | O_APPEND | O_NONBLOCK);
	CHECK_ERROR(fcntl(fd, 12345), EINVAL);
	CHECK_ERROR(fcntl(999, F_GETFD), EBADF);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_EQ(fcntl(fd, F_GETLK, &lock), 0);
	CHECK_EQ(lock.l_type, F_UNLCK); /* one's own lock is not in the way */
	close(fd);
	unlink("desc.tmp");
}

static void check_limit(void)
{
	struct rlimit limit, old;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = (struct rlimit){ .rlim_cur = 32, .rlim_max = old.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int count = 0;
	while (open("data/empty", O_RDONLY) >= 0)
		count++;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(count, 29);
	CHECK_ERROR(dup(0), EMFILE);
	CHECK_ERROR(dup2(0, 32), EBADF);
	CHECK_ERROR(fcntl(0, F_DUPFD, 32), EINVAL);
	CHECK_ERROR(fcntl(0, F_DUPFD, 5), EMFILE);
	close(17);
	CHECK_EQ(open("data/empty", O_RDONLY), 17);
	CHECK_EQ(syscall(SYS_close_range, 3, ~0u, 0), 0);
	CHECK_ERROR(fcntl(17, F_GETFD), EBADF);
	CHECK_EQ(open("data/empty", O_RDONLY), 3);
	CHECK_ERROR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	close(3);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void check_many(void)
{
	struct rlimit limit;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK(limit.rlim_cur >= 1024);
	for (int i = 3; i < 1000; i++)
		CHECK_EQ(open("data/hello.txt", O_RDONLY), i);
	char byte;
	CHECK_EQ(pread(999, &byte, 1, 4), 1);
	CHECK_EQ(byte, 'o');
	for (int i = 3; i < 1000; i++)
		CHECK_EQ(close(i), 0);
}

int main(void)
{
	syscall(SYS_close_range, 3, ~0u, 0); /* what the host's shell left open */
	check_duplicates();
	check_fcntl();
	check_limit();
	check_many();
	return check_done("descriptors");
}
