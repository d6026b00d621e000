/* SPDX-License-Identifier: BSD-3-Clause */
/* splice, tee, vmsplice, sendfile, pwritev2: what is moved, from where to where, and what is refused. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* musl has no functions for these. */
enum { HIPRI = 1, DATA_SYNC = 2, NOWAIT = 8, APPEND = 16 };

static long read_flagged(int fd, const struct iovec *piece, long at, int flags)
{
	return syscall(SYS_preadv2, fd, piece, 1L, at, 0L, flags);
}

static long write_flagged(int fd, const struct iovec *piece, long at, int flags)
{
	return syscall(SYS_pwritev2, fd, piece, 1L, at, 0L, flags);
}

static int in[2], out[2];
static char text[70000];

/* What is in a pipe now, as text. */
static const char *content(int fd)
{
	static char buffer[100];
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	n = read(fd, buffer, sizeof buffer - 1);
	fcntl(fd, F_SETFL, 0);
	buffer[n < 0 ? 0 : n] = 0;
	return buffer;
}

#define CHECK_TEXT(got, want) CHECK(!strcmp(got, want))

static void file_to_pipe(int file)
{
	loff_t at = 6;

	CHECK_EQ(splice(file, &at, in[1], NULL, 5, 0), 5);
	CHECK_EQ(at, 11);
	CHECK_TEXT(content(in[0]), "world");
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
	CHECK_EQ(splice(file, NULL, in[1], NULL, 100, SPLICE_F_MORE), 12);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 12);
	CHECK_EQ(splice(file, NULL, in[1], NULL, 100, 0), 0);
	CHECK_TEXT(content(in[0]), "hello world\n");
}

static void pipe_to_file(int file)
{
	char back[32] = "";
	loff_t at = 20;

	CHECK_EQ(write(in[1], "0123456789", 10), 10);
	CHECK_EQ(splice(in[0], NULL, file, &at, 4, 0), 4);
	CHECK_EQ(at, 24);
	CHECK_EQ(splice(in[0], NULL, file, &at, 100, 0), 6);
	CHECK_EQ(pread(file, back, 30, 20), 10);
	CHECK_TEXT(back, "0123456789");
	CHECK_ERROR(splice(in[0], NULL, file, &at, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(ftruncate(file, 12), 0);
}

static void pipe_to_pipe(void)
{
	CHECK_EQ(write(in[1], "abc", 3), 3);
	CHECK_EQ(write(in[1], "defg", 4), 4);
	CHECK_EQ(tee(in[0], out[1], 5, 0), 5);
	CHECK_TEXT(content(out[0]), "abcde");
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 2, 0), 2);
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 100, 0), 5);
	CHECK_TEXT(content(out[0]), "abcdefg");
	CHECK_TEXT(content(in[0]), "");
	CHECK_ERROR(tee(in[0], out[1], 5, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERROR(splice(in[0], NULL, in[1], NULL, 1, 0), EINVAL);
	CHECK_ERROR(tee(in[0], in[1], 1, 0), EINVAL);
}

static void much(void)
{
	int pipes[2], file = open("much", O_CREAT | O_RDWR | O_TRUNC, 0600);
	ssize_t n, total = 0;
	char *back = calloc(1, sizeof text);

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i * 7 % 26);
	CHECK_EQ(write(file, text, sizeof text), sizeof text);
	REQUIRE(!pipe(pipes));
	lseek(file, 0, SEEK_SET);
	CHECK_EQ(splice(file, NULL, pipes[1], NULL, sizeof text, 0), 65536);
	CHECK_ERROR(splice(file, NULL, pipes[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	lseek(file, 0, SEEK_END);
	while (total < 65536 && (n = splice(pipes[0], NULL, file, NULL, 10000, 0)) > 0)
		total += n;
	CHECK_EQ(total, 65536);
	CHECK_EQ(pread(file, back, sizeof text, sizeof text), 65536);
	CHECK(!memcmp(back, text, 65536));
	close(pipes[0]);
	signal(SIGPIPE, SIG_IGN);
	lseek(file, 0, SEEK_SET);
	CHECK_ERROR(splice(file, NULL, pipes[1], NULL, 1, 0), EPIPE);
	close(pipes[1]);
	close(file);
	free(back);
}

static void *write_later(void *unused)
{
	usleep(20000);
	CHECK_EQ(write(in[1], "late", 4), 4);
	return unused;
}

static void waiting(void)
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, write_later, NULL));
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 100, 0), 4);
	CHECK_TEXT(content(out[0]), "late");
	pthread_join(thread, NULL);
}

