/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending and receiving on sockets: send(2), recv(2), sendmsg(2), recvmsg(2) and their families. */
#include <net/socket.h>

#include <base/string.h>
#include <core/time.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"
#include "socket.h"

struct linux_msghdr {
	uint64_t name;
	int32_t name_bytes;
	uint32_t pad;
	uint64_t vector, vector_count;
	uint64_t control, control_bytes;
	uint32_t flags;
	uint32_t pad_2;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "Linux's struct user_msghdr");

struct linux_mmsghdr {
	struct linux_msghdr header;
	uint32_t bytes;
	uint32_t pad;
};
_Static_assert(sizeof(struct linux_mmsghdr) == 64, "Linux's struct mmsghdr");

enum {
	VECTOR_MAX = 1024,
	VECTOR_FEW = 8,
	CONTROL_FEW = 64,
	CONTROL_MAX = 20480, /* net.core.optmem_max */
	MESSAGES_MAX = 1024,
};

/* What a signal or a closed connection makes of a result. */
static long finish_send(struct socket *socket, unsigned flags, const struct uio *uio, long result)
{
	if (result == -EPIPE && socket->type == SOCK_STREAM && !(flags & MSG_NOSIGNAL))
		signal_post_process(process_current(), SIGPIPE);
	return uio->no_restart ? result : restartable(result);
}

long sys_sendto(long fd, long buffer, long bytes, long flags, long address, long address_bytes)
{
	const struct uio_segment segment = { (uintptr_t)buffer, min((size_t)bytes, TRANSFER_MAX) };
	uint8_t name[SOCKET_ADDRESS_MAX];
	struct uio uio;
	struct socket_message message = { .uio = &uio, .flags = (unsigned)flags };
	struct socket *socket;
	struct file *file;
	long result;

	if (!range_fits(segment.base, segment.bytes, USER_MAX))
		return -EFAULT;
	int err = socket_file(fd, &file, &socket);
	if (err)
		return err;
	uio_init_user(&uio, &segment, 1, segment.bytes);
	if (address) {
		message.address = name;
		message.address_bytes = (uint32_t)address_bytes;
		err = user_read_address(name, address, address_bytes);
	}
	result = err ? err
		     : finish_send(socket, message.flags, &uio, socket_send(socket, &message));
	file_put(file);
	return result;
}

long sys_recvfrom(long fd, long buffer, long bytes, long flags, long address, long length_address)
{
	const struct uio_segment segment = { (uintptr_t)buffer, min((size_t)bytes, TRANSFER_MAX) };
	uint8_t name[SOCKET_ADDRESS_MAX];
	struct uio uio;
	struct socket_message message = {
		.uio = &uio,
		.flags = (unsigned)flags,
		.address = address ? name : NULL,
	};
	struct socket *socket;
	struct file *file;

	if (!range_fits(segment.base, segment.bytes, USER_MAX))
		return -EFAULT;
	int err = socket_file(fd, &file, &socket);
	if (err)
		return err;
	uio_init_user(&uio, &segment, 1, segment.bytes);
	long result = socket_receive(socket, &message);
	if (!uio.no_restart)
		result = restartable(result);
	file_put(file);
	if (result >= 0 && address) {
		err = user_write_address(name, message.address_bytes, address, length_address);
		if (err)
			return err;
	}
	return result;
}

/* --- messages with a header --- */

/* A call's message, as the program described it. */
struct user_message {
	struct linux_msghdr header;
	uintptr_t header_address;
	struct socket_message message;
	struct uio uio;
	struct uio_segment *segments; /* `few`, or [owned] */
	struct uio_segment few[VECTOR_FEW];
	uint8_t name[SOCKET_ADDRESS_MAX];
};

/* The vector of buffers. */
static int read_buffers(struct user_message *m)
{
	struct linux_msghdr *header = &m->header;
	ssize_t total;

	if (header->vector_count > VECTOR_MAX)
		return -EMSGSIZE;
	if (header->vector_count > VECTOR_FEW) {
		m->segments = mem_alloc(header->vector_count * sizeof(*m->segments));
		if (!m->segments)
			return -ENOMEM;
	}
	total = user_read_vector((long)header->vector, (unsigned)header->vector_count, m->segments);
	if (total < 0) {
		if (m->segments != m->few)
			mem_free(m->segments);
		return (int)total;
	}
	uio_init_user(&m->uio, m->segments, (unsigned)header->vector_count, (size_t)total);
	return 0;
}

static int read_header(struct user_message *m, uintptr_t address, unsigned flags)
{
	m->header_address = address;
	m->segments = m->few;
	if (user_read(&m->header, address, sizeof(m->header)))
		return -EFAULT;
	if (!m->header.name)
		m->header.name_bytes = 0;
	if (m->header.name_bytes < 0)
		return -EINVAL;
	m->header.name_bytes = min(m->header.name_bytes, (int32_t)SOCKET_ADDRESS_MAX);
	m->message = (struct socket_message){ .uio = &m->uio, .flags = flags };
	return read_buffers(m);
}

