/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stream costs by vsock and by TCP: a byte to and fro, and many one way, to the host and within the machine. Marks for the
 * plugin lie between. As "serve PATH PORT" it is the host's side of both, at a Unix socket and at a TCP port of 127.0.0.1.
 */
#include "../tests/guest/vsock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/un.h>

enum { WARM_TRIPS = 50, TRIPS = 1000, BULK_BYTES = 16 << 20, BLOCK_BYTES = 65536 };
enum { VSOCK_PORT = 1234, LOCAL_PORT = 4321 };

#define MARK(name)                                       \
	__attribute__((noinline)) void mark_##name(void) \
	{                                                \
		__asm__ volatile("");                    \
	}
MARK(vsock_trips)
MARK(vsock_push)
MARK(vsock_pull)
MARK(vsock_end)
MARK(tcp_trips)
MARK(tcp_push)
MARK(tcp_pull)
MARK(tcp_end)
MARK(vsock_local_trips)
MARK(vsock_local_push)
MARK(vsock_local_pull)
MARK(vsock_local_end)
MARK(tcp_local_trips)
MARK(tcp_local_push)
MARK(tcp_local_pull)
MARK(tcp_local_end)

struct marks {
	void (*trips)(void), (*push)(void), (*pull)(void), (*end)(void);
};

static char block[BLOCK_BYTES];

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void take(int fd, long bytes)
{
	static char sink[BLOCK_BYTES];
	long count = 1;

	for (; bytes > 0 && count > 0; bytes -= count)
		count = read(fd, sink, bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES);
	must(!bytes, "read");
}

static void give(int fd, long bytes)
{
	long count = 1;

	for (; bytes > 0 && count > 0; bytes -= count)
		count = write(fd, block, bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES);
	must(!bytes, "write");
}

/* The far side, in the order of measure(). */
static void serve(int fd)
{
	for (int i = 0; i < WARM_TRIPS + TRIPS; i++) {
		take(fd, 1);
		give(fd, 1);
	}
	take(fd, BULK_BYTES);
	give(fd, 1);
	take(fd, 1);
	give(fd, BULK_BYTES);
	take(fd, 1);
	close(fd);
}

static void measure(int fd, const struct marks *marks)
{
	for (int i = 0; i < WARM_TRIPS + TRIPS; i++) {
		if (i == WARM_TRIPS)
			marks->trips();
		give(fd, 1);
		take(fd, 1);
	}
	marks->push();
	give(fd, BULK_BYTES);
	take(fd, 1);
	marks->pull();
	give(fd, 1);
	take(fd, BULK_BYTES);
	marks->end();
	give(fd, 1);
	close(fd);
}

static int tcp_socket(const char *address, unsigned port, bool listens)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	inet_pton(AF_INET, address, &at.sin_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	must(!(listens ? bind : connect)(fd, (struct sockaddr *)&at, sizeof at), "TCP");
	must(!listens || !listen(fd, 1), "listen");
	return fd;
}

static int vsock_socket(uint32_t cid, uint32_t port, bool listens)
{
	const struct timeval patience = { .tv_sec = 60 };
	int fd = vm_socket(0);

	setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &patience, sizeof patience);
	must(!(listens ? vm_bind : vm_connect)(fd, cid, port), "vsock");
	must(!listens || !listen(fd, 1), "listen");
	return fd;
}

static int unix_listener(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s_%d", path, VSOCK_PORT);
	unlink(at.sun_path);
	must(!bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, 1), at.sun_path);
	return fd;
}

static void *serve_one(void *listener)
{
	int fd = accept(*(int *)listener, NULL, NULL), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	serve(fd);
	return NULL;
}

static void measure_local(int listener, int (*join)(void), const struct marks *marks)
{
	pthread_t thread;

	must(!pthread_create(&thread, NULL, serve_one, &listener), "thread");
	measure(join(), marks);
	pthread_join(thread, NULL);
	close(listener);
}

static int join_vsock(void)
{
	return vsock_socket(CID_LOCAL, LOCAL_PORT, false);
}

static int join_tcp(void)
{
	return tcp_socket("127.0.0.1", LOCAL_PORT, false);
}

static int serve_host(const char *path, unsigned port)
{
	int listeners[] = { unix_listener(path), tcp_socket("127.0.0.1", port, true) };

	printf("ready\n");
	fflush(stdout);
	for (int i = 0; i < 2; i++)
		serve_one(&listeners[i]);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct marks vsock = { mark_vsock_trips, mark_vsock_push, mark_vsock_pull,
					    mark_vsock_end };
	static const struct marks tcp = { mark_tcp_trips, mark_tcp_push, mark_tcp_pull,
					  mark_tcp_end };
	static const struct marks vsock_local = { mark_vsock_local_trips, mark_vsock_local_push,
						  mark_vsock_local_pull, mark_vsock_local_end };
	static const struct marks tcp_local = { mark_tcp_local_trips, mark_tcp_local_push,
						mark_tcp_local_pull, mark_tcp_local_end };

	if (argc == 4)
		return serve_host(argv[2], (unsigned)atoi(argv[3]));
	measure_local(vsock_socket(CID_ANY, LOCAL_PORT, true), join_vsock, &vsock_local);
	measure_local(tcp_socket("127.0.0.1", LOCAL_PORT, true), join_tcp, &tcp_local);
	if (argc < 2)
		return 0;
	measure(vsock_socket(CID_HOST, VSOCK_PORT, false), &vsock);
	measure(tcp_socket("10.0.2.2", (unsigned)atoi(argv[1]), false), &tcp);
	return 0;
}
