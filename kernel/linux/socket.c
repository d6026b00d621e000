/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls about sockets, but for those that send and receive (socket_message.c). */
#include <net/socket.h>

#include <base/string.h>

#include "calls.h"
#include "socket.h"

enum { TYPE_MASK = 15, TYPE_MAX = 11, FAMILY_MAX = 46, BACKLOG_MAX = 4096 };
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };

void socket_caller(struct socket_credentials *out)
{
	const struct process *process;

	*out = (struct socket_credentials){ 0 };
	if (!thread_current()->user)
		return; /* the kernel's own */
	process = process_current();
	*out = (struct socket_credentials){ process->pid, process->credentials.euid,
					    process->credentials.egid };
}

const struct path_context *socket_caller_paths(void)
{
	return &process_current()->paths;
}

int socket_file(long fd, struct file **file, struct socket **socket)
{
	*file = fd_file(fd);
	if (!*file)
		return -EBADF;
	*socket = (*file)->flags & O_PATH ? NULL : socket_of(*file);
	if (*socket)
		return 0;
	int err = (*file)->flags & O_PATH ? -EBADF : -ENOTSOCK;
	file_put(*file);
	return err;
}

int user_read_address(void *address, long from, long bytes)
{
	if ((int)bytes < 0 || (int)bytes > SOCKET_ADDRESS_MAX)
		return -EINVAL;
	return bytes ? user_read(address, (uintptr_t)from, (uint32_t)bytes) : 0;
}