static void vectors(void)
{
	char a[4] = "", b[4] = "";
	struct iovec give[] = { { "one", 3 }, { "two", 3 } }, take[] = { { a, 3 }, { b, 3 } };

	CHECK_EQ(vmsplice(in[1], give, 2, 0), 6);
	CHECK_EQ(vmsplice(in[0], take, 2, 0), 6);
	CHECK_TEXT(a, "one");
	CHECK_TEXT(b, "two");
	CHECK_ERROR(vmsplice(0, give, 2, 0), EBADF);
	CHECK_ERROR(vmsplice(in[1], give, 2, 16), EINVAL);
}

static void errors(int file)
{
	loff_t at = 0, before = -1;
	int reader = open("text", O_RDONLY), appender = open("text", O_WRONLY | O_APPEND);

	CHECK_ERROR(splice(file, NULL, reader, NULL, 1, 0), EBADF);
	CHECK_ERROR(splice(reader, NULL, file, NULL, 1, 0), EINVAL);
	CHECK_ERROR(splice(in[0], &at, file, NULL, 1, 0), ESPIPE);
	CHECK_ERROR(splice(file, NULL, in[1], &at, 1, 0), ESPIPE);
	CHECK_ERROR(splice(file, check_bad_pointer(), in[1], NULL, 1, 0), EFAULT);
	CHECK_ERROR(splice(file, &before, in[1], NULL, 1, 0), EINVAL);
	CHECK_ERROR(splice(in[1], NULL, file, NULL, 1, 0), EBADF);
	CHECK_ERROR(splice(-1, NULL, in[1], NULL, 1, 0), EBADF);
	CHECK_ERROR(splice(file, NULL, in[1], NULL, 1, 16), EINVAL);
	CHECK_EQ(splice(file, NULL, in[1], NULL, 0, 0), 0);
	CHECK_EQ(write(in[1], "x", 1), 1);
	CHECK_ERROR(splice(in[0], NULL, appender, NULL, 1, 0), EINVAL);
	CHECK_TEXT(content(in[0]), "x");
	close(reader);
	close(appender);
}

static void send_files(int file)
{
	off_t at = 6;

	CHECK_EQ(sendfile(in[1], file, &at, 100), 6);
	CHECK_EQ(at, 12);
	CHECK_TEXT(content(in[0]), "world\n");
	CHECK_EQ(write(in[1], "x", 1), 1);
	CHECK_ERROR(sendfile(out[1], in[0], NULL, 1), EINVAL);
	CHECK_TEXT(content(in[0]), "x");
}

static void flags_of_a_call(void)
{
	int file = open("flagged", O_CREAT | O_RDWR, 0600);
	struct iovec piece = { "abc", 3 };
	char back[10] = "";

	CHECK_EQ(write_flagged(file, &piece, 0, DATA_SYNC | HIPRI), 3);
	CHECK_EQ(write_flagged(file, &piece, 0, APPEND), 3);
	CHECK_EQ(write_flagged(file, &piece, -1, APPEND), 3);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 9);
	CHECK_EQ(pread(file, back, 10, 0), 9);
	CHECK_TEXT(back, "abcabcabc");
	piece.iov_base = back;
	CHECK_EQ(read_flagged(file, &piece, 0, NOWAIT), 3);
	CHECK_ERROR(read_flagged(file, &piece, 0, 0x4000), EOPNOTSUPP);
	CHECK_ERROR(read_flagged(file, &piece, -2, 0), EINVAL);
	close(file);
}

int main(void)
{
	int file = open("text", O_CREAT | O_RDWR | O_TRUNC, 0600);

	REQUIRE(file >= 0 && !pipe(in) && !pipe(out));
	CHECK_EQ(write(file, "hello world\n", 12), 12);
	lseek(file, 0, SEEK_SET);
	file_to_pipe(file);
	pipe_to_file(file);
	pipe_to_pipe();
	much();
	waiting();
	vectors();
	errors(file);
	send_files(file);
	flags_of_a_call();
	return check_done("splice");
}
