/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_NETLINK sockets: requests in, datagrams of answers out (netlink(7)). Thread context. */
#include "netlink.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/list.h>
#include <base/string.h>
#include <mm/alloc.h>

enum {
	DATAGRAM_BYTES = 4096, /* what the C library's buffer holds */
	MESSAGE_BYTES = 1024,  /* at most, of each message of ours */
	REQUEST_BYTES = 65536,
	QUEUED_MAX = 256,
	NETLINK_GET_STRICT_CHK = 12,
};

struct sockaddr_nl {
	uint16_t family, pad;
	uint32_t pid, groups;
};
_Static_assert(sizeof(struct sockaddr_nl) == 12, "Linux's struct sockaddr_nl");

struct datagram {
	struct list_node link;
	size_t bytes;
	uint8_t data[];
};

struct netlink {
	struct mutex lock;
	struct list_node queue; /* [lock] struct datagram.link */
	unsigned queued;        /* [lock] */
	uint32_t pid, groups;   /* [lock] the socket's address; pid 0: none yet */
	uint32_t peer_pid;      /* [lock] where connect(2) says */
};

static struct netlink *netlink_of(const struct socket *socket)
{
	return socket->private;
}

/* --- requests --- */

int netlink_body(const struct netlink_request *request, void *out, size_t bytes)
{
	if (request->bytes < bytes)
		return -EINVAL;
	memcpy(out, request->body, bytes);
	return 0;
}

bool netlink_attribute(const struct netlink_request *request, size_t fixed, unsigned type,
		       size_t least, struct nlattr *header, const uint8_t **data)
{
	enum { TYPE_MASK = 0x3fff };
	size_t at = align_up(fixed, 4);
	struct nlattr attr;
	bool found = false;

	while (at < request->bytes && request->bytes - at >= sizeof attr) {
		memcpy(&attr, request->body + at, sizeof attr);
		if (attr.bytes < sizeof attr || attr.bytes > request->bytes - at)
			break;
		if ((attr.type & TYPE_MASK) == type && attr.bytes - sizeof attr >= least) {
			*header = attr;
			*data = request->body + at + sizeof attr;
			found = true;
		}
		at += align_up(attr.bytes, 4);
	}
	return found;
}

/* --- answers --- */

static int queue_datagram(struct socket *socket, const uint8_t *data, size_t bytes)
{
	struct netlink *netlink = netlink_of(socket);
	struct datagram *datagram;
	int error = 0;

	datagram = mem_alloc(sizeof *datagram + bytes);
	if (!datagram)
		return -ENOMEM;
	datagram->bytes = bytes;
	memcpy(datagram->data, data, bytes);
	mutex_lock(&netlink->lock);
	if (netlink->queued < QUEUED_MAX) {
		netlink->queued++;
		list_insert_before(&netlink->queue, &datagram->link);
	} else {
		error = -ENOBUFS;
	}
	mutex_unlock(&netlink->lock);
	if (error)
		mem_free(datagram);
	else
		socket_wake(socket, POLLIN | POLLRDNORM);
	return error;
}

static void flush(struct netlink_answer *answer)
{
	int error = 0;

	if (answer->bytes)
		error = queue_datagram(answer->socket, answer->data, answer->bytes);
	answer->bytes = 0;
	if (!answer->error)
		answer->error = error;
}

static void append(struct netlink_answer *answer, const void *data, size_t bytes)
{
	uint8_t *at = answer->data + answer->bytes + answer->message;
	size_t padded = align_up(bytes, 4);

	assert(answer->message + padded <= MESSAGE_BYTES);
	if (bytes)
		memcpy(at, data, bytes);
	memset(at + bytes, 0, padded - bytes);
	answer->message += padded;
}

void netlink_begin(struct netlink_answer *answer, unsigned type, unsigned flags, const void *body,
		   size_t bytes)
{
	const struct nlmsghdr header = {
		.type = (uint16_t)type,
		.flags = (uint16_t)flags,
		.sequence = answer->request->header.sequence,
		.pid = answer->pid,
	};

	if (answer->bytes > DATAGRAM_BYTES - MESSAGE_BYTES)
		flush(answer);
	answer->message = 0;
	append(answer, &header, sizeof header);
	append(answer, body, bytes);
}

void netlink_put(struct netlink_answer *answer, unsigned type, const void *data, size_t bytes)
{
	const struct nlattr header = { (uint16_t)(sizeof header + bytes), (uint16_t)type };

	append(answer, &header, sizeof header);
	append(answer, data, bytes);
}

void netlink_put_number(struct netlink_answer *answer, unsigned type, uint32_t number)
{
	netlink_put(answer, type, &number, sizeof number);
}

