/* SPDX-License-Identifier: BSD-3-Clause */
/* process_vm_readv(2) and process_vm_writev(2): copying between address spaces, of which the caller's own is the only one yet. */
#include <base/string.h>
#include <mm/alloc.h>

#include "calls.h"

enum { VECTORS_MAX = 1024, CHUNK = 1024 };

/* A vector of the program's that is gone through. */
struct stream {
	struct uio_segment *segments; /* [owned] */
	unsigned count, at;
	size_t offset;
};

static int stream_read(struct stream *s, long vector, unsigned long count)
{
	if (count > VECTORS_MAX)
		return -EINVAL;
	s->segments = mem_alloc(count * sizeof(*s->segments) + 1);
	if (!s->segments)
		return -ENOMEM;
	s->count = (unsigned)count;
	ssize_t total = user_read_vector(vector, s->count, s->segments);
	return total < 0 ? (int)total : 0;
}

/* How much lies in one piece from here on; 0: the end. */
static size_t stream_piece(struct stream *s, uintptr_t *address)
{
	while (s->at < s->count && s->offset == s->segments[s->at].bytes) {
		s->at++;
		s->offset = 0;
	}
	if (s->at == s->count)
		return 0;
	*address = s->segments[s->at].base + s->offset;
	return s->segments[s->at].bytes - s->offset;
}

static long copy(struct stream *from, struct stream *to)
{
	uint8_t chunk[CHUNK];
	uintptr_t source, target;
	long total = 0;

	for (;;) {
		size_t left = stream_piece(from, &source), room = stream_piece(to, &target);
		size_t step = min(min(left, room), sizeof(chunk));

		if (!step)
			return total;
		/* No further than a page, so that what lies before a bad one counts. */
		step = min(step,
			   min(PAGE_SIZE - source % PAGE_SIZE, PAGE_SIZE - target % PAGE_SIZE));
		if (user_read(chunk, source, step) || user_write(target, chunk, step))
			return total ? total : -EFAULT;
		from->offset += step;
		to->offset += step;
		total += (long)step;
	}
}

static long transfer(const long args[6], bool writes)
{
	struct stream local = { .count = 0 }, remote = { .count = 0 };

	if (args[5])
		return -EINVAL;
	int err = stream_read(&local, args[1], (unsigned long)args[2]);
	if (!err)
		err = stream_read(&remote, args[3], (unsigned long)args[4]);
	long result = err                                               ? err
		      : process_find((int)args[0]) != process_current() ? -ESRCH
		      : writes                                          ? copy(&local, &remote)
									: copy(&remote, &local);
	mem_free(local.segments);
	mem_free(remote.segments);
	return result;
}

long sys_process_vm_readv(long pid, long local, long local_count, long remote, long remote_count,
			  long flags)
{
	return transfer((const long[]){ pid, local, local_count, remote, remote_count, flags },
			false);
}

long sys_process_vm_writev(long pid, long local, long local_count, long remote, long remote_count,
			   long flags)
{
	return transfer((const long[]){ pid, local, local_count, remote, remote_count, flags },
			true);
}
