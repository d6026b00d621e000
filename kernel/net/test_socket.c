/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets over a family of the test: a stream that is fed by hand. What blocks runs in threads of the simulated machine. */
#define _GNU_SOURCE
#include "../fs/test_fs.h"

#include <net/socket.h>

#include <core/time.h>

enum { AF_TEST = 40, AF_PLAIN = 41, QUEUE_MAX = 64 };

/* The socket's private part: what arrives, and how much may be sent. */
struct stream {
	char queue[QUEUE_MAX];
	size_t bytes, room, sent;
	bool ended, connected, connecting;
	unsigned to_accept, accepted, calls;
	int option;
};

static unsigned releases;

static ssize_t stream_send(struct socket *socket, struct socket_message *message)
{
	struct stream *s = socket->private;
	char bytes[QUEUE_MAX];
	ssize_t count;

	s->calls++;
	if (s->ended)
		return -EPIPE;
	if (!s->room && message->uio->left)
		return -EAGAIN;
	count = uio_get(message->uio, bytes, min(s->room, sizeof bytes));
	s->room -= (size_t)count;
	s->sent += (size_t)count;
	return count;
}

static ssize_t stream_receive(struct socket *socket, struct socket_message *message)
{
	struct stream *s = socket->private;
	size_t skip = message->flags & MSG_PEEK ? message->peek_offset : 0;
	ssize_t count;

	if (s->bytes <= skip)
		return s->ended ? 0 : -EAGAIN;
	count = uio_put(message->uio, s->queue + skip, s->bytes - skip);
	if (count > 0 && !(message->flags & MSG_PEEK)) {
		s->bytes -= (size_t)count;
		memmove(s->queue, s->queue + count, s->bytes);
	}
	return count;
}

static int stream_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct stream *s = socket->private;

	(void)address, (void)bytes;
	if (s->connected)
		return s->connecting ? s->connecting = false, 0 : -EISCONN;
	if (s->ended)
		return -ECONNREFUSED;
	if (s->connecting)
		return -EALREADY;
	s->connecting = true;
	return -EINPROGRESS;
}

static int stream_accept(struct socket *socket, struct socket *accepted)
{
	struct stream *s = socket->private;

	if (!s->to_accept)
		return -EAGAIN;
	s->to_accept--;
	accepted->ops = socket->ops;
	accepted->private = mem_zalloc(sizeof *s);
	return accepted->private ? 0 : -ENOMEM;
}

static unsigned stream_poll(struct socket *socket)
{
	const struct stream *s = socket->private;

	return (s->bytes || s->to_accept ? POLLIN | POLLRDNORM : 0) |
	       (s->room ? POLLOUT | POLLWRNORM : 0);
}

static int stream_get_option(struct socket *socket, int level, int name, void *value,
			     uint32_t *bytes)
{
	const struct stream *s = socket->private;

	if (level != 6 && !(level == SOL_SOCKET && name == SO_KEEPALIVE))
		return -ENOPROTOOPT;
	return socket_option_put(value, bytes, &s->option, sizeof s->option);
}

static void stream_release(struct socket *socket)
{
	releases++;
	mem_free(socket->private);
}

static const struct socket_ops stream_ops = {
	.connect = stream_connect,
	.accept = stream_accept,
	.send = stream_send,
	.receive = stream_receive,
	.get_option = stream_get_option,
	.poll = stream_poll,
	.release = stream_release,
};

static int create(struct socket *socket, int type, int protocol)
{
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol)
		return -EPROTONOSUPPORT;
	socket->private = mem_zalloc(sizeof(struct stream));
	socket->ops = &stream_ops;
	return socket->private ? 0 : -ENOMEM;
}

static const struct socket_family test_family = { AF_TEST, "test", create };
SOCKET_FAMILY(test_family);

static struct file *file;
static struct socket *sock;
static struct stream *stream;

