/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host, or another machine, can ask: echo by TCP and UDP (RFC 862), and a page by HTTP. Each has a thread that serves one
 * connection after the other. The self-test asks them over the loopback interface first.
 */
#include "services.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <core/random.h>
#include <core/thread.h>
#include <core/time.h>
#include <mm/alloc.h>
#include <mm/stack.h>

#include "checks.h"
#include "report.h"

enum {
	BUFFER_BYTES = 4096,
	DATAGRAM_BYTES_MAX = 65535,
	ECHO_BYTES = 1000, /* of the self-test's own question */
	ECHO_ROUNDS = 16,  /* of the same, by TCP */
};
#define CLIENT_PATIENCE_NS (10 * NS_PER_S)

static const uint8_t any[4] = { 0 }, loopback[4] = { 127, 0, 0, 1 };
static bool ended; /* atomic: /end was asked for; one run in a machine */

bool services_ended(void)
{
	return __atomic_load_n(&ended, __ATOMIC_ACQUIRE);
}

/* --- answering --- */

void serve_echo(struct socket *connection)
{
	char *buffer = mem_alloc(BUFFER_BYTES);
	ssize_t got = 0;

	while (buffer) {
		got = socket_receive_some(connection, buffer, BUFFER_BYTES, NULL);
		if (got <= 0 || socket_send_all(connection, buffer, (size_t)got, NULL))
			break;
	}
	mem_free(buffer);
}

/* Whether the request's first line asks for this path. */
static bool asks_for(const char *request, const char *path)
{
	size_t length = strlen(path);

	return !strncmp(request, "GET ", 4) && !strncmp(request + 4, path, length) &&
	       request[4 + length] == ' ';
}

/* Reads to the request's empty line, as far as there is room: what is asked for stands at the beginning. */
static bool read_request(struct socket *connection, char *request, size_t room)
{
	size_t length = 0;

	do {
		ssize_t got = socket_receive_some(connection, request + length, room - 1 - length,
						  NULL);

		if (got <= 0)
			return false;
		length += (size_t)got;
		request[length] = '\0';
	} while (length < room - 1 && (length < 4 || memcmp(request + length - 4, "\r\n\r\n", 4)));
	return true;
}

void serve_page(struct socket *connection)
{
	static const char page[] = "capuchin selftest: %u passed, %u failed, %u skipped\n";
	struct report_counts counts = report_counts();
	char request[1024], body[100], head[100];
	int body_bytes, head_bytes;
	bool known;

	if (!read_request(connection, request, sizeof request))
		return;
	known = asks_for(request, "/") || asks_for(request, "/end");
	body_bytes = known ? format(body, sizeof body, page, counts.passed, counts.failed,
				    counts.skipped)
			   : format(body, sizeof body, "there is / and /end\n");
	head_bytes = format(head, sizeof head,
			    "HTTP/1.0 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
			    known ? "200 OK" : "404 Not Found", body_bytes);
	if (!socket_send_all(connection, head, (size_t)head_bytes, NULL))
		(void)!socket_send_all(connection, body, (size_t)body_bytes, NULL);
	if (asks_for(request, "/end"))
		__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
}

/* --- threads --- */

static void serve_streams(void *arg)
{
	const struct service *service = arg;
	struct socket *connection;

	for (;;) {
		int error = socket_next_connection(service->socket, CLIENT_PATIENCE_NS,
						   &connection);

		if (error == -EINVAL)
			return; /* it listens no more */
		if (error) {
			/* The client has gone again, or there is no memory just now. */
			(void)!thread_sleep_until(time_now() + NS_PER_MS, WAIT_UNINTERRUPTIBLE);
			continue;
		}
		service->serve(connection);
		socket_close(connection);
	}
}

static void serve_datagrams(void *arg)
{
	const struct service *service = arg;
	char *buffer = mem_alloc(DATAGRAM_BYTES_MAX);
	union socket_address from;

	while (buffer) {
		ssize_t got = socket_receive_some(service->socket, buffer, DATAGRAM_BYTES_MAX,
						  &from);

		/* Whom the answer does not reach, asks again; what comes as an error is of an answer before. */
		if (got >= 0)
			(void)!socket_send_all(service->socket, buffer, (size_t)got, &from);
	}
}

