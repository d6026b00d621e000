/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of level AF_VSOCK (vsock(7)), and what is queued. Thread context. */
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>

#include "vsock.h"

enum {
	SO_VM_SOCKETS_BUFFER_SIZE = 0,
	SO_VM_SOCKETS_BUFFER_MIN_SIZE = 1,
	SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2,
	SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD = 6,
	SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW = 8,
};

struct time_value {
	int64_t seconds, microseconds;
};
_Static_assert(sizeof(struct time_value) == 16, "Linux's struct timeval");

static void set_buffer(struct vsock *vsock, uint64_t bytes) REQUIRES(net_mutex)
{
	vsock->buffer_bytes = min(max(bytes, vsock->buffer_min), vsock->buffer_max);
	if (vsock->state == VSOCK_CONNECTED || vsock->state == VSOCK_CONNECTING)
		vsock_set_window(vsock);
}

static int set_sizes(struct vsock *vsock, int name, uint64_t bytes) REQUIRES(net_mutex)
{
	switch (name) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		set_buffer(vsock, bytes);
		return 0;
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		vsock->buffer_min = bytes;
		break;
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		vsock->buffer_max = bytes;
		break;
	default:
		return -ENOPROTOOPT;
	}
	set_buffer(vsock, vsock->buffer_bytes);
	return 0;
}

static int set_timeout(struct vsock *vsock, const void *value, uint32_t bytes)
{
	struct time_value time;
	uint64_t timeout_ns;

	if (bytes < sizeof time)
		return -EINVAL;
	memcpy(&time, value, sizeof time);
	if (time.seconds < 0 || time.seconds > INT32_MAX || time.microseconds < 0 ||
	    time.microseconds >= 1000000)
		return -ERANGE;
	timeout_ns = (uint64_t)time.seconds * NS_PER_S + (uint64_t)time.microseconds * NS_PER_US;
	vsock->connect_timeout_ns = timeout_ns ? timeout_ns : VSOCK_CONNECT_TIMEOUT_NS;
	return 0;
}

int vsock_set_option(struct socket *socket, int level, int name, const void *value, uint32_t bytes)
{
	struct vsock *vsock = vsock_of(socket);
	uint64_t size;
	int error;

	if (level != AF_VSOCK)
		return -ENOPROTOOPT;
	if (name == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD || name == SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW)
		return set_timeout(vsock, value, bytes);
	if (bytes < sizeof size)
		return name < SO_VM_SOCKETS_BUFFER_SIZE || name > SO_VM_SOCKETS_BUFFER_MAX_SIZE
			       ? -ENOPROTOOPT
			       : -EINVAL;
	memcpy(&size, value, sizeof size);
	mutex_lock(&net_mutex);
	error = set_sizes(vsock, name, size);
	vsock_unlock();
	return error;
}

static int put(void *value, uint32_t *bytes, const void *data, uint32_t size)
{
	return *bytes < size ? -EINVAL : socket_option_put(value, bytes, data, size);
}

int vsock_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes)
{
	const struct vsock *vsock = vsock_of(socket);
	struct time_value time;

	if (level != AF_VSOCK)
		return -ENOPROTOOPT;
	switch (name) {
	case SO_VM_SOCKETS_BUFFER_SIZE:
		return put(value, bytes, &vsock->buffer_bytes, sizeof vsock->buffer_bytes);
	case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
		return put(value, bytes, &vsock->buffer_min, sizeof vsock->buffer_min);
	case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
		return put(value, bytes, &vsock->buffer_max, sizeof vsock->buffer_max);
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD:
	case SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW:
		time = (struct time_value){
			(int64_t)(vsock->connect_timeout_ns / NS_PER_S),
			(int64_t)(vsock->connect_timeout_ns % NS_PER_S / NS_PER_US),
		};
		return put(value, bytes, &time, sizeof time);
	default:
		return -ENOPROTOOPT;
	}
}

long vsock_ioctl(struct socket *socket, unsigned cmd, uintptr_t arg)
{
	enum { SIOCINQ = 0x541b, SIOCOUTQ = 0x5411 };
	const struct vsock *vsock = vsock_of(socket);
	struct vsock_dev *dev;
	int32_t bytes = 0;

	if (cmd != SIOCINQ && cmd != SIOCOUTQ)
		return -ENOTTY;
	if (vsock->state == VSOCK_LISTENING)
		return -EINVAL;
	mutex_lock(&net_mutex);
	dev = vsock_device();
	if (cmd == SIOCINQ)
		bytes = (int32_t)vsock->queued;
	else if (dev && dev->ops->is_sending(dev) && !vsock->loops)
		bytes = (int32_t)(vsock->sent - vsock->peer_forwarded);
	mutex_unlock(&net_mutex);
	return user_write(arg, &bytes, sizeof bytes);
}