int user_write_address(const void *address, uint32_t bytes, long to, long length_address)
{
	int32_t room;

	if (user_read(&room, (uintptr_t)length_address, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (user_write((uintptr_t)to, address, min((uint32_t)room, bytes)))
		return -EFAULT;
	return user_write((uintptr_t)length_address, &bytes, sizeof(bytes));
}

/* Type and flags come in one number. */
static int check_open(long family, long type)
{
	if ((int)type & ~(TYPE_MASK | O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	if ((int)family < 0 || (int)family >= FAMILY_MAX)
		return -EAFNOSUPPORT;
	return (type & TYPE_MASK) >= TYPE_MAX ? -EINVAL : 0;
}

static long install(struct file *file, bool close_on_exec)
{
	int fd = fd_install(process_current()->files, file, 0, close_on_exec);

	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_socket(long family, long type, long protocol)
{
	struct file *file;
	int err = check_open(family, type);

	if (!err)
		err = socket_open((unsigned)family, (int)type & TYPE_MASK, (int)protocol,
				  (unsigned)type & O_NONBLOCK, &file);
	return err ? err : install(file, type & O_CLOEXEC);
}

static void close_pair(const int32_t fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0) {
			int err = fd_close(process_current()->files, fds[i]);
			(void)err; /* another thread may have closed it */
		}
}

long sys_socketpair(long family, long type, long protocol, long address)
{
	int32_t fds[2] = { -1, -1 };
	struct file *files[2];
	int err = check_open(family, type);

	if (!err)
		err = socket_open_pair((unsigned)family, (int)type & TYPE_MASK, (int)protocol,
				       (unsigned)type & O_NONBLOCK, files);
	if (err)
		return err;
	fds[0] = (int32_t)install(files[0], type & O_CLOEXEC);
	fds[1] = (int32_t)install(files[1], type & O_CLOEXEC);
	err = min(min(fds[0], fds[1]), 0);
	if (!err && user_write((uintptr_t)address, fds, sizeof(fds)))
		err = -EFAULT;
	if (err)
		close_pair(fds);
	return err;
}

long sys_bind(long fd, long address, long bytes)
{
	uint8_t name[SOCKET_ADDRESS_MAX];
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	err = user_read_address(name, address, bytes);
	if (!err)
		err = socket->ops->bind ? socket->ops->bind(socket, name, (uint32_t)bytes)
					: -EOPNOTSUPP;
	file_put(file);
	return err;
}

long sys_listen(long fd, long backlog)
{
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	err = socket->ops->listen
		      ? socket->ops->listen(socket, (int)min((unsigned)backlog, BACKLOG_MAX))
		      : -EOPNOTSUPP;
	file_put(file);
	return err;
}

/* A call with a time limit is not made again after a signal (signal(7)). */
static long restartable_unless(long result, uint64_t timeout_ns)
{
	return timeout_ns == TIME_NEVER ? restartable(result) : result;
}

long sys_connect(long fd, long address, long bytes)
{
	uint8_t name[SOCKET_ADDRESS_MAX];
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	long result = user_read_address(name, address, bytes);
	if (!result)
		result = restartable_unless(socket_connect(socket, name, (uint32_t)bytes),
					    socket->send_timeout_ns);
	file_put(file);
	return result;
}

static int write_peer(struct socket *socket, long address, long length_address)
{
	uint8_t name[SOCKET_ADDRESS_MAX];
	int bytes = socket->ops->name(socket, name, SOCKET_NAME_ACCEPTED);

	if (bytes < 0)
		return -ECONNABORTED; /* it has gone already */
	return user_write_address(name, (uint32_t)bytes, address, length_address);
}

long sys_accept4(long fd, long address, long length_address, long flags)
{
	struct socket *socket;
	struct file *file, *accepted;
	int err;

	flags = (int)flags;
	err = socket_file(fd, &file, &socket);
	if (err)
		return err;
	long result = -EINVAL;
	if (!(flags & ~(long)(O_NONBLOCK | O_CLOEXEC)))
		result = restartable_unless(
			socket_accept(socket, (unsigned)flags & O_NONBLOCK, &accepted),
			socket->receive_timeout_ns);
	file_put(file);
	if (result)
		return result;
	err = address ? write_peer(socket_of(accepted), address, length_address) : 0;
	if (err) {
		file_put(accepted);
		return err;
	}
	return install(accepted, flags & O_CLOEXEC);
}

long sys_accept(long fd, long address, long length_address)
{
	return sys_accept4(fd, address, length_address, 0);
}

static long get_name(long fd, long address, long length_address, enum socket_name which)
{
	uint8_t name[SOCKET_ADDRESS_MAX];
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	int bytes = socket->ops->name(socket, name, which);
	file_put(file);
	return bytes < 0 ? bytes
			 : user_write_address(name, (uint32_t)bytes, address, length_address);
}

long sys_getsockname(long fd, long address, long length_address)
{
	return get_name(fd, address, length_address, SOCKET_NAME_OWN);
}

long sys_getpeername(long fd, long address, long length_address)
{
	return get_name(fd, address, length_address, SOCKET_NAME_PEER);
}

long sys_shutdown(long fd, long how)
{
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	how = (int)how;
	if (how < SHUT_RD || how > SHUT_RDWR)
		err = -EINVAL;
	else
		err = socket->ops->shutdown
			      ? socket->ops->shutdown(socket, how != SHUT_WR, how != SHUT_RD)
			      : -EOPNOTSUPP;
	file_put(file);
	return err;
}

long sys_setsockopt(long fd, long level, long name, long address, long bytes)
{
	uint8_t value[SOCKET_OPTION_MAX];
	struct socket *socket;
	struct file *file;
	int err;

	if ((int)bytes < 0)
		return -EINVAL;
	err = socket_file(fd, &file, &socket);
	if (err)
		return err;
	uint32_t size = min((uint32_t)bytes, (uint32_t)sizeof(value));
	err = user_read(value, (uintptr_t)address, size);
	if (!err)
		err = socket_set_option(socket, (int)level, (int)name, value, size);
	file_put(file);
	return err;
}

static int get_option(struct socket *socket, int level, int name, long address, long length_address)
{
	uint8_t value[SOCKET_OPTION_MAX];
	uint32_t bytes;
	int32_t room;

	if (user_read(&room, (uintptr_t)length_address, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	bytes = min((uint32_t)room, (uint32_t)sizeof(value));
	int err = socket_get_option(socket, level, name, value, &bytes);
	if (err)
		return err;
	if (user_write((uintptr_t)address, value, bytes))
		return -EFAULT;
	return user_write((uintptr_t)length_address, &bytes, sizeof(bytes));
}

long sys_getsockopt(long fd, long level, long name, long address, long length_address)
{
	struct socket *socket;
	struct file *file;
	int err = socket_file(fd, &file, &socket);

	if (err)
		return err;
	err = get_option(socket, (int)level, (int)name, address, length_address);
	file_put(file);
	return err;
}
