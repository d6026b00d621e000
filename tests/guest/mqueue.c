/* SPDX-License-Identifier: BSD-3-Clause */
/* POSIX message queues: order, limits, waiting, telling of a message, and what is refused. */
#include "check.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static char buffer[9000];

static int open_small(const char *name, int flags)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };

	return mq_open(name, O_RDWR | O_CREAT | flags, 0644, &attr);
}

static int polled(int q)
{
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT };

	poll(&p, 1, 0);
	return p.revents;
}

static void order(void)
{
	struct mq_attr attr;
	unsigned priority = 0;
	int q = mq_open("/order", O_RDWR | O_CREAT | O_EXCL, 0644, NULL);

	REQUIRE(q >= 0);
	CHECK_EQ(mq_getattr(q, &attr), 0);
	CHECK_EQ(attr.mq_maxmsg, 10);
	CHECK_EQ(attr.mq_msgsize, 8192);
	CHECK_EQ(attr.mq_curmsgs, 0);
	CHECK_EQ(polled(q), POLLOUT);
	CHECK_EQ(mq_send(q, "abc", 3, 5), 0);
	CHECK_EQ(mq_send(q, "hi", 2, 32767), 0);
	CHECK_EQ(mq_send(q, "", 0, 5), 0);
	CHECK_EQ(polled(q), POLLIN | POLLOUT);
	CHECK_ERROR(mq_receive(q, buffer, 100, &priority), EMSGSIZE);
	CHECK_EQ(mq_receive(q, buffer, sizeof buffer, &priority), 2);
	CHECK_EQ(priority, 32767);
	CHECK_EQ(mq_receive(q, buffer, sizeof buffer, &priority), 3);
	CHECK_EQ(priority, 5);
	CHECK(!memcmp(buffer, "abc", 3));
	CHECK_EQ(mq_getattr(q, &attr), 0);
	CHECK_EQ(attr.mq_curmsgs, 1);
	CHECK_EQ(mq_receive(q, buffer, sizeof buffer, NULL), 0);
	CHECK_ERROR(mq_send(q, buffer, 8193, 0), EMSGSIZE);
	CHECK_ERROR(mq_send(q, buffer, 1, 32768), EINVAL);
	CHECK_ERROR(mq_send(q, check_bad_pointer(), 1, 0), EFAULT);
	mq_close(q);
	CHECK_EQ(mq_unlink("/order"), 0);
}

