/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of connections between a machine and its host:
 *
 *	peer echo ADDRESS COUNT       listens, says "ready", and sends back what COUNT connections send
 *	peer sink ADDRESS COUNT       the same, but takes it, and says whether it was right
 *	peer exchange ADDRESS BYTES   connects, sends that much in parts, and has each sent back
 *	peer push ADDRESS BYTES       connects, sends that much, and ends without a word
 *	peer refused ADDRESS          is not to be connected: refused, or not answered (as vhost-device-vsock 0.3 does)
 *
 * ADDRESS is vsock:CID:PORT (CID 4294967295: any), unix:PATH, or port:PATH:PORT: a port of the machine behind the host's socket PATH.
 */
#include "../guest/vsock.h"

#include <sys/un.h>

enum { PART_BYTES = 30000 };

static int unix_socket(const char *path, bool listens)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	if (listens)
		unlink(path);
	if ((listens ? bind : connect)(fd, (struct sockaddr *)&at, sizeof at))
		return -1;
	return fd;
}

/* Through the host's socket, whose answer is "OK " and a number (Firecracker, docs/vsock.md). */
static int port_socket(char *path)
{
	char *port = strrchr(path, ':'), line[32];
	size_t bytes = 0;
	int fd;

	*port++ = '\0';
	fd = unix_socket(path, false);
	if (fd < 0)
		return -1;
	dprintf(fd, "CONNECT %s\n", port);
	while (bytes < sizeof line - 1 && read(fd, line + bytes, 1) == 1 && line[bytes] != '\n')
		bytes++;
	if (bytes > 3 && !strncmp(line, "OK ", 3))
		return fd;
	errno = ECONNRESET;
	return -1;
}

/* How long a busy host may take; not where no answer is what is waited for. */
static struct timeval patience = { .tv_sec = 60 };

static int vsock_socket(const char *name, bool listens)
{
	unsigned long cid, port;
	int fd = vm_socket(0);

	setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &patience, sizeof patience);

	if (sscanf(name, "%lu:%lu", &cid, &port) != 2)
		exit(2);
	if ((listens ? vm_bind : vm_connect)(fd, (uint32_t)cid, (uint32_t)port))
		return -1;
	return fd;
}

/* A socket that is connected to the address, or bound to it. */
static int open_address(char *name, bool listens)
{
	if (!strncmp(name, "unix:", 5))
		return unix_socket(name + 5, listens);
	if (!strncmp(name, "port:", 5))
		return port_socket(name + 5);
	return vsock_socket(name + strlen("vsock:"), listens);
}

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static unsigned char pattern(long at)
{
	return (unsigned char)(at * 7 + at / 251);
}

static bool write_all(int fd, const void *data, long bytes)
{
	const char *at = data;

	while (bytes > 0) {
		long count = write(fd, at, (size_t)bytes);

		if (count <= 0)
			return false;
		at += count;
		bytes -= count;
	}
	return true;
}

/* One connection: sends back, or takes what should be the pattern. */
static bool serve(int fd, bool sends_back, long *total)
{
	unsigned char part[PART_BYTES];
	bool right = true;
	long count;

	while ((count = read(fd, part, sizeof part)) > 0) {
		for (long i = 0; i < count; i++)
			right = right && (sends_back || part[i] == pattern(*total + i));
		*total += count;
		if (sends_back)
			right = write_all(fd, part, count) && right;
	}
	return right && !count;
}

static int listen_and_serve(char *address, int connections, bool sends_back)
{
	int listener = open_address(address, true);
	bool right = true;

	if (listener < 0 || listen(listener, 8))
		return fail("listen");
	printf("ready\n");
	fflush(stdout);
	for (int i = 0; i < connections; i++) {
		int fd = accept(listener, NULL, NULL);
		long total = 0;

		if (fd < 0)
			return fail("accept");
		right = serve(fd, sends_back, &total) && right;
		printf("served %ld %s\n", total, right ? "right" : "wrong");
		fflush(stdout);
		close(fd);
	}
	return right ? 0 : 1;
}

static int exchange(int fd, long bytes)
{
	unsigned char part[PART_BYTES], back[PART_BYTES];

	for (long done = 0; done < bytes;) {
		long count = bytes - done < PART_BYTES ? bytes - done : PART_BYTES, got = 0;

		for (long i = 0; i < count; i++)
			part[i] = pattern(done + i);
		if (!write_all(fd, part, count))
			return fail("write");
		while (got < count) {
			long now = read(fd, back + got, (size_t)(count - got));

			if (now <= 0)
				return fail("read");
			got += now;
		}
		if (memcmp(part, back, (size_t)count))
			return fail("other bytes came back");
		done += count;
	}
	printf("exchanged %ld right\n", bytes);
	return 0;
}

static int push(int fd, long bytes)
{
	unsigned char part[PART_BYTES];

	for (long done = 0; done < bytes; done += PART_BYTES) {
		long count = bytes - done < PART_BYTES ? bytes - done : PART_BYTES;

		for (long i = 0; i < count; i++)
			part[i] = pattern(done + i);
		if (!write_all(fd, part, count))
			return fail("write");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long number = argc > 3 ? atol(argv[3]) : 0;
	int fd;

	if (!strcmp(what, "echo") || !strcmp(what, "sink"))
		return listen_and_serve(argv[2], (int)number, !strcmp(what, "echo"));
	if (argc < 3)
		return 2;
	if (!strcmp(what, "refused"))
		patience.tv_sec = 2;
	fd = open_address(argv[2], false);
	if (!strcmp(what, "refused")) {
		bool refused = fd < 0 && (errno == ECONNRESET || errno == ETIMEDOUT);

		printf(refused ? "refused\n" : "not refused: %m\n");
		return refused ? 0 : 1;
	}
	if (fd < 0)
		return fail("connect");
	return !strcmp(what, "push") ? push(fd, number) : exchange(fd, number);
}
