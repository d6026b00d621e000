/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks on files: fcntl's of a process and of an open file, flock's; what they cover, who is in whose way, and what ends them. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>

static struct flock range(short type, off_t start, off_t length)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};
}

static int set(int fd, int cmd, short type, off_t start, off_t length)
{
	struct flock lock = range(type, start, length);

	return fcntl(fd, cmd, &lock);
}

/* What stands in the way of an open file's write lock, as text: "free", or the type and range. */
static const char *in_the_way(int fd, off_t start, off_t length)
{
	static char text[80];
	struct flock lock = range(F_WRLCK, start, length);

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return strerror(errno);
	if (lock.l_type == F_UNLCK)
		return "free";
	snprintf(text, sizeof text, "%s %ld+%ld %s", lock.l_type == F_RDLCK ? "read" : "write",
		 (long)lock.l_start, (long)lock.l_len,
		 lock.l_pid == -1         ? "file"
		 : lock.l_pid == getpid() ? "process"
					  : "?");
	return text;
}

#define CHECK_LOCK(fd, start, length, want)                                            \
	do {                                                                           \
		const char *got_ = in_the_way(fd, start, length);                      \
		if (strcmp(got_, want)) {                                              \
			check_failures++;                                              \
			printf("%d: in the way: %s, want %s\n", __LINE__, got_, want); \
		}                                                                      \
	} while (0)

static void ranges(int a, int b)
{
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 10, 10), 0);
	CHECK_LOCK(b, 0, 0, "write 10+10 process");
	CHECK_LOCK(b, 0, 10, "free");
	CHECK_LOCK(b, 20, 0, "free");
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 20, 10), 0); /* they join */
	CHECK_LOCK(b, 0, 0, "write 10+20 process");
	CHECK_EQ(set(a, F_SETLK, F_UNLCK, 15, 5), 0); /* one becomes two */
	CHECK_LOCK(b, 0, 0, "write 10+5 process");
	CHECK_LOCK(b, 15, 5, "free");
	CHECK_LOCK(b, 16, 0, "write 20+10 process");
	CHECK_EQ(set(a, F_SETLK, F_RDLCK, 12, 10), 0); /* the middle becomes another kind */
	CHECK_LOCK(b, 12, 1, "read 12+10 process");
	CHECK_LOCK(b, 22, 0, "write 22+8 process");
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 0, 0), 0); /* to the end, whatever there was */
	CHECK_LOCK(b, 1000000, 1, "write 0+0 process");
	CHECK_EQ(set(a, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_LOCK(b, 0, 0, "free");
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 100, -10), 0); /* backwards */
	CHECK_LOCK(b, 0, 0, "write 90+10 process");
	CHECK_EQ(set(a, F_SETLK, F_UNLCK, 0, 0), 0);
}

