/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk data, like iperf: a source that sends bytes which can be checked, and a sink that checks them.
 *
 *	transfer sink PORT              takes one connection, tells how many bytes came and whether they were right
 *	transfer source PORT BYTES      takes one connection and sends so many
 *	transfer push ADDRESS PORT BYTES, transfer pull ADDRESS PORT      the same, connecting
 *	transfer leave ADDRESS PORT BYTES      sends, and ends at once: what was sent must arrive all the same
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 1 << 17 };
static unsigned char piece[PIECE + 8];

void mark_begin(void);
void mark_end(void);

/* What benchmarks count between: the first byte is there, all are. */
__attribute__((noinline)) void mark_begin(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void mark_end(void)
{
	__asm__ volatile("");
}

/* The stream is 64-bit numbers, each hashed from its place. */
static uint64_t word_at(uint64_t index)
{
	return (index + 1) * 0x9e3779b97f4a7c15;
}

static void fill(uint64_t offset, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t word = word_at((offset + i) / 8);

		memcpy(piece + i, &word, 8);
	}
}

static bool is_right(uint64_t offset, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint64_t word = word_at((offset + i) / 8);

		if (piece[i] != (unsigned char)(word >> (offset + i) % 8 * 8))
			return false;
	}
	return true;
}

static int check(const char *what, long result)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return (int)result;
}

static int source(int fd, uint64_t total, bool stay)
{
	uint64_t sent = 0;

	while (sent < total) {
		size_t bytes = total - sent < PIECE ? total - sent : PIECE, done = 0;

		fill(sent, bytes);
		while (done < bytes)
			done += (size_t)check("send", send(fd, piece + done, bytes - done, 0));
		if (!sent)
			mark_begin();
		sent += bytes;
	}
	mark_end();
	if (stay) {
		char end;

		check("shutdown", shutdown(fd, SHUT_WR));
		check("recv", recv(fd, &end, 1, 0)); /* the other side has it all */
	}
	printf("sent %llu\n", (unsigned long long)sent);
	return 0;
}

static int sink(int fd)
{
	uint64_t received = 0;
	bool right = true;
	int n;

	while ((n = check("recv", recv(fd, piece, PIECE, 0))) > 0) {
		if (!received)
			mark_begin();
		right &= is_right(received, (size_t)n);
		received += (uint64_t)n;
	}
	mark_end();
	printf("received %llu %s\n", (unsigned long long)received, right ? "right" : "WRONG");
	return !right;
}

static int accept_one(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = check("socket", socket(AF_INET, SOCK_STREAM, 0)), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	check("bind", bind(fd, (struct sockaddr *)&at, sizeof at));
	check("listen", listen(fd, 1));
	printf("ready\n");
	fflush(stdout);
	return check("accept", accept(fd, NULL, NULL));
}

static int connect_to(const char *address, const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = check("socket", socket(AF_INET, SOCK_STREAM, 0));

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		exit(2);
	check("connect", connect(fd, (struct sockaddr *)&at, sizeof at));
	return fd;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink(accept_one(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "source"))
		return source(accept_one(argv[2]), strtoull(argv[3], NULL, 0), true);
	if (argc == 5 && (!strcmp(argv[1], "push") || !strcmp(argv[1], "leave")))
		return source(connect_to(argv[2], argv[3]), strtoull(argv[4], NULL, 0),
			      argv[1][0] == 'p');
	if (argc == 4 && !strcmp(argv[1], "pull"))
		return sink(connect_to(argv[2], argv[3]));
	fprintf(stderr, "usage: transfer sink|source|push|pull ...\n");
	return 2;
}
