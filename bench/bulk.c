/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk TCP for benchmarks, over one connection whose buffers, and with them its window, are set:
 *
 *	bulk receive|send PORT BYTES      takes a connection, and its data until the end, or sends data for ever
 *	bulk loop PORT BYTES              both ends itself, over the loopback interface, by turns: as much as fits, then all of it back
 *
 * mark_begin() and mark_end() are reached after FIRST and LAST bytes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 1 << 16, FIRST = 16 << 20, LAST = 80 << 20 };

static char piece[PIECE];
static uint64_t moved;

void mark_begin(void);
void mark_end(void);

__attribute__((noinline)) void mark_begin(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void mark_end(void)
{
	__asm__ volatile("");
}

static int check(const char *what, long result)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return (int)result;
}

static void count(int bytes)
{
	uint64_t before = moved;

	moved += (uint64_t)bytes;
	if (before < FIRST && moved >= FIRST)
		mark_begin();
	if (before < LAST && moved >= LAST)
		mark_end();
}

/* As on Linux the kernel doubles what it is told; FORCE: beyond rmem_max and wmem_max. */
static void set_buffers(int fd, int bytes)
{
	bytes /= 2;
	check("SO_RCVBUFFORCE", setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes));
	check("SO_SNDBUFFORCE", setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes));
}

static int listen_on(int port, int bytes)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = check("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	set_buffers(fd, bytes);
	check("bind", bind(fd, (struct sockaddr *)&at, sizeof at));
	check("listen", listen(fd, 1));
	printf("ready\n");
	fflush(stdout);
	return fd;
}

static int loop_back(int listener, int port, int bytes)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int out = check("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	set_buffers(out, bytes);
	check("connect", connect(out, (struct sockaddr *)&at, sizeof at));
	int in = check("accept", accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	check("fcntl", fcntl(out, F_SETFL, O_NONBLOCK));
	struct pollfd readable = { .fd = in, .events = POLLIN };
	while (moved < LAST) {
		ssize_t n;

		while (send(out, piece, PIECE, 0) > 0)
			;
		poll(&readable, 1, -1);
		while ((n = recv(in, piece, PIECE, 0)) > 0)
			count((int)n);
		if (errno != EAGAIN)
			return 1;
	}
	printf("end\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: bulk receive|send|loop PORT BYTES\n");
		return 2;
	}
	int port = atoi(argv[2]), bytes = atoi(argv[3]), n;
	int listener = listen_on(port, bytes);

	signal(SIGPIPE, SIG_IGN);
	if (argv[1][0] == 'l')
		return loop_back(listener, port, bytes);
	int fd = check("accept", accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	do {
		n = (int)(argv[1][0] == 's' ? send(fd, piece, PIECE, 0)
					    : recv(fd, piece, PIECE, 0));
		count(n > 0 ? n : 0);
	} while (n > 0);
	printf("end\n");
	return 0;
}