static void owners(int a, int b)
{
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(set(b, F_SETLK, F_WRLCK, 0, 10), 0); /* the same process */
	CHECK_ERROR(set(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
	CHECK_EQ(set(a, F_SETLK, F_RDLCK, 0, 10), 0);
	CHECK_EQ(set(b, F_OFD_SETLK, F_RDLCK, 5, 1), 0);
	CHECK_ERROR(set(a, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
	CHECK_ERROR(set(a, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
	CHECK_LOCK(a, 5, 1, "read 0+10 process");
	CHECK_EQ(set(a, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_LOCK(a, 5, 1, "read 5+1 file");
	CHECK_LOCK(b, 5, 1, "free");
	CHECK_EQ(set(b, F_OFD_SETLK, F_UNLCK, 0, 0), 0);
}

/* Closing any descriptor of the file drops the process's; an open file's go with its last one. */
static void closing(int a, int b)
{
	int other = open("locked", O_RDONLY), copy;

	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 0, 10), 0);
	close(other);
	CHECK_LOCK(b, 0, 0, "free");
	other = open("locked", O_RDWR);
	copy = dup(other);
	CHECK_EQ(set(other, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	close(other);
	CHECK_LOCK(b, 0, 0, "write 0+10 file");
	close(copy);
	CHECK_LOCK(b, 0, 0, "free");
	CHECK_EQ(set(a, F_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(dup2(b, 40), 40);
	CHECK_EQ(dup2(0, 40), 40);
	CHECK_LOCK(b, 0, 0, "free");
	close(40);
}

static void whole_files(int a, int b)
{
	int copy = dup(a);

	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_ERROR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0); /* what failed has given up its own */
	CHECK_ERROR(flock(copy, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_EQ(flock(copy, LOCK_EX), 0);
	CHECK_EQ(flock(a, LOCK_EX), 0); /* the same open file */
	CHECK_LOCK(b, 0, 0, "free");
	close(copy);
	CHECK_ERROR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_ERROR(flock(a, 0), EINVAL);
	CHECK_ERROR(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERROR(flock(-1, LOCK_SH), EBADF);
}

static int in_thread;

static void *unlock_later(void *fd)
{
	usleep(20000);
	__atomic_store_n(&in_thread, 1, __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)set(*(int *)fd, F_OFD_SETLK, F_UNLCK, 0, 0);
}

static void *unflock_later(void *fd)
{
	usleep(20000);
	__atomic_store_n(&in_thread, 2, __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)flock(*(int *)fd, LOCK_UN);
}

static void waiting(int a, int b)
{
	pthread_t thread;

	CHECK_EQ(set(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	REQUIRE(!pthread_create(&thread, NULL, unlock_later, &a));
	CHECK_EQ(set(b, F_OFD_SETLKW, F_WRLCK, 5, 10), 0);
	CHECK_EQ(__atomic_load_n(&in_thread, __ATOMIC_SEQ_CST), 1);
	pthread_join(thread, NULL);
	CHECK_EQ(set(b, F_OFD_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(flock(a, LOCK_EX), 0);
	REQUIRE(!pthread_create(&thread, NULL, unflock_later, &a));
	CHECK_EQ(flock(b, LOCK_SH), 0);
	CHECK_EQ(__atomic_load_n(&in_thread, __ATOMIC_SEQ_CST), 2);
	pthread_join(thread, NULL);
	CHECK_EQ(flock(b, LOCK_UN), 0);
}

static void errors(int a)
{
	struct flock lock = range(F_WRLCK, -1, 1);
	int reader = open("locked", O_RDONLY), writer = open("locked", O_WRONLY);

	CHECK_ERROR(fcntl(a, F_SETLK, &lock), EINVAL);
	lock = range(7, 0, 1);
	CHECK_ERROR(fcntl(a, F_SETLK, &lock), EINVAL);
	lock = range(F_UNLCK, 0, 1);
	CHECK_ERROR(fcntl(a, F_GETLK, &lock), EINVAL);
	lock = range(F_WRLCK, 0, 1);
	lock.l_whence = 9;
	CHECK_ERROR(fcntl(a, F_SETLK, &lock), EINVAL);
	lock = range(F_WRLCK, 5, -6);
	CHECK_ERROR(fcntl(a, F_SETLK, &lock), EINVAL);
	lock = range(F_WRLCK, INT64_MAX, 2);
	CHECK_ERROR(fcntl(a, F_SETLK, &lock), EOVERFLOW);
	lock = range(F_WRLCK, 0, 1);
	lock.l_pid = 1;
	CHECK_ERROR(fcntl(a, F_OFD_SETLK, &lock), EINVAL);
	CHECK_ERROR(fcntl(a, F_SETLK, check_bad_pointer()), EFAULT);
	CHECK_ERROR(set(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERROR(set(writer, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_EQ(lseek(a, 7, SEEK_SET), 7);
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 1 };
	CHECK_EQ(fcntl(a, F_SETLK, &lock), 0);
	CHECK_LOCK(reader, 0, 0, "write 8+1 process");
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -1 };
	CHECK_EQ(fcntl(a, F_SETLK, &lock), 0);
	CHECK_LOCK(reader, 9, 0, "write 19+0 process");
	close(reader);
	close(writer);
}

int main(void)
{
	int a = open("locked", O_RDWR | O_CREAT, 0600), b = open("locked", O_RDWR);

	REQUIRE(a >= 0 && b >= 0);
	CHECK_EQ(write(a, "01234567890123456789", 20), 20);
	ranges(a, b);
	owners(a, b);
	closing(a, b);
	whole_files(a, b);
	waiting(a, b);
	errors(a);
	return check_done("locks");
}
