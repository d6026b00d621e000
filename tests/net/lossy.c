/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bad link between two guests that QEMU connects with -netdev socket,udp=: each frame is a datagram, which this program passes on, and
 * some of which it loses, doubles or holds back until later ones have passed.
 *
 *	lossy PER-MILLE SIDE-A GUEST-A SIDE-B GUEST-B      ports of 127.0.0.1: what comes to SIDE-A goes to GUEST-B, and the reverse
 *
 * So many frames of a thousand are lost, as many doubled, as many held back, each way. Runs until SIGTERM, then tells what it did.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_MAX = 65536, HOLD_FRAMES = 5, HOLD_MS = 5, QUEUE_BYTES = 8 << 20 };

/* One way of the link. */
struct way {
	int in, out;
	struct sockaddr_in to;
	size_t held_bytes; /* 0: none is held back */
	unsigned pass;     /* frames that pass before the held one does */
	char held[FRAME_MAX];
};

static struct way ways[2];
static unsigned long passed, lost, doubled, late;
static uint64_t state = 88172645463325252;
static volatile sig_atomic_t ends;

static void on_end(int signal)
{
	(void)signal;
	ends = 1;
}

/* The same faults in the same order of frames, every time (xorshift64). */
static bool happens(unsigned per_mille)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % 1000 < per_mille;
}

static void pass_on(const struct way *way, const char *frame, size_t bytes)
{
	/* A guest that is not there yet, or no longer, loses its frames. */
	if (sendto(way->out, frame, bytes, 0, (const struct sockaddr *)&way->to, sizeof way->to) >
	    0)
		passed++;
}

static void release(struct way *way)
{
	if (way->held_bytes)
		pass_on(way, way->held, way->held_bytes);
	way->held_bytes = 0;
}

static void take(struct way *way, unsigned per_mille)
{
	static char frame[FRAME_MAX];
	ssize_t n = recv(way->in, frame, sizeof frame, 0);

	if (n <= 0)
		return;
	if (happens(per_mille)) {
		lost++;
		return;
	}
	if (!way->held_bytes && happens(per_mille)) {
		late++;
		memcpy(way->held, frame, (size_t)n);
		way->held_bytes = (size_t)n;
		way->pass = HOLD_FRAMES;
		return;
	}
	pass_on(way, frame, (size_t)n);
	if (happens(per_mille)) {
		doubled++;
		pass_on(way, frame, (size_t)n);
	}
	if (way->held_bytes && !--way->pass)
		release(way);
}

static struct sockaddr_in port_of(const char *text)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(text)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int side_at(const char *port)
{
	struct sockaddr_in at = port_of(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), queue = QUEUE_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) {
		perror("lossy");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: lossy PER-MILLE SIDE-A GUEST-A SIDE-B GUEST-B\n");
		return 2;
	}
	unsigned per_mille = (unsigned)atoi(argv[1]);
	int a = side_at(argv[2]), b = side_at(argv[4]);
	struct pollfd fds[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };

	ways[0] = (struct way){ .in = a, .out = b, .to = port_of(argv[5]) };
	ways[1] = (struct way){ .in = b, .out = a, .to = port_of(argv[3]) };
	signal(SIGTERM, on_end);
	while (!ends) {
		int ready = poll(fds, 2, HOLD_MS);

		for (int i = 0; i < 2; i++) {
			if (ready > 0 && fds[i].revents)
				take(&ways[i], per_mille);
			else if (!ready)
				release(&ways[i]);
		}
	}
	printf("passed %lu lost %lu doubled %lu late %lu\n", passed, lost, doubled, late);
	return 0;
}