static int setup(void **state)
{
	(void)state;
	threads_start(NULL, 0);
	blocks_before = host_allocations();
	assert_int_equal(socket_open(AF_TEST, SOCK_STREAM, 0, 0, &file), 0);
	sock = socket_of(file);
	stream = sock->private;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	file_put(file);
	file = NULL;
	assert_int_equal(host_allocations(), blocks_before);
	return 0;
}

static void feed(const char *text)
{
	memcpy(stream->queue + stream->bytes, text, strlen(text));
	stream->bytes += strlen(text);
	socket_wake(sock, POLLIN | POLLRDNORM);
}

/* A thread that makes one call. */
struct caller {
	struct thread thread;
	void (*call)(struct caller *caller);
	unsigned flags;
	size_t count;
	char bytes[QUEUE_MAX];
	struct file *accepted;
	ssize_t result;
	bool done, ended, no_restart;
	void *stack;
};

static void run_call(void *arg)
{
	struct caller *c = arg;

	c->call(c);
	c->done = true;
}

static void has_ended(struct thread *thread)
{
	container_of(thread, struct caller, thread)->ended = true;
}

static void start(struct caller *c)
{
	c->stack = malloc(1 << 18);
	thread_init(&c->thread, "caller", c->stack, 1 << 18, run_call, c, has_ended);
	thread_start(&c->thread);
	thread_yield();
}

static ssize_t finish(struct caller *c)
{
	for (int i = 0; i < 100 && !c->ended; i++)
		thread_yield();
	assert_true(c->ended);
	free(c->stack);
	return c->result;
}

static void receive(struct caller *c)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio, .flags = c->flags };

	uio_init_kernel(&uio, &segment, c->bytes, c->count);
	c->result = socket_receive(sock, &message);
	c->no_restart = uio.no_restart;
}

static void send(struct caller *c)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio, .flags = c->flags };

	uio_init_kernel(&uio, &segment, c->bytes, c->count);
	c->result = socket_send(sock, &message);
}

static void connect(struct caller *c)
{
	c->result = socket_connect(sock, "", 0);
}

static void accept(struct caller *c)
{
	c->result = socket_accept(sock, 0, &c->accepted);
}

static void open_refuses_what_no_family_has(void **state)
{
	struct file *other;

	(void)state;
	assert_int_equal(socket_open(AF_PLAIN, SOCK_STREAM, 0, 0, &other), -EAFNOSUPPORT);
	assert_int_equal(socket_open(AF_TEST, SOCK_RAW, 0, 0, &other), -ESOCKTNOSUPPORT);
	assert_int_equal(socket_open(AF_TEST, SOCK_STREAM, 7, 0, &other), -EPROTONOSUPPORT);
}

static void open_survives_want_of_memory(void **state)
{
	unsigned n = 0;

	(void)state;
	for (;; n++) {
		struct file *other;

		host_fail_allocation_after(n);
		int error = socket_open(AF_TEST, SOCK_STREAM, 0, 0, &other);
		if (!error) {
			file_put(other);
			break;
		}
		assert_int_equal(error, -ENOMEM);
	}
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(n, 3);
}

static void a_socket_is_known_by_its_file(void **state)
{
	struct inode_attr attr;
	struct file *other = file_create(&(struct file_ops){ 0 }, 0, NULL);

	(void)state;
	assert_null(socket_of(other));
	file_put(other);
	assert_int_equal(file_getattr(file, &attr), 0);
	assert_int_equal(attr.mode, S_IFSOCK | 0777);
	assert_true(attr.ino);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_CUR), -ESPIPE);
}

