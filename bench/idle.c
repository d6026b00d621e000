/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens connections and keeps them, without a byte on them, until it is killed: idle ADDRESS PORT COUNT. Says "open" when all are. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct rlimit files;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
		fprintf(stderr, "usage: idle ADDRESS PORT COUNT\n");
		return 2;
	}
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = atoi(argv[3]); i > 0; i--) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)) {
			perror("idle");
			return 1;
		}
	}
	printf("open\n");
	fflush(stdout);
	pause();
	return 0;
}