void netlink_end(struct netlink_answer *answer)
{
	const uint32_t bytes = (uint32_t)answer->message;

	memcpy(answer->data + answer->bytes, &bytes, sizeof bytes);
	answer->bytes += answer->message;
	answer->message = 0;
}

static void put_error(struct netlink_answer *answer, int error)
{
	struct {
		int32_t error;
		struct nlmsghdr request;
	} body = { error, answer->request->header };

	netlink_begin(answer, NLMSG_ERROR, 0, &body, sizeof body);
	netlink_end(answer);
}

static void put_done(struct netlink_answer *answer)
{
	const int32_t status = 0;

	netlink_begin(answer, NLMSG_DONE, NLM_F_MULTI, &status, sizeof status);
	netlink_end(answer);
}

/* Changes are acknowledged where that is asked for; questions are, by their answer. */
static void serve(struct netlink_answer *answer)
{
	const struct nlmsghdr *header = &answer->request->header;
	bool dump = (header->flags & NLM_F_DUMP) == NLM_F_DUMP;
	int error = route_change(answer->request);

	if (error == -EOPNOTSUPP)
		error = route_answer(answer);
	if (error == -EOPNOTSUPP && dump)
		error = 0; /* of what is not here there are none */
	if (error || (header->flags & NLM_F_ACK && !dump))
		put_error(answer, error);
	else if (dump)
		put_done(answer);
	flush(answer);
}

static int serve_all(struct socket *socket, const uint8_t *data, size_t bytes, uint32_t pid)
{
	struct netlink_request request;
	struct netlink_answer answer = { .socket = socket, .request = &request, .pid = pid };
	size_t at = 0;

	answer.data = mem_alloc(DATAGRAM_BYTES);
	if (!answer.data)
		return -ENOBUFS;
	while (bytes - at >= sizeof request.header) {
		memcpy(&request.header, data + at, sizeof request.header);
		if (request.header.bytes < sizeof request.header ||
		    request.header.bytes > bytes - at)
			break;
		request.body = data + at + sizeof request.header;
		request.bytes = request.header.bytes - sizeof request.header;
		if (request.header.flags & NLM_F_REQUEST && request.header.type >= NLMSG_FIRST)
			serve(&answer);
		at = min(at + align_up(request.header.bytes, 4), bytes);
	}
	mem_free(answer.data);
	return answer.error;
}

/* --- the socket --- */

static uint32_t own_pid(struct socket *socket)
{
	struct netlink *netlink = netlink_of(socket);
	struct socket_credentials caller;
	uint32_t pid;

	socket_caller(&caller);
	mutex_lock(&netlink->lock);
	if (!netlink->pid)
		netlink->pid = (uint32_t)caller.pid;
	pid = netlink->pid;
	mutex_unlock(&netlink->lock);
	return pid;
}

/* Only the kernel can be spoken to. */
static int check_destination(struct socket *socket, const struct socket_message *message)
{
	struct sockaddr_nl to = { .pid = netlink_of(socket)->peer_pid };

	if (message->address_bytes) {
		if (message->address_bytes < sizeof to)
			return -EINVAL;
		memcpy(&to, message->address, sizeof to);
		if (to.family != AF_NETLINK)
			return -EINVAL;
	}
	return to.pid ? -ECONNREFUSED : 0;
}

static ssize_t netlink_send(struct socket *socket, struct socket_message *message)
{
	size_t bytes = message->uio->left;
	int error = check_destination(socket, message);
	ssize_t count;
	uint8_t *data;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (error)
		return error;
	if (!bytes)
		return -ENODATA;
	if (bytes > REQUEST_BYTES)
		return -EMSGSIZE;
	data = mem_alloc(bytes);
	if (!data)
		return -ENOBUFS;
	count = uio_get(message->uio, data, bytes);
	if (count == (ssize_t)bytes)
		error = serve_all(socket, data, bytes, own_pid(socket));
	else
		error = -EFAULT;
	mem_free(data);
	return error ? error : (ssize_t)bytes;
}

/* A peeker takes it as well, to have it to itself while it copies. */
static struct datagram *take(struct netlink *netlink)
{
	struct datagram *datagram = NULL;

	mutex_lock(&netlink->lock);
	if (!list_empty(&netlink->queue))
		datagram = list_entry(netlink->queue.next, struct datagram, link);
	if (datagram) {
		list_remove(&datagram->link);
		netlink->queued--;
	}
	mutex_unlock(&netlink->lock);
	return datagram;
}

static void put_back(struct netlink *netlink, struct datagram *datagram)
{
	mutex_lock(&netlink->lock);
	list_insert_after(&netlink->queue, &datagram->link);
	netlink->queued++;
	mutex_unlock(&netlink->lock);
}

