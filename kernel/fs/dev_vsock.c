/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vsock (vsock(7)): tells this machine's address. Thread context. */
#include <base/errno.h>
#include <class/vsock.h>
#include <hal/user.h>

#include "internal.h"

enum { IOCTL_VM_SOCKETS_GET_LOCAL_CID = 0x7b9 };

static long ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	const struct vsock_dev *dev;
	uint32_t cid;

	(void)file;
	if (cmd != IOCTL_VM_SOCKETS_GET_LOCAL_CID)
		return -ENOTTY;
	mutex_lock(&net_mutex);
	dev = vsock_device();
	cid = dev ? dev->cid : VSOCK_CID_LOCAL;
	mutex_unlock(&net_mutex);
	return user_write(arg, &cid, sizeof cid);
}

const struct file_ops vsock_device_ops = { .ioctl = ioctl };
