/* SPDX-License-Identifier: BSD-3-Clause */
/* Forwarding: the machine is a socket of the test's own. */
#include "forward.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BACKLOG = 200, CLIENTS = 120, QUIET_MS = 200, PATIENCE_S = 60 };

/* One that listens at 127.0.0.1. */
static int listen_somewhere(struct sockaddr_in *at)
{
	socklen_t bytes = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
	assert_int_equal(listen(fd, BACKLOG), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &bytes), 0);
	return fd;
}

static pid_t start_forward(const struct forward *f, int alive_end, rlim_t descriptors)
{
	const struct rlimit few = { descriptors, descriptors };
	pid_t pid = fork();

	if (pid)
		return pid;
	close(alive_end);
	if (setrlimit(RLIMIT_NOFILE, &few))
		_exit(1);
	forward_run(f);
	_exit(0);
}

/* Takes connections until no more come for a while; how many it were. Too few where the forwarding process is slow. */
static int accept_all(int server, int connections[CLIENTS])
{
	struct pollfd polled = { .fd = server, .events = POLLIN };
	int count = 0;

	while (count < CLIENTS && poll(&polled, 1, QUIET_MS) == 1)
		connections[count++] = accept(server, NULL, NULL);
	return count;
}

static void serve_many(rlim_t descriptors)
{
	struct sockaddr_in outside, machine;
	int port = listen_somewhere(&outside), server = listen_somewhere(&machine);
	struct publish published = { .guest_port = ntohs(machine.sin_port) };
	const struct network network = { .address = machine.sin_addr,
					 .published = &published,
					 .published_count = 1 };
	int alive[2], clients[CLIENTS], connections[CLIENTS], status;
	char byte;

	alarm(PATIENCE_S); /* else what is lost would be waited for */
	assert_int_equal(pipe(alive), 0);
	const struct forward forward = { .network = &network,
					 .ports = &port,
					 .alive_fd = alive[0] };
	pid_t pid = start_forward(&forward, alive[1], descriptors);
	assert_true(pid > 0);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(clients[i], (struct sockaddr *)&outside, sizeof outside),
				 0);
	}
	int count = accept_all(server, connections);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(recv(clients[i], &byte, 1, MSG_DONTWAIT), -1);
		assert_int_equal(errno, EAGAIN); /* none is reset */
	}
	for (int i = 0; i < CLIENTS; i++) {
		const char sent = (char)i;

		assert_int_equal(send(clients[i], &sent, 1, MSG_NOSIGNAL), 1);
		int connection = i < count ? connections[i] : accept(server, NULL, NULL);
		assert_true(connection >= 0);
		assert_int_equal(recv(connection, &byte, 1, 0), 1);
		assert_int_equal(byte, sent);
		close(connection);
		assert_int_equal(recv(clients[i], &byte, 1, 0), 0);
		close(clients[i]);
	}
	close(alive[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(alive[0]);
	close(port);
	close(server);
	alarm(0);
}

static void connections_without_descriptors_wait(void **state)
{
	(void)state;
	/* A connection takes two: in one of the cases the last one would be lacking. */
	serve_many(221);
	serve_many(222);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_without_descriptors_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
