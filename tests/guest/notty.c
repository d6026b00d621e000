/* SPDX-License-Identifier: BSD-3-Clause */
/* Terminal requests on what is no terminal give ENOTTY; other ioctls on files. */
#include "check.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	static const char *const paths[] = { "data/hello.txt", "/dev/null", ".", "/proc/version" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct termios termios;
		struct winsize size;
		int fd = open(paths[i], O_RDONLY);
		CHECK(fd >= 0);
		CHECK_ERROR(tcgetattr(fd, &termios), ENOTTY);
		CHECK_ERROR(ioctl(fd, TIOCGWINSZ, &size), ENOTTY);
		CHECK_EQ(isatty(fd), 0);
		CHECK_ERROR(ioctl(fd, 0x12345678, 0), ENOTTY);
		close(fd);
	}
	int fd = open("data/hello.txt", O_RDONLY), waiting = 0, on = 1;
	CHECK_EQ(ioctl(fd, FIONREAD, &waiting), 0);
	CHECK_EQ(waiting, 21);
	CHECK_EQ(ioctl(fd, FIOCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(ioctl(fd, FIONCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(ioctl(fd, FIONBIO, &on), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_ERROR(ioctl(999, TCGETS, 0), EBADF);
	return check_done("notty");
}
