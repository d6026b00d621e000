/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls' functions, declared from the list, and what several families of them share. */
#pragma once

#include <base/bits.h>
#include <base/errno.h>
#include <base/types.h>
#include <fs/file.h>
#include <fs/path.h>
#include <fs/uio.h>
#include <hal/user.h>
#include <linux/abi.h>
#include <linux/process.h>

/* Each function has as many parameters as its call, all `long` as they come in registers. The table calls all of them
 * with six: the psABI lets a function ignore registers it does not know. */
#define CALL_PARAMETERS_0 void
#define CALL_PARAMETERS_1 long
#define CALL_PARAMETERS_2 long, long
#define CALL_PARAMETERS_3 long, long, long
#define CALL_PARAMETERS_4 long, long, long, long
#define CALL_PARAMETERS_5 long, long, long, long, long
#define CALL_PARAMETERS_6 long, long, long, long, long, long
#define SYSCALL(nr, name, arity, fmt) long sys_##name(CALL_PARAMETERS_##arity);
#define ABSENT(nr, name)
#include "syscalls.def"
#undef SYSCALL
#undef ABSENT

/** The names of the list, and the letters its arguments are shown by; "" for a number without a call. */
const char *syscall_name(unsigned nr);
const char *syscall_format(unsigned nr);

/* Capabilities (capabilities(7)). */
enum {
	CAP_IPC_OWNER = 15,
	CAP_SYS_CHROOT = 18,
	CAP_SYS_ADMIN = 21,
	CAP_SYS_NICE = 23,
	CAP_SYS_RESOURCE = 24,
	CAP_SYS_TIME = 25,
};

static inline bool is_capable(int capability)
{
	return process_current()->credentials.effective & BIT64(capability);
}

/** A path from the program. Short ones need no memory. -EFAULT, -ENAMETOOLONG, -ENOENT (empty, unless allowed), -ENOMEM. */
struct user_path {
	char *text;
	char inline_text[120];
};
int must_check user_path_get(struct user_path *path, long address);
void user_path_put(struct user_path *path);

/** The directory that an *at call means: NULL for the working directory or an absolute path. `*file` holds a reference to
 * be put. -EBADF, -ENOTDIR. */
int must_check base_directory(long dirfd, const char *path, struct file **file, struct inode **out);

/** RLIMIT_FSIZE for a file that is made larger: -EFBIG, and SIGXFSZ is sent. */
int must_check check_file_size(uint64_t size);

/** The most that one call moves (MAX_RW_COUNT). */
#define TRANSFER_MAX ((size_t)0x7ffff000)

/** Reads the program's vector into `segments` (an iovec is laid out alike) and sums it up, cut off at TRANSFER_MAX. -EFAULT,
 * -EINVAL. */
ssize_t must_check user_read_vector(long vector, unsigned count, struct uio_segment *segments);

static inline struct file *fd_file(long fd)
{
	return fd_get(process_current()->files, (int)fd);
}

/** A descriptor for a new file that is no inode's: O_RDWR, O_NONBLOCK and O_CLOEXEC as in `flags`. `private` is freed where that
 * fails: -ENOMEM, -EMFILE. */
long install_new(const struct file_ops *ops, void *private, unsigned flags);

/** A result of a blocking call: -EINTR becomes a restart where Linux has one. */
static inline long restartable(long result)
{
	return result == -EINTR ? -ERESTARTSYS : result;
}

/* Times. Nanoseconds saturate at INT64_MAX; -EINVAL for what is no time. */
int must_check timespec_to_ns(const struct linux_timespec *time, uint64_t *ns);
int must_check user_read_timespec(uintptr_t address, uint64_t *ns);
int must_check user_write_timespec(uintptr_t address, uint64_t ns);

/** Adds a relative time to now, saturating below TIME_NEVER. */
uint64_t deadline_after(uint64_t ns);

/** Marks the current task so that a restart code is looked at on the way out, and returns it. */
long restart_by_block(struct restart_state state);
