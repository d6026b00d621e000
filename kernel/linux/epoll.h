/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll instances, for the system calls. Thread context. */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <fs/file.h>

#define EPOLLEXCLUSIVE BIT(28)
#define EPOLLWAKEUP BIT(29)
#define EPOLLONESHOT BIT(30)
#define EPOLLET BIT(31)

struct linux_epoll_event {
	uint32_t events;
	uint64_t data;
} packed;
_Static_assert(sizeof(struct linux_epoll_event) == 12, "as Linux has it on x86-64");

struct epoll;

/** An open file that is a new instance; NULL: no memory. */
struct file *epoll_create(void);

/** NULL: the file is no instance. */
struct epoll *epoll_of(const struct file *file);

/** epoll_ctl(2)'s operations; `file` can be polled, and is not the instance's own. -EEXIST, -ENOENT, -ELOOP, -ENOMEM; -EINVAL: an
 * exclusive item cannot be changed. */
int must_check epoll_add(struct epoll *epoll, int fd, struct file *file,
			 const struct linux_epoll_event *event);
int must_check epoll_delete(struct epoll *epoll, int fd, const struct file *file);
int must_check epoll_modify(struct epoll *epoll, int fd, const struct file *file,
			    const struct linux_epoll_event *event);

/** Waits (deadline 0: does not), and writes up to `max` events to the program's memory: how many; -EFAULT, -EINTR. */
long must_check epoll_wait_ready(struct epoll *epoll, uintptr_t address, int max,
				 uint64_t deadline_ns);
