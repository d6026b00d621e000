/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP over the loopback: data goes through, in order, and the flags of send(2) and recv(2) mean what they say. */
#include "net.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

static void data_goes_through(void)
{
	int fds[2];
	char buffer[64];

	tcp_pair(fds);
	CHECK_EQ(send(fds[0], "hello", 5, 0), 5);
	CHECK_EQ(recv(fds[1], buffer, sizeof buffer, 0), 5);
	CHECK(!memcmp(buffer, "hello", 5));
	CHECK_EQ(write(fds[1], "back", 4), 4);
	CHECK_EQ(read(fds[0], buffer, 2), 2);
	CHECK_EQ(read(fds[0], buffer + 2, 10), 2);
	CHECK(!memcmp(buffer, "back", 4));
	CHECK_EQ(read(fds[0], buffer, 0), 0);
	CHECK_EQ(send(fds[0], "", 0, 0), 0);
	close(fds[0]);
	CHECK_EQ(read(fds[1], buffer, 10), 0);
	CHECK_EQ(read(fds[1], buffer, 10), 0);
	close(fds[1]);
}

static void vectors(void)
{
	int fds[2];
	char a[4], b[8];
	struct iovec out[] = { { "one", 3 }, { "", 0 }, { "twothree", 8 } };
	struct iovec in[] = { { a, 4 }, { b, 8 } };

	tcp_pair(fds);
	CHECK_EQ(writev(fds[0], out, 3), 11);
	wait_for(fds[1], POLLIN);
	CHECK_EQ(readv(fds[1], in, 2), 11);
	CHECK(!memcmp(a, "onet", 4) && !memcmp(b, "wothree", 7));
	close(fds[0]);
	close(fds[1]);
}

static void flags(void)
{
	int fds[2], left;
	char buffer[64];

	tcp_pair(fds);
	CHECK_ERROR(recv(fds[1], buffer, 10, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(fds[0], "abcdef", 6, MSG_NOSIGNAL), 6);
	CHECK_EQ(wait_for(fds[1], POLLIN), POLLIN);
	CHECK_EQ(recv(fds[1], buffer, 3, MSG_PEEK), 3);
	CHECK_EQ(recv(fds[1], buffer, 10, MSG_PEEK), 6);
	CHECK_EQ(ioctl(fds[1], FIONREAD, &left), 0);
	CHECK_EQ(left, 6);
	CHECK_EQ(recv(fds[1], buffer, 4, MSG_WAITALL), 4);
	CHECK(!memcmp(buffer, "abcd", 4));
	memset(buffer, 0, sizeof buffer);
	CHECK_EQ(recv(fds[1], buffer, 10, MSG_TRUNC), 2);
	CHECK_EQ(buffer[0], 0);
	CHECK_ERROR(recv(fds[1], buffer, 10, MSG_OOB), EINVAL);
	CHECK_ERROR(recv(fds[1], buffer, 10, MSG_ERRQUEUE), EAGAIN);
	CHECK_EQ(send(fds[0], "x", 1, MSG_MORE), 1);
	CHECK_EQ(send(fds[0], "y", 1, 0), 1);
	CHECK_EQ(recv(fds[1], buffer, 2, MSG_WAITALL), 2);
	CHECK(!memcmp(buffer, "xy", 2));
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	CHECK_ERROR(read(fds[1], buffer, 10), EAGAIN);
	CHECK_ERROR(recv(fds[1], buffer, 10, MSG_WAITALL), EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

/* More than any buffer holds, by turns. */
static void much_data(void)
{
	enum { TOTAL = 4 << 20, PIECE = 70001 };
	static unsigned char out[PIECE], in[PIECE];
	long sent = 0, received = 0;
	int fds[2];

	tcp_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (received < TOTAL) {
		for (;;) {
			long n = TOTAL - sent < PIECE ? TOTAL - sent : PIECE;

			for (long i = 0; i < n; i++)
				out[i] = (unsigned char)((sent + i) * 7 + (sent + i) / 256);
			n = n ? send(fds[0], out, (size_t)n, 0) : -1;
			if (n <= 0)
				break;
			sent += n;
		}
		CHECK(wait_for(fds[1], POLLIN) & POLLIN);
		long n = recv(fds[1], in, sizeof in, 0);
		REQUIRE(n > 0);
		bool right = true;
		for (long i = 0; i < n; i++)
			right &= in[i] ==
				 (unsigned char)((received + i) * 7 + (received + i) / 256);
		REQUIRE(right);
		received += n;
	}
	CHECK_EQ(sent, TOTAL);
	close(fds[0]);
	close(fds[1]);
}

static void bad_memory(void)
{
	int fds[2];
	char *page = check_bad_pointer(), buffer[8];

	tcp_pair(fds);
	CHECK_ERROR(send(fds[0], page, 5, 0), EFAULT);
	CHECK_EQ(send(fds[0], "good", 4, 0), 4);
	wait_for(fds[1], POLLIN);
	CHECK_ERROR(recv(fds[1], page, 5, 0), EFAULT);
	CHECK_EQ(recv(fds[1], buffer, 8, 0), 4);
	CHECK(!memcmp(buffer, "good", 4));
	close(fds[0]);
	close(fds[1]);
}

static void as_a_file(void)
{
	struct stat st;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	char link[64] = "", path[32];

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0777);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERROR(lseek(fd, 0, SEEK_CUR), ESPIPE);
	CHECK_ERROR(pread(fd, link, 1, 0), ESPIPE);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(readlink(path, link, sizeof link - 1) > 0);
	CHECK(!strncmp(link, "socket:[", 8));
	CHECK_ERROR(ftruncate(fd, 0), EINVAL);
	close(fd);
}

int main(void)
{
	data_goes_through();
	vectors();
	flags();
	much_data();
	bad_memory();
	as_a_file();
	return check_done("socktcp");
}