static ssize_t deliver(struct socket_message *message, const struct datagram *datagram)
{
	const struct sockaddr_nl kernel = { .family = AF_NETLINK };
	size_t room = message->uio->left, wanted = min(room, datagram->bytes);

	if (wanted && uio_put(message->uio, datagram->data, wanted) != (ssize_t)wanted)
		return -EFAULT;
	if (datagram->bytes > room)
		message->result_flags |= MSG_TRUNC;
	if (message->address) {
		memcpy(message->address, &kernel, sizeof kernel);
		message->address_bytes = sizeof kernel;
	}
	return (ssize_t)(message->flags & MSG_TRUNC ? datagram->bytes : wanted);
}

static ssize_t netlink_receive(struct socket *socket, struct socket_message *message)
{
	struct netlink *netlink = netlink_of(socket);
	struct datagram *datagram;
	ssize_t count;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	datagram = take(netlink);
	if (!datagram)
		return -EAGAIN;
	count = deliver(message, datagram);
	if (message->flags & MSG_PEEK)
		put_back(netlink, datagram);
	else
		mem_free(datagram);
	return count;
}

static int read_address(const void *address, uint32_t bytes, struct sockaddr_nl *out)
{
	if (bytes < sizeof *out)
		return -EINVAL;
	memcpy(out, address, sizeof *out);
	return out->family == AF_NETLINK ? 0 : -EINVAL;
}

static int netlink_bind(struct socket *socket, const void *address, uint32_t bytes)
{
	struct netlink *netlink = netlink_of(socket);
	struct sockaddr_nl to;
	int error = read_address(address, bytes, &to);

	if (error)
		return error;
	mutex_lock(&netlink->lock);
	if (netlink->pid && to.pid && to.pid != netlink->pid)
		error = -EINVAL;
	else if (to.pid)
		netlink->pid = to.pid;
	netlink->groups = to.groups;
	mutex_unlock(&netlink->lock);
	if (!error)
		(void)own_pid(socket);
	return error;
}

static int netlink_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct sockaddr_nl to;
	int error = read_address(address, bytes, &to);

	if (error)
		return error;
	(void)own_pid(socket);
	netlink_of(socket)->peer_pid = to.pid;
	return 0;
}

static int netlink_name(struct socket *socket, void *address, enum socket_name which)
{
	bool peer = which != SOCKET_NAME_OWN;
	struct netlink *netlink = netlink_of(socket);
	struct sockaddr_nl at = { .family = AF_NETLINK };

	mutex_lock(&netlink->lock);
	at.pid = peer ? netlink->peer_pid : netlink->pid;
	at.groups = peer ? 0 : netlink->groups;
	mutex_unlock(&netlink->lock);
	memcpy(address, &at, sizeof at);
	return sizeof at;
}

static int netlink_set_option(struct socket *socket, int level, int name, const void *value,
			      uint32_t bytes)
{
	int number;

	(void)socket;
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	/* Group membership, and more or less in messages of error: nothing of it changes what an asker gets. */
	if (name < 1 || name > NETLINK_GET_STRICT_CHK)
		return -ENOPROTOOPT;
	return socket_option_int(value, bytes, &number);
}

static unsigned netlink_poll(struct socket *socket)
{
	struct netlink *netlink = netlink_of(socket);
	unsigned queued = __atomic_load_n(&netlink->queued, __ATOMIC_RELAXED);

	return POLLOUT | POLLWRNORM | (queued ? POLLIN | POLLRDNORM : 0);
}

static void netlink_release(struct socket *socket)
{
	struct netlink *netlink = netlink_of(socket);
	struct list_node *node;

	while ((node = list_pop_front(&netlink->queue)) != NULL)
		mem_free(list_entry(node, struct datagram, link));
	mem_free(netlink);
}

static const struct socket_ops netlink_ops = {
	.bind = netlink_bind,
	.connect = netlink_connect,
	.name = netlink_name,
	.send = netlink_send,
	.receive = netlink_receive,
	.set_option = netlink_set_option,
	.poll = netlink_poll,
	.release = netlink_release,
};

static int create(struct socket *socket, int type, int protocol)
{
	struct netlink *netlink;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	netlink = mem_zalloc(sizeof *netlink);
	if (!netlink)
		return -ENOMEM;
	mutex_init(&netlink->lock);
	list_init(&netlink->queue);
	socket->ops = &netlink_ops;
	socket->private = netlink;
	return 0;
}

static const struct socket_family netlink_family = { AF_NETLINK, "netlink", create };
SOCKET_FAMILY(netlink_family);
