/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_VSOCK: an echo service on port 7, asked by loopback, and the page on port 80, for the host to ask too; with
 * `selftest.vsock=PORT` an echo service of the host's on that port is asked.
 */
#include "checks.h"

#include <base/errno.h>
#include <core/params.h>
#include <core/thread.h>
#include <core/time.h>

#include "report.h"
#include "services.h"

enum { CID_LOCAL = 1, CID_HOST = 2 };
#define CID_ANY UINT32_MAX
#define PATIENCE_NS (10 * NS_PER_S)

static int start(uint32_t port, const char *name, void (*serve)(struct socket *connection))
{
	union socket_address address = address_vsock(CID_ANY, port);
	struct service service = { .name = name, .serve = serve };
	int error = socket_make(AF_VSOCK, SOCK_STREAM, 0, TIME_NEVER, &service.socket);

	if (error)
		return error;
	error = socket_listen_at(service.socket, &address);
	if (!error)
		error = service_start(&service);
	if (error)
		socket_close(service.socket);
	return error;
}

static int ask(uint32_t cid, uint32_t port)
{
	union socket_address server = address_vsock(cid, port);
	struct socket *socket;
	int error = socket_make(AF_VSOCK, SOCK_STREAM, 0, PATIENCE_NS, &socket);

	if (error)
		return error;
	error = ask_echo(socket, &server);
	socket_close(socket);
	return error;
}

static void check_loopback(void)
{
	int error = start(PORT_ECHO, "echo by vsock", serve_echo);

	if (!error)
		error = start(PORT_HTTP, "page by vsock", serve_page);
	if (!error)
		error = ask(CID_LOCAL, PORT_ECHO);
	if (error == -EAFNOSUPPORT)
		report_skip("echo by vsock", "this kernel has no vsock");
	else if (error)
		report_fail("echo by vsock", "port %d, by loopback: error %d", PORT_ECHO, -error);
	else
		report_ok("echo by vsock", "port %d answers", PORT_ECHO);
}

static void check_host(void)
{
	uint32_t port = (uint32_t)params_number("selftest.vsock", 0);
	int error;

	if (!port)
		return;
	error = ask(CID_HOST, port);
	if (error)
		report_fail("vsock host", "port %u: error %d", port, -error);
	else
		report_ok("vsock host", "port %u answers", port);
}

void check_vsock(void)
{
	check_loopback();
	check_host();
}
