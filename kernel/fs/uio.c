/* SPDX-License-Identifier: BSD-3-Clause */
/* Scatter lists: see <fs/uio.h>. */
#include <fs/uio.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>

/* What is done to each piece of the program's or the kernel's memory. Exactly one of from and to, or neither to clear. */
struct transfer {
	const uint8_t *from;
	uint8_t *to;
};

void uio_init_kernel(struct uio *uio, struct uio_segment *segment, void *base, size_t bytes)
{
	*segment = (struct uio_segment){ (uintptr_t)base, bytes };
	*uio = (struct uio){ .segments = segment, .count = 1, .left = bytes };
}

void uio_init_user(struct uio *uio, const struct uio_segment *segments, unsigned count,
		   size_t total)
{
	*uio = (struct uio){ .segments = segments, .count = count, .left = total, .user = true };
}

static int copy_user(const struct transfer *t, uintptr_t at, size_t done, size_t bytes)
{
	if (t->from)
		return user_write(at, t->from + done, bytes);
	if (t->to)
		return user_read(t->to + done, at, bytes);
	return user_zero(at, bytes);
}

static void copy_kernel(const struct transfer *t, uintptr_t at, size_t done, size_t bytes)
{
	if (t->from)
		memcpy((void *)at, t->from + done, bytes);
	else if (t->to)
		memcpy(t->to + done, (const void *)at, bytes);
	else
		memset((void *)at, 0, bytes);
}

/* Copies one piece; returns how much of it could be. After a fault, again page by page: what lies before the bad page
 * counts as done. */
static size_t copy_piece(const struct transfer *t, const struct uio *uio, size_t done, size_t bytes)
{
	uintptr_t at = uio->segments->base + uio->offset;
	size_t copied = 0;

	if (!uio->user) {
		copy_kernel(t, at, done, bytes);
		return bytes;
	}
	if (!copy_user(t, at, done, bytes))
		return bytes;
	while (copied < bytes) {
		size_t step = min(bytes - copied, PAGE_SIZE - (at + copied) % PAGE_SIZE);

		if (copy_user(t, at + copied, done + copied, step))
			break;
		copied += step;
	}
	return copied;
}

static ssize_t run(struct uio *uio, const struct transfer *t, size_t bytes)
{
	size_t done = 0;

	bytes = min(bytes, uio->left);
	while (done < bytes && uio->count) {
		size_t piece = min(bytes - done, uio->segments->bytes - uio->offset);
		size_t copied = piece ? copy_piece(t, uio, done, piece) : 0;

		done += copied;
		uio->left -= copied;
		uio->offset += copied;
		if (copied < piece)
			return done ? (ssize_t)done : -EFAULT;
		if (uio->offset == uio->segments->bytes) {
			uio->segments++;
			uio->count--;
			uio->offset = 0;
		}
	}
	return (ssize_t)done;
}

ssize_t uio_put(struct uio *uio, const void *src, size_t bytes)
{
	return run(uio, &(struct transfer){ .from = src }, bytes);
}

ssize_t uio_get(struct uio *uio, void *dst, size_t bytes)
{
	return run(uio, &(struct transfer){ .to = dst }, bytes);
}

void uio_skip(struct uio *uio, size_t bytes)
{
	bytes = min(bytes, uio->left);
	uio->left -= bytes;
	uio->offset += bytes;
	while (uio->count && uio->offset >= uio->segments->bytes) {
		uio->offset -= uio->segments->bytes;
		uio->segments++;
		uio->count--;
	}
}

ssize_t uio_put_zeros(struct uio *uio, size_t bytes)
{
	return run(uio, &(struct transfer){ NULL, NULL }, bytes);
}