static void as_a_file(void)
{
	struct stat st;
	char link[32] = "", path[32];
	int q = mq_open("/file", O_RDWR | O_CREAT, 0644, NULL);

	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(q, F_GETFL), O_RDWR);
	CHECK_EQ(fstat(q, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 80);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(mq_send(q, "12345", 5, 0), 0);
	CHECK_EQ(read(q, buffer, 100), 60);
	CHECK(!strncmp(buffer, "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n",
		       60));
	CHECK_EQ(read(q, buffer, 100), 0);
	CHECK_EQ(lseek(q, 6, SEEK_SET), 6);
	CHECK_EQ(read(q, buffer, 1), 1);
	CHECK_EQ(buffer[0], '5');
	CHECK_ERROR(write(q, "x", 1), EINVAL);
	snprintf(path, sizeof path, "/proc/self/fd/%d", q);
	CHECK_EQ(readlink(path, link, sizeof link), 5);
	CHECK(!strcmp(link, "/file"));
	CHECK_EQ(mq_unlink("/file"), 0);
	CHECK_ERROR(mq_unlink("/file"), ENOENT);
	CHECK_EQ(fstat(q, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(mq_send(q, "x", 1, 0), 0);
	mq_close(q);
}

static void names(void)
{
	int create = O_RDWR | O_CREAT;
	int q = mq_open("/name", create, 0600, NULL), other;

	CHECK_ERROR(mq_open("/name", create | O_EXCL, 0600, NULL), EEXIST);
	CHECK_ERROR(mq_open("/absent", O_RDWR), ENOENT);
	CHECK_ERROR(mq_open("/name", O_WRONLY | 3), EINVAL);
	CHECK_ERROR(syscall(SYS_mq_open, "a/b", create, 0600, NULL), EACCES);
	CHECK_ERROR(syscall(SYS_mq_open, "", create, 0600, NULL), ENOENT);
	CHECK_ERROR(syscall(SYS_mq_open, "..", create, 0600, NULL), EACCES);
	CHECK_ERROR(syscall(SYS_mq_open, check_bad_pointer(), create, 0600, NULL), EFAULT);
	other = mq_open("/name", O_RDONLY);
	CHECK(other >= 0);
	CHECK_ERROR(mq_send(other, "", 0, 0), EBADF);
	CHECK_EQ(mq_send(q, "x", 1, 0), 0);
	CHECK_EQ(mq_receive(other, buffer, sizeof buffer, NULL), 1);
	mq_close(other);
	other = mq_open("/name", O_WRONLY);
	CHECK_ERROR(mq_receive(other, buffer, sizeof buffer, NULL), EBADF);
	mq_close(other);
	mq_close(q);
	/* It stays with what is in it until it is unlinked. */
	q = mq_open("/name", O_RDWR);
	CHECK(q >= 0);
	CHECK_EQ(mq_unlink("/name"), 0);
	other = mq_open("/name", create | O_EXCL, 0600, NULL);
	CHECK(other >= 0);
	CHECK_EQ(mq_unlink("/name"), 0);
	mq_close(q);
	mq_close(other);
	CHECK_ERROR(mq_send(0, "", 0, 0), EBADF);
	CHECK_ERROR(mq_getattr(0, &(struct mq_attr){ 0 }), EBADF);
	CHECK_ERROR(mq_notify(0, NULL), EBADF);
}

static void limits(void)
{
	struct mq_attr attr = { .mq_maxmsg = 0, .mq_msgsize = 5 };
	int create = O_RDWR | O_CREAT;

	CHECK_ERROR(mq_open("/limit", create, 0600, &attr), EINVAL);
	attr.mq_maxmsg = -1;
	CHECK_ERROR(mq_open("/limit", create, 0600, &attr), EINVAL);
	attr.mq_maxmsg = 65537;
	CHECK_ERROR(mq_open("/limit", create, 0600, &attr), EINVAL);
	attr = (struct mq_attr){ .mq_maxmsg = 2, .mq_msgsize = (16 << 20) + 1 };
	CHECK_ERROR(mq_open("/limit", create, 0600, &attr), EINVAL);
	struct rlimit limit;
	REQUIRE(!getrlimit(RLIMIT_MSGQUEUE, &limit));
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 1000;
	REQUIRE(!setrlimit(RLIMIT_MSGQUEUE, &limit));
	CHECK_ERROR(mq_open("/limit", create, 0600, NULL), EMFILE);
	limit.rlim_cur = before;
	REQUIRE(!setrlimit(RLIMIT_MSGQUEUE, &limit));
	CHECK_ERROR(mq_open("/limit", create, 0600, check_bad_pointer()), EFAULT);
	CHECK_ERROR(mq_unlink("/limit"), ENOENT);
}

static void full_and_empty(void)
{
	struct timespec past = { 1, 0 }, wrong = { 0, -1 };
	struct mq_attr attr = { .mq_flags = O_NONBLOCK }, old;
	int q = open_small("/full", O_NONBLOCK);

	CHECK_ERROR(mq_receive(q, buffer, 8, NULL), EAGAIN);
	CHECK_EQ(mq_send(q, "a", 1, 0), 0);
	CHECK_EQ(mq_send(q, "b", 1, 0), 0);
	CHECK_ERROR(mq_send(q, "c", 1, 0), EAGAIN);
	CHECK_EQ(polled(q), POLLIN);
	CHECK_EQ(mq_setattr(q, &(struct mq_attr){ .mq_flags = 0 }, &old), 0);
	CHECK_EQ(old.mq_flags, O_NONBLOCK);
	CHECK_EQ(old.mq_curmsgs, 2);
	CHECK_EQ(fcntl(q, F_GETFL), O_RDWR);
	CHECK_ERROR(mq_timedsend(q, "c", 1, 0, &past), ETIMEDOUT);
	CHECK_ERROR(mq_timedsend(q, "c", 1, 0, &wrong), EINVAL);
	CHECK_EQ(mq_timedreceive(q, buffer, 8, NULL, &past), 1);
	CHECK_EQ(mq_timedreceive(q, buffer, 8, NULL, &past), 1);
	CHECK_EQ(buffer[0], 'b');
	CHECK_ERROR(mq_timedreceive(q, buffer, 8, NULL, &past), ETIMEDOUT);
	attr.mq_flags |= 1;
	CHECK_ERROR(mq_setattr(q, &attr, NULL), EINVAL);
	mq_close(q);
	mq_unlink("/full");
}

static void *produce(void *arg)
{
	for (int i = 0; i < 200; i++)
		CHECK_EQ(mq_send(*(int *)arg, (const char *)&i, sizeof i, 0), 0);
	return NULL;
}

static void waiting(void)
{
	int q = open_small("/wait", 0), number;
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, produce, &q));
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(mq_receive(q, buffer, 8, NULL), sizeof number);
		memcpy(&number, buffer, sizeof number);
		CHECK_EQ(number, i);
	}
	pthread_join(thread, NULL);
	mq_close(q);
	mq_unlink("/wait");
}

