/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes are sent to NETLINK_ROUTE over the stack with its loopback: every answer is a row of whole messages, and comes to an end. */
#include "netlink.h"

#include <base/assert.h>
#include <base/errno.h>
#include <core/thread.h>
#include <net/stack.h>

#include <stdlib.h>
#include <string.h>

void socket_caller(struct socket_credentials *out)
{
	*out = (struct socket_credentials){ .pid = 1 };
}

static void check_answer(const uint8_t *bytes, size_t count)
{
	struct nlmsghdr header;

	for (size_t at = 0; at < count; at += header.bytes) {
		assert(count - at >= sizeof header);
		memcpy(&header, bytes + at, sizeof header);
		assert(header.bytes >= sizeof header && header.bytes <= count - at);
		assert(!(header.bytes % 4));
	}
}

static void ready(struct stack_owner *owner, unsigned events)
{
	(void)owner, (void)events;
}

static void start(void)
{
	static struct stack_owner owner = { ready };
	static struct stack_endpoint *endpoint;
	int error;

	if (endpoint)
		return;
	threads_start(NULL, 0);
	stack_start();
	/* The first endpoint brings the loopback up. */
	mutex_lock(&net_mutex);
	error = stack_open(AF_INET, STACK_UDP, 0, &owner, &endpoint);
	mutex_unlock(&net_mutex);
	assert(!error);
	/* A call, so that the family is linked. */
	assert(!netlink_body(&(struct netlink_request){ 0 }, &error, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t answer[8192];
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };
	struct socket *socket;
	struct file *file;
	ssize_t count;
	int error;

	start();
	error = socket_open(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, O_NONBLOCK, &file);
	assert(!error);
	socket = socket_of(file);
	uio_init_kernel(&uio, &segment, (void *)data, size);
	count = socket_send(socket, &message);
	assert(count == (ssize_t)size || count == -ENOBUFS || count == -EMSGSIZE ||
	       (!size && count == -ENODATA));
	for (;;) {
		uio_init_kernel(&uio, &segment, answer, sizeof answer);
		count = socket_receive(socket, &message);
		if (count < 0)
			break;
		check_answer(answer, (size_t)count);
	}
	assert(count == -EAGAIN);
	file_put(file);
	return 0;
}