static void calls_do_not_wait_where_told(void **state)
{
	struct caller c = { .count = 4, .flags = MSG_DONTWAIT };

	(void)state;
	receive(&c);
	assert_int_equal(c.result, -EAGAIN);
	send(&c);
	assert_int_equal(c.result, -EAGAIN);
	file->flags |= O_NONBLOCK;
	c.flags = 0;
	receive(&c);
	assert_int_equal(c.result, -EAGAIN);
	assert_int_equal(file_get_bytes(file, c.bytes, 4), -EAGAIN);
	connect(&c);
	assert_int_equal(c.result, -EINPROGRESS);
	connect(&c);
	assert_int_equal(c.result, -EALREADY);
	sock->listening = true;
	accept(&c);
	assert_int_equal(c.result, -EAGAIN);
}

static void receive_waits_for_data(void **state)
{
	struct caller c = { .call = receive, .count = 8 };

	(void)state;
	start(&c);
	assert_false(c.done);
	feed("abc");
	assert_int_equal(finish(&c), 3);
	assert_memory_equal(c.bytes, "abc", 3);
	assert_false(c.no_restart);
}

static void waitall_waits_for_all(void **state)
{
	struct caller c = { .call = receive, .count = 5, .flags = MSG_WAITALL };

	(void)state;
	start(&c);
	feed("abc");
	thread_yield();
	assert_false(c.done);
	feed("defg");
	assert_int_equal(finish(&c), 5);
	assert_memory_equal(c.bytes, "abcde", 5);
	assert_int_equal(stream->bytes, 2);
}

static void waitall_may_peek(void **state)
{
	struct caller c = { .call = receive, .count = 5, .flags = MSG_WAITALL | MSG_PEEK };

	(void)state;
	start(&c);
	feed("abc");
	thread_yield();
	assert_false(c.done);
	feed("defg");
	assert_int_equal(finish(&c), 5);
	assert_memory_equal(c.bytes, "abcde", 5);
	assert_int_equal(stream->bytes, 7);
}

static void low_mark_keeps_a_receiver_waiting(void **state)
{
	struct caller c = { .call = receive, .count = 8 };

	(void)state;
	sock->receive_low = 3;
	start(&c);
	feed("ab");
	thread_yield();
	assert_false(c.done);
	feed("c");
	assert_int_equal(finish(&c), 3);
}

static void end_of_stream_ends_waitall(void **state)
{
	struct caller c = { .call = receive, .count = 5, .flags = MSG_WAITALL };

	(void)state;
	start(&c);
	feed("abc");
	stream->ended = true;
	socket_wake(sock, POLLIN | POLLRDHUP);
	assert_int_equal(finish(&c), 3);
}

static void send_goes_on_until_all_is_sent(void **state)
{
	struct caller c = { .call = send, .count = 10 };

	(void)state;
	stream->room = 4;
	start(&c);
	assert_false(c.done);
	assert_int_equal(stream->sent, 4);
	stream->room = 100;
	socket_wake(sock, POLLOUT);
	assert_int_equal(finish(&c), 10);
	assert_int_equal(stream->sent, 10);
}

static void error_after_a_part_tells_the_part(void **state)
{
	struct caller c = { .call = send, .count = 10 };

	(void)state;
	stream->room = 4;
	start(&c);
	stream->ended = true;
	socket_wake(sock, POLLERR);
	assert_int_equal(finish(&c), 4);
	send(&c);
	assert_int_equal(c.result, -EPIPE);
}

static void a_datagram_is_sent_once(void **state)
{
	struct caller c = { .count = 10 };

	(void)state;
	sock->type = SOCK_DGRAM;
	stream->room = 4;
	send(&c);
	assert_int_equal(c.result, 4);
	assert_int_equal(stream->calls, 1);
}

static void time_limits_end_a_wait(void **state)
{
	struct caller c = { .call = receive, .count = 8 };
	int64_t limit[2] = { 1, 500000 };

	(void)state;
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_RCVTIMEO, limit, sizeof limit), 0);
	start(&c);
	assert_false(c.done);
	host_advance_time(1400 * NS_PER_MS);
	feed("");
	thread_yield();
	assert_false(c.done);
	host_advance_time(200 * NS_PER_MS);
	feed("");
	assert_int_equal(finish(&c), -EAGAIN);
	assert_true(c.no_restart);
}

