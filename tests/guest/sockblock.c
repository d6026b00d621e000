/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that wait: for another thread, for a time limit, until a signal comes. */
#include "net.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t signals;
static int fds[2], fd;

static void on_signal(int signo)
{
	(void)signo;
	signals++;
}

static void catch (int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	signals = 0;
}

static pthread_t main_thread;

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void *send_later(void *arg)
{
	pause_ms(50);
	CHECK_EQ(send(fds[0], arg, strlen(arg), 0), strlen(arg));
	return NULL;
}

static void *signal_then_send(void *arg)
{
	pause_ms(50);
	pthread_kill(main_thread, SIGUSR1);
	pause_ms(50);
	return send_later(arg);
}

static void *connect_later(void *arg)
{
	pause_ms(50);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect_to(fd, *(int *)arg), 0);
	return NULL;
}

static void *shut_later(void *arg)
{
	pause_ms(50);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

static void *read_all(void *arg)
{
	static char buffer[65536];
	long total = 0, n;

	while ((n = recv(fds[1], buffer, sizeof buffer, 0)) > 0)
		total += n;
	*(long *)arg = total;
	return NULL;
}

static pthread_t begin(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, fn, arg));
	return thread;
}

static void waiting_for_data(void)
{
	char buffer[16];
	pthread_t t;

	tcp_pair(fds);
	t = begin(send_later, "hello");
	CHECK_EQ(recv(fds[1], buffer, sizeof buffer, 0), 5);
	pthread_join(t, NULL);
	t = begin(send_later, "world");
	CHECK_EQ(wait_for(fds[1], POLLIN), POLLIN);
	pthread_join(t, NULL);
	CHECK_EQ(read(fds[1], buffer, sizeof buffer), 5);
	close(fds[0]);
	close(fds[1]);
}

static void waiting_to_send(void)
{
	static char bytes[3 << 20];
	long total = 0;
	pthread_t t;

	tcp_pair(fds);
	t = begin(read_all, &total);
	CHECK_EQ(send(fds[0], bytes, sizeof bytes, 0), sizeof bytes);
	close(fds[0]);
	pthread_join(t, NULL);
	CHECK_EQ(total, sizeof bytes);
	close(fds[1]);
}

static void waiting_for_connections(void)
{
	int l = listener(0), port = port_of(l);
	pthread_t t = begin(connect_later, &port);
	int accepted = accept(l, NULL, NULL);

	CHECK(accepted >= 0);
	pthread_join(t, NULL);
	close(fd);
	close(accepted);
	t = begin(shut_later, &l);
	CHECK_ERROR(accept(l, NULL, NULL), EINVAL);
	pthread_join(t, NULL);
	close(l);
}

static void shutdown_wakes(void)
{
	char c;
	int udp = bound(SOCK_DGRAM);
	pthread_t t;

	tcp_pair(fds);
	t = begin(shut_later, &fds[1]);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 0);
	pthread_join(t, NULL);
	close(fds[0]);
	close(fds[1]);
	t = begin(shut_later, &udp);
	CHECK_EQ(recv(udp, &c, 1, 0), 0);
	pthread_join(t, NULL);
	close(udp);
}

static void restarted(void)
{
	char buffer[16];
	pthread_t t;

	tcp_pair(fds);
	catch (SA_RESTART);
	t = begin(signal_then_send, "again");
	CHECK_EQ(recv(fds[1], buffer, sizeof buffer, 0), 5);
	CHECK_EQ(signals, 1);
	pthread_join(t, NULL);

	catch (0);
	t = begin(signal_then_send, "late");
	CHECK_ERROR(recv(fds[1], buffer, sizeof buffer, 0), EINTR);
	CHECK_EQ(signals, 1);
	pthread_join(t, NULL);
	CHECK_EQ(recv(fds[1], buffer, sizeof buffer, 0), 4);

	/* A part that came before counts. */
	CHECK_EQ(send(fds[0], "ab", 2, 0), 2);
	t = begin(signal_then_send, "cd");
	CHECK_EQ(recv(fds[1], buffer, 4, MSG_WAITALL), 2);
	pthread_join(t, NULL);
	CHECK_EQ(recv(fds[1], buffer, 4, 0), 2);
	close(fds[0]);
	close(fds[1]);
}

/* With a time limit a call is not made again, SA_RESTART or not. */
static void limits(void)
{
	struct timeval limit = { 0, 60000 };
	struct timespec begin_time, end;
	char c;
	pthread_t t;

	tcp_pair(fds);
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin_time);
	CHECK_ERROR(recv(fds[1], &c, 1, 0), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &end);
	long ms = (end.tv_sec - begin_time.tv_sec) * 1000 +
		  (end.tv_nsec - begin_time.tv_nsec) / 1000000;
	CHECK(ms >= 55 && ms < 2000);
	CHECK_ERROR(read(fds[1], &c, 1), EAGAIN);
	limit.tv_sec = 5;
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	catch (SA_RESTART);
	t = begin(signal_then_send, "x");
	CHECK_ERROR(recv(fds[1], &c, 1, 0), EINTR);
	pthread_join(t, NULL);
	t = begin(signal_then_send, "y");
	CHECK_EQ(read(fds[1], &c, 1), 1);
	CHECK_ERROR(read(fds[1], &c, 1), EINTR);
	pthread_join(t, NULL);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	main_thread = pthread_self();
	waiting_for_data();
	waiting_to_send();
	waiting_for_connections();
	shutdown_wakes();
	restarted();
	limits();
	return check_done("sockblock");
}