static void free_message(struct user_message *m)
{
	if (m->segments != m->few)
		mem_free(m->segments);
}

/* The open files that SCM_RIGHTS names. */
struct passed_files {
	struct file **files; /* [owned, with references] NULL: none */
	unsigned count;
};

static void put_files(struct passed_files *passed)
{
	for (unsigned i = 0; i < passed->count; i++)
		file_put(passed->files[i]);
	mem_free(passed->files);
}

static int add_files(struct passed_files *passed, const struct control_item *item)
{
	size_t count = item->bytes / sizeof(int32_t);

	if (count > SCM_FILES_MAX - passed->count)
		return -EINVAL;
	if (count && !passed->files) {
		passed->files = mem_alloc(SCM_FILES_MAX * sizeof(*passed->files));
		if (!passed->files)
			return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		int32_t fd;

		memcpy(&fd, (const char *)item->data + i * sizeof(fd), sizeof(fd));
		struct file *file = fd_file(fd);
		if (!file)
			return -EBADF;
		passed->files[passed->count++] = file;
	}
	return 0;
}

/* Descriptors mean something only to the caller's table: they become files here. */
static int collect_files(struct passed_files *passed, const void *control, size_t bytes)
{
	struct control_item item;
	size_t offset = 0;
	int more, err = 0;

	while (!err && (more = control_next(control, bytes, &offset, &item))) {
		if (more < 0)
			return more;
		if (item.level == SOL_SOCKET && item.type == SCM_RIGHTS)
			err = add_files(passed, &item);
	}
	return err;
}

static long send_with_control(struct socket *socket, struct user_message *m, void *control)
{
	struct passed_files passed = { 0 };
	long result = user_read(control, m->header.control, m->header.control_bytes);

	if (!result && socket->family->number == AF_UNIX)
		result = collect_files(&passed, control, m->header.control_bytes);
	if (!result) {
		m->message.control = control;
		m->message.control_bytes = m->header.control_bytes;
		m->message.files = passed.files;
		m->message.file_count = passed.count;
		result = socket_send(socket, &m->message);
	}
	put_files(&passed);
	return result;
}

static long send_control(struct socket *socket, struct user_message *m)
{
	uint64_t few[CONTROL_FEW / sizeof(uint64_t)];
	void *control = few;

	if (!m->header.control_bytes)
		return socket_send(socket, &m->message);
	if (m->header.control_bytes > CONTROL_MAX)
		return -ENOBUFS;
	if (m->header.control_bytes > sizeof(few)) {
		control = mem_alloc(m->header.control_bytes);
		if (!control)
			return -ENOMEM;
	}
	long result = send_with_control(socket, m, control);
	if (control != few)
		mem_free(control);
	return result;
}

static long send_message(struct socket *socket, uintptr_t address, unsigned flags)
{
	struct user_message m;
	long result = read_header(&m, address, flags);

	if (result)
		return result;
	if (m.header.name) {
		m.message.address = m.name;
		m.message.address_bytes = (uint32_t)m.header.name_bytes;
		result = user_read_address(m.name, (long)m.header.name, m.header.name_bytes);
	}
	if (!result)
		result = finish_send(socket, flags, &m.uio, send_control(socket, &m));
	free_message(&m);
	return result;
}

long sys_sendmsg(long fd, long address, long flags)
{
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	long result = send_message(socket, (uintptr_t)address, (unsigned)flags);
	file_put(file);
	return result;
}

/* Of many messages: those that were done count, and hide the error that ended the call. */
static long many_result(unsigned done, long result)
{
	return done ? (long)done : result;
}

long sys_sendmmsg(long fd, long address, long count, long flags)
{
	struct socket *socket;
	struct file *file;
	unsigned done = 0, wanted = min((unsigned)count, (unsigned)MESSAGES_MAX);
	long result = socket_file(fd, &file, &socket);

	if (result)
		return result;
	for (; done < wanted; done++) {
		uintptr_t at = (uintptr_t)address + done * sizeof(struct linux_mmsghdr);

		result = send_message(socket, at, (unsigned)flags);
		uint32_t bytes = (uint32_t)result;
		if (result >= 0 &&
		    user_write(at + offsetof(struct linux_mmsghdr, bytes), &bytes, sizeof(bytes)))
			result = -EFAULT;
		if (result < 0)
			break;
	}
	file_put(file);
	return many_result(done, result < 0 ? result : 0);
}

/* --- receiving --- */

/* One descriptor, told at `at`; false: there was no room for it, or the program cannot be told. */
static bool install_file(struct file *file, uintptr_t at, bool close_on_exec)
{
	struct fd_table *files = process_current()->files;
	int32_t fd = fd_install(files, file_get(file), 0, close_on_exec);

	if (fd < 0) {
		file_put(file);
		return false;
	}
	if (!user_write(at, &fd, sizeof(fd)))
		return true;
	int err = fd_close(files, fd);
	(void)err; /* closed meanwhile by another thread is closed */
	return false;
}

