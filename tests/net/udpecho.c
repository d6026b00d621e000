/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends every datagram back to where it came from, until one says "quit". udpecho [PORT] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	static char bytes[65536];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 7)) };
	unsigned long count = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) {
		perror("udpecho");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof from;
		ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);

		if (n < 0) {
			perror("recvfrom");
			return 1;
		}
		if (sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, length) != n) {
			perror("sendto");
			return 1;
		}
		if (n == 4 && !memcmp(bytes, "quit", 4))
			break;
		count++;
	}
	printf("echoed %lu\n", count);
	return 0;
}
