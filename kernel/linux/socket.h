/* SPDX-License-Identifier: BSD-3-Clause */
/* What the system calls about sockets share. */
#pragma once

#include <base/compiler.h>
#include <net/socket.h>

/** The socket at a descriptor; `*file` holds a reference to be put. -EBADF, -ENOTSOCK. */
int must_check socket_file(long fd, struct file **file, struct socket **socket);

/** An address from the program, into SOCKET_ADDRESS_MAX bytes. -EINVAL: a length that none has; -EFAULT. */
int must_check user_read_address(void *address, long from, long bytes);

/** An address to the program: as much as fits, and its whole length. */
int must_check user_write_address(const void *address, uint32_t bytes, long to,
				  long length_address);
