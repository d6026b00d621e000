/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that goes out: asks a name server by UDP, then fetches a page by TCP and sends a datagram that must come back.
 *
 *	client NAMESERVER-PORT NAME ADDRESS TCP-PORT UDP-PORT      all of them at ADDRESS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	exit(1);
}

static int connected(int type, const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type, 0);

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		exit(2);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at))
		fail("connect");
	return fd;
}

/* A question for an A record (RFC 1035, 4). */
static size_t question(unsigned char *to, const char *name)
{
	static const unsigned char header[12] = { 0x12, 0x34, 1, 0, 0, 1 },
				   end[5] = { 0, 0, 1, 0, 1 };
	size_t n = sizeof header;

	memcpy(to, header, n);
	while (*name) {
		size_t length = strcspn(name, ".");

		to[n++] = (unsigned char)length;
		memcpy(to + n, name, length);
		n += length;
		name += length + (name[length] == '.');
	}
	memcpy(to + n, end, sizeof end);
	return n + sizeof end;
}

/* Sends, and waits for an answer; three times, as datagrams may be lost. */
static ssize_t exchange(int fd, const void *request, size_t bytes, void *answer, size_t room)
{
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send(fd, request, bytes, 0) != (ssize_t)bytes)
			fail("send");
		if (poll(&p, 1, 2000) == 1)
			return recv(fd, answer, room, 0);
	}
	return -1;
}

static void ask(const char *server, int port, const char *name)
{
	unsigned char request[300], answer[512];
	size_t bytes = question(request, name);
	int fd = connected(SOCK_DGRAM, server, port);
	ssize_t n = exchange(fd, request, bytes, answer, sizeof answer);

	if (n < 12 || memcmp(answer, request, 2))
		fail("no answer from the name server");
	/* The address is the end of the answer. */
	printf("dns code %d address %d.%d.%d.%d\n", answer[3] & 15, answer[n - 4], answer[n - 3],
	       answer[n - 2], answer[n - 1]);
	close(fd);
}

static void fetch(const char *address, int port)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char buffer[4096];
	long total = 0, n;
	int fd = connected(SOCK_STREAM, address, port);

	if (send(fd, request, sizeof request - 1, 0) < 0)
		fail("send");
	while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
		total += n;
	if (n < 0)
		fail("recv");
	printf("tcp %ld\n", total);
	close(fd);
}

static void echo(const char *address, int port)
{
	char buffer[64] = "";
	int fd = connected(SOCK_DGRAM, address, port);
	ssize_t n = exchange(fd, "hello", 5, buffer, sizeof buffer);

	printf("udp %.*s\n", n < 0 ? 0 : (int)n, buffer);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: client NAMESERVER-PORT NAME ADDRESS TCP-PORT UDP-PORT\n");
		return 2;
	}
	ask(argv[3], atoi(argv[1]), argv[2]);
	fetch(argv[3], atoi(argv[4]));
	echo(argv[3], atoi(argv[5]));
	return 0;
}
