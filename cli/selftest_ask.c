/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the machine's services. See selftest_ask.h. */
#include "selftest_ask.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 10, QUESTION_BYTES = 1000, UDP_TRIES = 10 };

static int open_socket(int family, int type, unsigned patience_s)
{
	const struct timeval limit = { .tv_sec = patience_s };
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	}
	return fd;
}

static bool send_all(int fd, const void *bytes, size_t count)
{
	return send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static bool receive_all(int fd, void *bytes, size_t count)
{
	return recv(fd, bytes, count, MSG_WAITALL) == (ssize_t)count;
}

static bool echoes(int fd)
{
	char question[QUESTION_BYTES], answer[QUESTION_BYTES];

	return getrandom(question, sizeof question, 0) == sizeof question &&
	       send_all(fd, question, sizeof question) && receive_all(fd, answer, sizeof answer) &&
	       !memcmp(question, answer, sizeof answer);
}

static int connect_tcp(const struct sockaddr_in *service)
{
	int fd = open_socket(AF_INET, SOCK_STREAM, PATIENCE_S);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)service, sizeof *service)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool ask_tcp_echo(const struct sockaddr_in *service)
{
	int fd = connect_tcp(service);
	bool well = fd >= 0 && echoes(fd);

	if (fd >= 0)
		close(fd);
	return well;
}

/* A datagram may be lost. */
bool ask_udp_echo(const struct sockaddr_in *service)
{
	int fd = open_socket(AF_INET, SOCK_DGRAM, 1);
	bool well = false;

	if (fd < 0)
		return false;
	if (!connect(fd, (const struct sockaddr *)service, sizeof *service)) {
		for (unsigned i = 0; i < UDP_TRIES && !well; i++)
			well = echoes(fd);
	}
	close(fd);
	return well;
}

/* "CONNECT PORT", and a line that begins with "OK" in return. */
static bool ask_for_port(int fd, unsigned port)
{
	char request[32], answer;

	snprintf(request, sizeof request, "CONNECT %u\n", port);
	if (!send_all(fd, request, strlen(request)) || !receive_all(fd, &answer, 1) ||
	    answer != 'O')
		return false;
	while (answer != '\n') {
		if (!receive_all(fd, &answer, 1))
			return false;
	}
	return true;
}

static int connect_vsock(const char *path, unsigned port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = open_socket(AF_UNIX, SOCK_STREAM, PATIENCE_S);

	if (fd < 0 || strlen(path) >= sizeof address.sun_path)
		goto err;
	strcpy(address.sun_path, path);
	if (!connect(fd, (struct sockaddr *)&address, sizeof address) && ask_for_port(fd, port))
		return fd;
err:
	if (fd >= 0)
		close(fd);
	return -1;
}

bool ask_vsock_echo(const char *path)
{
	int fd = connect_vsock(path, SELFTEST_ECHO);
	bool well = fd >= 0 && echoes(fd);

	if (fd >= 0)
		close(fd);
	return well;
}

static bool has_page(int fd, const char *page)
{
	static const char wanted[] = "HTTP/1.0 200 OK\r\n";
	char request[64], answer[sizeof wanted - 1];

	snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", page);
	return send_all(fd, request, strlen(request)) && receive_all(fd, answer, sizeof answer) &&
	       !memcmp(answer, wanted, sizeof answer);
}

bool ask_page(const struct sockaddr_in *service, const char *page)
{
	int fd = connect_tcp(service);
	bool well = fd >= 0 && has_page(fd, page);

	if (fd >= 0)
		close(fd);
	return well;
}

bool ask_vsock_page(const char *path, const char *page)
{
	int fd = connect_vsock(path, SELFTEST_HTTP);
	bool well = fd >= 0 && has_page(fd, page);

	if (fd >= 0)
		close(fd);
	return well;
}