static void interrupt_ends_a_wait(void **state)
{
	struct caller c = { .call = receive, .count = 8 };

	(void)state;
	start(&c);
	thread_interrupt(&c.thread);
	assert_int_equal(finish(&c), -EINTR);
}

static void connect_waits_for_the_outcome(void **state)
{
	struct caller c = { .call = connect };

	(void)state;
	start(&c);
	assert_false(c.done);
	stream->connected = true;
	socket_wake(sock, POLLOUT);
	assert_int_equal(finish(&c), 0);
	connect(&c);
	assert_int_equal(c.result, -EISCONN);
}

static void connect_tells_its_failure(void **state)
{
	struct caller c = { .call = connect };

	(void)state;
	start(&c);
	stream->ended = true;
	socket_wake(sock, POLLERR | POLLHUP);
	assert_int_equal(finish(&c), -ECONNREFUSED);
}

static void accept_wants_a_listener(void **state)
{
	struct caller c = { .call = accept };

	(void)state;
	accept(&c);
	assert_int_equal(c.result, -EINVAL);
}

static void one_of_two_accepts_gets_a_connection(void **state)
{
	struct caller a = { .call = accept }, b = { .call = accept };

	(void)state;
	sock->listening = true;
	start(&a);
	start(&b);
	stream->to_accept = 1;
	socket_wake(sock, POLLIN | POLLRDNORM);
	assert_int_equal(finish(&a), 0);
	assert_false(b.done);
	assert_ptr_equal(socket_of(a.accepted)->ops, &stream_ops);
	stream->to_accept = 1;
	socket_wake(sock, POLLIN | POLLRDNORM);
	assert_int_equal(finish(&b), 0);
	file_put(a.accepted);
	file_put(b.accepted);
}

static void accepted_sockets_have_the_listeners_options(void **state)
{
	struct caller c = { 0 };
	int on = 1, bytes = 8192;
	const struct socket *accepted;

	(void)state;
	sock->listening = true;
	stream->to_accept = 1;
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
	accept(&c);
	accepted = socket_of(c.accepted);
	assert_true(socket_switch(accepted, SO_OOBINLINE));
	assert_int_equal(accepted->receive_buffer, 2 * 8192);
	file_put(c.accepted);
}

/* --- options --- */

static int get_int(int level, int name)
{
	int value = 0;
	uint32_t bytes = sizeof value;

	assert_int_equal(socket_get_option(sock, level, name, &value, &bytes), 0);
	assert_int_equal(bytes, sizeof value);
	return value;
}

static int set_int(int name, int value)
{
	return socket_set_option(sock, SOL_SOCKET, name, &value, sizeof value);
}

static void options_tell_what_a_socket_is(void **state)
{
	(void)state;
	assert_int_equal(get_int(SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get_int(SOL_SOCKET, SO_DOMAIN), AF_TEST);
	assert_int_equal(get_int(SOL_SOCKET, SO_PROTOCOL), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_ACCEPTCONN), 0);
	sock->listening = true;
	assert_int_equal(get_int(SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(set_int(SO_TYPE, 1), -ENOPROTOOPT);
}

static void the_family_is_asked_first(void **state)
{
	(void)state;
	stream->option = 77;
	assert_int_equal(get_int(6, 1), 77);
	assert_int_equal(get_int(SOL_SOCKET, SO_KEEPALIVE), 77);
}

static void buffer_sizes_are_doubled_within_limits(void **state)
{
	(void)state;
	assert_int_equal(get_int(SOL_SOCKET, SO_SNDBUF), 212992);
	assert_int_equal(set_int(SO_SNDBUF, 10000), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_SNDBUF), 20000);
	assert_int_equal(set_int(SO_SNDBUF, 0), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_SNDBUF), 4608);
	assert_int_equal(set_int(SO_SNDBUF, -1), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_SNDBUF), 2 * 212992);
	assert_int_equal(set_int(SO_RCVBUF, 1), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_RCVBUF), 2304);
	assert_int_equal(set_int(SO_RCVBUFFORCE, 1 << 20), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_RCVBUF), 2 << 20);
}