int service_start(const struct service *like)
{
	struct thread *thread = mem_alloc(sizeof *thread);
	struct service *service = mem_alloc(sizeof *service);
	void *stack = stack_create();

	if (!thread || !service || !stack) {
		mem_free(thread);
		mem_free(service);
		if (stack)
			stack_destroy(stack);
		return -ENOMEM;
	}
	*service = *like;
	thread_init(thread, service->name, stack, STACK_BYTES,
		    service->serve ? serve_streams : serve_datagrams, service, NULL);
	thread_start(thread);
	return 0;
}

/* `serve` NULL: datagrams. */
static int start(const char *name, uint16_t port, void (*serve)(struct socket *connection))
{
	union socket_address address = address_inet(any, port);
	struct service service = { .name = name, .serve = serve };
	int error = socket_make(AF_INET, serve ? SOCK_STREAM : SOCK_DGRAM, 0, TIME_NEVER,
				&service.socket);

	if (error)
		return error;
	error = serve ? socket_listen_at(service.socket, &address)
		      : service.socket->ops->bind(service.socket, &address, SOCKET_ADDRESS_BYTES);
	if (!error)
		error = service_start(&service);
	if (error)
		socket_close(service.socket);
	return error;
}

/* --- asking --- */

int ask_echo(struct socket *socket, const union socket_address *server)
{
	char question[ECHO_BYTES], answer[ECHO_BYTES];
	int error = socket_connect(socket, server, SOCKET_ADDRESS_BYTES);

	for (unsigned i = 0; !error && i < ECHO_ROUNDS; i++) {
		random_bytes(question, sizeof question);
		error = socket_send_all(socket, question, sizeof question, NULL);
		if (!error)
			error = socket_receive_all(socket, answer, sizeof answer);
		if (!error && memcmp(question, answer, sizeof answer))
			error = -EBADMSG;
	}
	return error;
}

static int ask_tcp(void)
{
	union socket_address server = address_inet(loopback, PORT_ECHO);
	struct socket *socket;
	int error = socket_make(AF_INET, SOCK_STREAM, 0, CLIENT_PATIENCE_NS, &socket);

	if (error)
		return error;
	error = ask_echo(socket, &server);
	socket_close(socket);
	return error;
}

static int ask_udp(void)
{
	union socket_address server = address_inet(loopback, PORT_ECHO);
	char question[ECHO_BYTES], answer[ECHO_BYTES];
	struct socket *socket;
	int error = socket_make(AF_INET, SOCK_DGRAM, 0, CLIENT_PATIENCE_NS, &socket);

	if (error)
		return error;
	random_bytes(question, sizeof question);
	error = socket_send_all(socket, question, sizeof question, &server);
	if (!error) {
		ssize_t got = socket_receive_some(socket, answer, sizeof answer, NULL);

		error = got < 0 ? (int)got : 0;
		if (got >= 0 && (got != sizeof answer || memcmp(question, answer, sizeof answer)))
			error = -EBADMSG;
	}
	socket_close(socket);
	return error;
}

static int ask_http(void)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n", wanted[] = "HTTP/1.0 200 OK\r\n";
	union socket_address server = address_inet(loopback, PORT_HTTP);
	char answer[sizeof wanted - 1];
	struct socket *socket;
	int error = socket_make(AF_INET, SOCK_STREAM, 0, CLIENT_PATIENCE_NS, &socket);

	if (error)
		return error;
	error = socket_connect(socket, &server, SOCKET_ADDRESS_BYTES);
	if (!error)
		error = socket_send_all(socket, request, sizeof request - 1, NULL);
	if (!error)
		error = socket_receive_all(socket, answer, sizeof answer);
	if (!error && memcmp(answer, wanted, sizeof answer))
		error = -EBADMSG;
	socket_close(socket);
	return error;
}

void check_services(void)
{
	static const struct {
		const char *name;
		uint16_t port;
		void (*serve)(struct socket *connection);
		int (*ask)(void);
	} services[] = {
		{ "echo by TCP", PORT_ECHO, serve_echo, ask_tcp },
		{ "echo by UDP", PORT_ECHO, NULL, ask_udp },
		{ "page by HTTP", PORT_HTTP, serve_page, ask_http },
	};

	for (unsigned i = 0; i < countof(services); i++) {
		int error = start(services[i].name, services[i].port, services[i].serve);

		if (!error)
			error = services[i].ask();
		if (error)
			report_fail(services[i].name, "port %u, by loopback: error %d",
				    services[i].port, -error);
		else
			report_ok(services[i].name, "port %u answers", services[i].port);
	}
}
