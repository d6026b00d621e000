/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens connections and keeps them until it is killed, without reading a byte: clients that do nothing, or that never end.
 *
 *	idle ADDRESS PORT COUNT [slow|deaf]
 *
 * slow: each sends the beginning of a request; deaf: a whole one. Says "open" when all are.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct sockaddr_in at = { .sin_family = AF_INET };
	size_t bytes = 0;
	struct rlimit files;

	if (argc < 4 || argc > 5 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
		fprintf(stderr, "usage: idle ADDRESS PORT COUNT [slow|deaf]\n");
		return 2;
	}
	if (argc == 5)
		bytes = strcmp(argv[4], "deaf") ? sizeof request - 3 : sizeof request - 1;
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = atoi(argv[3]); i > 0; i--) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) ||
		    send(fd, request, bytes, 0) != (ssize_t)bytes) {
			perror("idle");
			return 1;
		}
	}
	printf("open\n");
	fflush(stdout);
	pause();
	return 0;
}