/* Makes descriptors of the files that came, as many as have room, behind the other control messages. */
static void install_files(const struct user_message *m, struct control_list *list,
			  bool close_on_exec)
{
	size_t left = list->room - list->bytes;
	struct control_header header = { .level = SOL_SOCKET, .type = SCM_RIGHTS };
	size_t fit = left < sizeof(header) ? 0 : (left - sizeof(header)) / sizeof(int32_t);
	uintptr_t at = m->header.control + list->bytes;
	unsigned done = 0;

	while (done < min(fit, (size_t)list->file_count) &&
	       install_file(list->files[done], at + sizeof(header) + done * sizeof(int32_t),
			    close_on_exec))
		done++;
	list->truncated |= done < list->file_count;
	header.bytes = sizeof(header) + done * sizeof(int32_t);
	if (done && !user_write(at, &header, sizeof(header)))
		list->bytes += min((size_t)align_up(header.bytes, sizeof(uint64_t)), left);
}

/* As on Linux, what came counts though the program's memory does not take what was told with it. */
static void write_control(const struct user_message *m, struct control_list *list, unsigned flags)
{
	if (user_write(m->header.control, list->data, list->bytes))
		list->bytes = 0;
	if (list->file_count)
		install_files(m, list, flags & MSG_CMSG_CLOEXEC);
}

static int write_name(const struct user_message *m)
{
	uint32_t bytes = m->message.address_bytes;

	if (!m->header.name)
		return 0;
	if (user_write(m->header.name, m->name, min(bytes, (uint32_t)m->header.name_bytes)))
		return -EFAULT;
	return user_write(m->header_address + offsetof(struct linux_msghdr, name_bytes), &bytes,
			  sizeof(bytes));
}

/* What the header tells of what came. */
static int write_header(const struct user_message *m, struct control_list *list)
{
	unsigned flags = m->message.flags;
	int err = write_name(m);

	if (err)
		return err;
	write_control(m, list, flags);
	uint32_t result_flags = m->message.result_flags | (flags & MSG_CMSG_CLOEXEC) |
				(list->truncated ? MSG_CTRUNC : 0);
	uint64_t control_bytes = list->bytes;
	if (user_write(m->header_address + offsetof(struct linux_msghdr, flags), &result_flags,
		       sizeof(result_flags)))
		return -EFAULT;
	return user_write(m->header_address + offsetof(struct linux_msghdr, control_bytes),
			  &control_bytes, sizeof(control_bytes));
}

static long receive_message(struct socket *socket, uintptr_t address, unsigned flags)
{
	struct user_message m;
	struct control_list list = { 0 };
	long result = read_header(&m, address, flags);

	if (result)
		return result;
	list.room = m.header.control ? m.header.control_bytes : 0;
	m.message.address = m.header.name ? m.name : NULL;
	m.message.received = &list;
	result = socket_receive(socket, &m.message);
	if (result >= 0) {
		int err = write_header(&m, &list);

		result = err ? err : result;
	} else if (!m.uio.no_restart) {
		result = restartable(result);
	}
	control_fini(&list);
	free_message(&m);
	return result;
}

long sys_recvmsg(long fd, long address, long flags)
{
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	long result = receive_message(socket, (uintptr_t)address, (unsigned)flags);
	file_put(file);
	return result;
}

/* Until all have come, or the time is over; it is looked at after each message only (recvmmsg(2), BUGS). */
static long receive_many(struct socket *socket, uintptr_t address, unsigned count, unsigned flags,
			 uint64_t deadline)
{
	unsigned done = 0;
	long result = 0;

	while (done < count) {
		uintptr_t at = address + done * sizeof(struct linux_mmsghdr);

		result = receive_message(socket, at, flags & ~(unsigned)MSG_WAITFORONE);
		uint32_t bytes = (uint32_t)result;
		if (result >= 0 &&
		    user_write(at + offsetof(struct linux_mmsghdr, bytes), &bytes, sizeof(bytes)))
			result = -EFAULT;
		if (result < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline != TIME_NEVER && time_now() >= deadline)
			break;
	}
	return many_result(done, result < 0 ? result : 0);
}

long sys_recvmmsg(long fd, long address, long count, long flags, long timeout)
{
	uint64_t deadline = TIME_NEVER, ns;
	struct socket *socket;
	struct file *file;

	if (timeout) {
		int err = user_read_timespec((uintptr_t)timeout, &ns);

		if (err)
			return err;
		deadline = deadline_after(ns);
	}
	int err = socket_file(fd, &file, &socket);
	if (err)
		return err;
	long result = receive_many(socket, (uintptr_t)address,
				   min((unsigned)count, (unsigned)MESSAGES_MAX), (unsigned)flags,
				   deadline);
	file_put(file);
	if (result >= 0 && timeout) {
		uint64_t now = time_now();

		err = user_write_timespec((uintptr_t)timeout, deadline > now ? deadline - now : 0);
		if (err)
			return err;
	}
	return result;
}