static void linger_and_time_limits_have_structures(void **state)
{
	int32_t linger[2] = { 1, 7 };
	int64_t limit[2] = { 2, 999999 }, bad[2] = { 0, 1000000 }, told[2];
	uint32_t bytes = sizeof linger;

	(void)state;
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_LINGER, linger, 4), -EINVAL);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_LINGER, linger, 8), 0);
	assert_int_equal(sock->linger, 7);
	memset(linger, 0, sizeof linger);
	assert_int_equal(socket_get_option(sock, SOL_SOCKET, SO_LINGER, linger, &bytes), 0);
	assert_int_equal(linger[0] == 1 && linger[1] == 7, 1);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_SNDTIMEO, bad, 16), -EDOM);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_SNDTIMEO, limit, 16), 0);
	bytes = sizeof told;
	assert_int_equal(socket_get_option(sock, SOL_SOCKET, SO_SNDTIMEO, told, &bytes), 0);
	assert_memory_equal(told, limit, sizeof told);
}

static void short_values_are_refused_or_cut(void **state)
{
	uint8_t value[4] = { 0xff, 0xff, 0xff, 0xff };
	uint32_t bytes = 1;

	(void)state;
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, SO_OOBINLINE, value, 3), -EINVAL);
	assert_int_equal(socket_get_option(sock, SOL_SOCKET, SO_TYPE, value, &bytes), 0);
	assert_int_equal(bytes, 1);
	assert_int_equal(value[0], SOCK_STREAM);
	assert_int_equal(value[1], 0xff);
	bytes = 4;
	assert_int_equal(socket_get_option(sock, 99, 1, value, &bytes), -ENOPROTOOPT);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, 9999, value, 4), -ENOPROTOOPT);
	assert_int_equal(socket_set_option(sock, SOL_SOCKET, -1, value, 4), -ENOPROTOOPT);
}

static void only_one_kind_of_time_stamp_is_on(void **state)
{
	(void)state;
	assert_int_equal(set_int(SO_TIMESTAMP, 1), 0);
	assert_int_equal(set_int(SO_TIMESTAMPNS, 1), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_TIMESTAMP), 0);
	assert_int_equal(get_int(SOL_SOCKET, SO_TIMESTAMPNS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_refuses_what_no_family_has),
		TEST(open_survives_want_of_memory),
		TEST(a_socket_is_known_by_its_file),
		TEST(calls_do_not_wait_where_told),
		TEST(receive_waits_for_data),
		TEST(waitall_waits_for_all),
		TEST(waitall_may_peek),
		TEST(low_mark_keeps_a_receiver_waiting),
		TEST(end_of_stream_ends_waitall),
		TEST(send_goes_on_until_all_is_sent),
		TEST(error_after_a_part_tells_the_part),
		TEST(a_datagram_is_sent_once),
		TEST(time_limits_end_a_wait),
		TEST(interrupt_ends_a_wait),
		TEST(connect_waits_for_the_outcome),
		TEST(connect_tells_its_failure),
		TEST(accept_wants_a_listener),
		TEST(one_of_two_accepts_gets_a_connection),
		TEST(accepted_sockets_have_the_listeners_options),
		TEST(options_tell_what_a_socket_is),
		TEST(the_family_is_asked_first),
		TEST(buffer_sizes_are_doubled_within_limits),
		TEST(linger_and_time_limits_have_structures),
		TEST(short_values_are_refused_or_cut),
		TEST(only_one_kind_of_time_stamp_is_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