static volatile siginfo_t got;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	got = *info;
}

static void telling(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 77 };
	int q = open_small("/tell", O_NONBLOCK);

	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_ERROR(mq_notify(q, &event), EBUSY);
	CHECK_EQ(mq_notify(q, NULL), 0);
	CHECK_EQ(mq_send(q, "a", 1, 0), 0);
	CHECK_EQ(got.si_signo, 0);
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_EQ(mq_send(q, "b", 1, 0), 0); /* it was not empty */
	CHECK_EQ(got.si_signo, 0);
	CHECK_EQ(mq_receive(q, buffer, 8, NULL), 1);
	CHECK_EQ(mq_receive(q, buffer, 8, NULL), 1);
	CHECK_EQ(mq_send(q, "c", 1, 0), 0);
	CHECK_EQ(got.si_signo, SIGUSR1);
	CHECK_EQ(got.si_code, SI_MESGQ);
	CHECK_EQ(got.si_value.sival_int, 77);
	CHECK_EQ(got.si_pid, getpid());
	got.si_signo = 0;
	CHECK_EQ(mq_receive(q, buffer, 8, NULL), 1);
	CHECK_EQ(mq_send(q, "d", 1, 0), 0); /* once only */
	CHECK_EQ(got.si_signo, 0);
	/* Signal 0 may be asked for, and is none. */
	event.sigev_signo = 0;
	CHECK_EQ(mq_receive(q, buffer, 8, NULL), 1);
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_EQ(mq_send(q, "e", 1, 0), 0);
	CHECK_EQ(mq_notify(q, &event), 0); /* told: the place is free again */
	CHECK_EQ(mq_notify(q, NULL), 0);
	event.sigev_signo = 99;
	CHECK_ERROR(mq_notify(q, &event), EINVAL);
	event.sigev_notify = 7;
	CHECK_ERROR(syscall(SYS_mq_notify, q, &event), EINVAL);
	event.sigev_notify = SIGEV_NONE;
	CHECK_EQ(mq_notify(q, &event), 0);
	/* Who asked closes it: nobody is told any more. */
	int other = mq_open("/tell", O_RDWR);
	mq_close(q);
	CHECK_EQ(mq_notify(other, &event), 0);
	mq_close(other);
	mq_unlink("/tell");
}

int main(void)
{
	order();
	as_a_file();
	names();
	limits();
	full_and_empty();
	waiting();
	telling();
	return check_done("mqueue");
}
