/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors for a process: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). There is one process, and it is there as long as
 * anybody could ask.
 */
#include <base/string.h>
#include <fs/inode.h>
#include <linux/signal.h>

#include "calls.h"
#include "pidfd.h"

static unsigned pidfd_poll(struct file *file, struct waitq **queue)
{
	(void)file;
	*queue = NULL; /* it would be readable when the process has ended */
	return 0;
}

static const struct file_ops pidfd_ops = { .name = "[pidfd]", .poll = pidfd_poll };

struct process *pidfd_process(const struct file *file)
{
	return file && file->ops == &pidfd_ops ? file->private : NULL;
}

/* A directory of /proc does for signals as well: "/proc/1". */
static struct process *directory_process(const struct file *file)
{
	char name[NAME_MAX];
	size_t bytes = 0;
	int pid = 0;

	if (!file || !file->inode || !file->inode->fs || strcmp(file->inode->fs->type, "proc"))
		return NULL;
	struct inode *above = inode_place(file->inode, name, &bytes);
	bool is_below_root = above && above == file->inode->fs->root;
	inode_put(above);
	if (!is_below_root || !bytes || bytes > 7)
		return NULL;
	for (size_t i = 0; i < bytes; i++) {
		if (name[i] < '0' || name[i] > '9')
			return NULL;
		pid = pid * 10 + (name[i] - '0');
	}
	return pid ? process_find(pid) : NULL;
}

long sys_pidfd_open(long pid, long flags)
{
	if ((int)flags & ~O_NONBLOCK || (int)pid <= 0)
		return -EINVAL;
	struct process *process = process_find((int)pid);
	if (!process) {
		struct task *task = task_find(NULL, (int)pid);

		task_put(task);
		return task ? -EINVAL : -ESRCH;
	}
	struct file *file = file_create(&pidfd_ops, O_RDWR | (unsigned)flags, process);
	if (!file)
		return -ENOMEM;
	int fd = fd_install(process_current()->files, file, 0, true);
	if (fd < 0)
		file_put(file);
	return fd;
}

/* What a caller may say of a signal; of one to others it must not pretend that the kernel, or kill(2), sent it. */
static int read_info(const struct process *process, int signo, long address,
		     struct signal_info *info)
{
	if (!address) {
		*info = signal_of_caller(signo, SI_USER);
		return 0;
	}
	if (user_read(info, (uintptr_t)address, sizeof(*info)))
		return -EFAULT;
	if (info->signo != signo)
		return -EINVAL;
	bool to_self = task_current()->tid == process->pid;
	return !to_self && (info->code >= 0 || info->code == SI_TKILL) ? -EPERM : 0;
}

static long send_signal(struct process *process, int signo, long address)
{
	struct signal_info info;
	int err = read_info(process, signo, address, &info);

	if (err)
		return err;
	if (signo < 0 || signo > SIGNAL_MAX)
		return -EINVAL;
	return signo ? signal_send_process(process, &info) : 0;
}

long sys_pidfd_send_signal(long fd, long signo, long address, long flags)
{
	if ((int)flags)
		return -EINVAL;
	struct file *file = fd_file(fd);
	struct process *process = pidfd_process(file);
	if (!process)
		process = directory_process(file);
	long result = process ? send_signal(process, (int)signo, address) : -EBADF;

	file_put(file);
	return result;
}

long sys_pidfd_getfd(long fd, long wanted, long flags)
{
	if ((int)flags)
		return -EINVAL;
	struct file *file = fd_file(fd);
	const struct process *process = pidfd_process(file);
	struct file *found = process ? fd_get(process->files, (int)wanted) : NULL;

	file_put(file);
	if (!found)
		return -EBADF;
	int result = fd_install(process_current()->files, found, 0, true);
	if (result < 0)
		file_put(found);
	return result;
}
