/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for files: poll(2) and select(2), over <fs/file.h>'s file_poll(). */
#include <base/string.h>
#include <core/time.h>
#include <linux/signal.h>
#include <mm/alloc.h>
#include <net/socket.h>

#include "calls.h"

struct linux_pollfd {
	int32_t fd;
	int16_t events, revents;
};

/* One file that is waited for. */
struct watch {
	struct file *file;   /* NULL: none at this descriptor */
	struct waitq *queue; /* where `waiter` is; NULL: nowhere */
	struct waiter waiter;
};

enum { SMALL = 4 };

struct poll_set {
	struct linux_pollfd *fds;
	struct watch *watches;
	struct waiter **waiters;
	unsigned count, waiting;
	bool watching;
	/* What most calls need, without taking memory. */
	struct watch few_watches[SMALL];
	struct waiter *few_waiters[SMALL];
};

enum {
	SELECT_IN = POLLIN | POLLRDNORM | POLLHUP | POLLERR,
	SELECT_OUT = POLLOUT | POLLWRNORM | POLLERR,
	SELECT_EXCEPT = POLLPRI
};

static int set_init(struct poll_set *set, struct linux_pollfd *fds, unsigned count)
{
	set->fds = fds;
	set->count = count;
	set->waiting = 0;
	set->watching = false;
	set->watches = set->few_watches;
	set->waiters = set->few_waiters;
	if (count > SMALL) {
		/* One piece of memory for both arrays. */
		set->watches = mem_alloc(count * (sizeof(*set->watches) + sizeof(*set->waiters)));
		if (!set->watches)
			return -ENOMEM;
		set->waiters = (struct waiter **)(set->watches + count);
	}
	for (unsigned i = 0; i < count; i++) {
		set->watches[i].file = fds[i].fd >= 0 ? fd_file(fds[i].fd) : NULL;
		set->watches[i].queue = NULL;
	}
	return 0;
}

static void set_fini(struct poll_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (set->watches[i].queue)
			waitq_remove(set->watches[i].queue, &set->watches[i].waiter);
		file_put(set->watches[i].file);
	}
	if (set->watches != set->few_watches)
		mem_free(set->watches);
}

/* Of a descriptor: what was asked for, and what is always told. */
static uint16_t wanted_of(const struct linux_pollfd *fd)
{
	return (uint16_t)fd->events | POLLERR | POLLHUP;
}

static unsigned events_of(const struct linux_pollfd *fd, struct watch *watch, struct waitq **queue)
{
	if (fd->fd < 0)
		return 0;
	if (!watch->file)
		return POLLNVAL;
	return file_poll(watch->file, queue) & wanted_of(fd);
}

/* How many are ready now. */
static unsigned set_look(struct poll_set *set)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < set->count; i++) {
		struct waitq *queue = NULL;

		set->watches[i].waiter.woken = false;
		set->fds[i].revents = (int16_t)events_of(&set->fds[i], &set->watches[i], &queue);
		ready += set->fds[i].revents != 0;
	}
	return ready;
}

/* Queues up everywhere; from now on no change is missed. */
static void set_watch(struct poll_set *set)
{
	set->watching = true;
	for (unsigned i = 0; i < set->count; i++) {
		struct watch *watch = &set->watches[i];
		struct waitq *queue = NULL;

		events_of(&set->fds[i], watch, &queue);
		if (!queue)
			continue;
		waiter_init(&watch->waiter);
		watch->waiter.events = wanted_of(&set->fds[i]);
		waitq_add(queue, &watch->waiter);
		watch->queue = queue;
		set->waiters[set->waiting++] = &watch->waiter;
	}
}

/* The number of ready ones; 0 at the deadline; -EINTR. */
static int set_wait(struct poll_set *set, uint64_t deadline)
{
	int err = 0;

	for (;;) {
		unsigned ready = set_look(set);

		if (ready)
			return (int)ready;
		/* A signal counts even where there is no time to wait: the mask may just have let it in. */
		if (err == -EINTR || signal_is_pending())
			return -EINTR;
		if (!deadline || err == -ETIMEDOUT)
			return 0;
		if (!set->watching) {
			set_watch(set); /* and look once more: it may have changed before */
			continue;
		}
		/* Wake-ups that change nothing must not hide the deadline. */
		if (deadline != TIME_NEVER && time_now() >= deadline)
			return 0;
		if (!socket_before_sleep())
			err = thread_wait(set->waiters, set->waiting, deadline, WAIT_INTERRUPTIBLE);
	}
}

/* Only the results: the rest may be changing meanwhile. */
static int write_results(uintptr_t address, const struct linux_pollfd *fds, unsigned count)
{
	address += offsetof(struct linux_pollfd, revents);
	for (unsigned i = 0; i < count; i++, address += sizeof(*fds))
		if (user_write(address, &fds[i].revents, sizeof(fds[i].revents)))
			return -EFAULT;
	return 0;
}

static long poll_read_fds(uintptr_t address, struct linux_pollfd *fds, unsigned count,
			  uint64_t deadline)
{
	struct poll_set set;
	int err = user_read(fds, address, count * sizeof(*fds));

	if (!err)
		err = set_init(&set, fds, count);
	if (err)
		return err;
	long result = set_wait(&set, deadline);
	set_fini(&set);
	if (result >= 0 && write_results(address, fds, count))
		result = -EFAULT;
	return result;
}

static long poll_fds(uintptr_t address, unsigned count, uint64_t deadline)
{
	struct linux_pollfd few[SMALL], *fds = few;

	if (count > process_current()->limits[RLIMIT_NOFILE].current)
		return -EINVAL;
	if (count > SMALL)
		fds = mem_alloc(count * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	long result = poll_read_fds(address, fds, count, deadline);
	if (fds != few)
		mem_free(fds);
	return result;
}

static long restart_poll(struct restart_state *state)
{
	long result = poll_fds(state->address, (unsigned)state->value, state->deadline_ns);

	return result == -EINTR ? restart_by_block(*state) : result;
}

long sys_poll(long address, long count, long timeout_ms)
{
	uint64_t deadline = (int)timeout_ms < 0 ? TIME_NEVER
			    : (int)timeout_ms == 0
				    ? 0
				    : deadline_after((uint32_t)timeout_ms * NS_PER_MS);

	return restart_poll(&(struct restart_state){
		.fn = restart_poll,
		.deadline_ns = deadline,
		.address = (uintptr_t)address,
		.value = (unsigned)count,
	});
}

/* ppoll and pselect: a time, and a mask for as long as they wait. */
struct timed_wait {
	uint64_t deadline;
	uintptr_t timeout; /* where what is left of the time is written; 0: nowhere */
	bool masked;
};

static int timed_begin(struct timed_wait *wait, long timeout, uintptr_t mask_address,
		       unsigned long mask_bytes)
{
	uint64_t mask, ns;

	*wait = (struct timed_wait){ .deadline = TIME_NEVER, .timeout = (uintptr_t)timeout };
	if (timeout) {
		int err = user_read_timespec((uintptr_t)timeout, &ns);

		if (err)
			return err;
		wait->deadline = ns ? deadline_after(ns) : 0;
	}
	if (!mask_address)
		return 0;
	if (mask_bytes != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, mask_address, sizeof(mask)))
		return -EFAULT;
	signal_set_temporary(mask);
	wait->masked = true;
	return 0;
}

static uint64_t time_left(const struct timed_wait *wait)
{
	uint64_t now = time_now();

	return wait->deadline > now ? wait->deadline - now : 0;
}

/* A call whose time could not be written back (`err`) cannot be begun again for the rest of it. */
static long interrupted(long result, int err)
{
	return result == -EINTR && !err ? -ERESTARTNOHAND : result;
}

static long timed_end(const struct timed_wait *wait, long result)
{
	int err = 0;

	if (wait->masked)
		signal_end_temporary(result == -EINTR);
	if (wait->timeout && wait->deadline)
		err = user_write_timespec(wait->timeout, time_left(wait));
	return interrupted(result, err);
}

long sys_ppoll(long address, long count, long timeout, long mask, long mask_bytes)
{
	struct timed_wait wait;
	int err = timed_begin(&wait, timeout, (uintptr_t)mask, (unsigned long)mask_bytes);

	if (err)
		return err;
	return timed_end(&wait, poll_fds((uintptr_t)address, (unsigned)count, wait.deadline));
}

/* --- select --- */

enum { SETS = 3, WORD_BITS = 64 };

struct select_sets {
	uintptr_t addresses[SETS]; /* of reading, writing, exceptions; 0: none */
	uint64_t *words;           /* all three, `bytes` each */
	size_t bytes;
	int count;
};

static bool get_bit(const struct select_sets *s, int set, int fd)
{
	return s->words[(size_t)set * s->bytes / 8 + (size_t)fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

static void put_bit(struct select_sets *s, int set, int fd, bool on)
{
	uint64_t *word = &s->words[(size_t)set * s->bytes / 8 + (size_t)fd / WORD_BITS];

	*word = on ? *word | BIT64(fd % WORD_BITS) : *word & ~BIT64(fd % WORD_BITS);
}

static const uint16_t select_events[SETS] = { SELECT_IN, SELECT_OUT, SELECT_EXCEPT };

static int read_sets(struct select_sets *s)
{
	for (int i = 0; i < SETS; i++)
		if (s->addresses[i] &&
		    user_read((char *)s->words + (size_t)i * s->bytes, s->addresses[i], s->bytes))
			return -EFAULT;
	return 0;
}

static int write_sets(const struct select_sets *s)
{
	for (int i = 0; i < SETS; i++)
		if (s->addresses[i] &&
		    user_write(s->addresses[i], (char *)s->words + (size_t)i * s->bytes, s->bytes))
			return -EFAULT;
	return 0;
}

static uint16_t wanted_events(const struct select_sets *s, int fd)
{
	uint16_t events = 0;

	for (int i = 0; i < SETS; i++)
		if (get_bit(s, i, fd))
			events |= select_events[i];
	return events;
}

static unsigned fill_fds(const struct select_sets *s, struct linux_pollfd *fds)
{
	unsigned n = 0;

	for (int fd = 0; fd < s->count; fd++) {
		uint16_t events = wanted_events(s, fd);

		if (events)
			fds[n++] = (struct linux_pollfd){ .fd = fd, .events = (int16_t)events };
	}
	return n;
}

/* Leaves the ready bits; their number, or -EBADF. */
static long take_result(struct select_sets *s, const struct linux_pollfd *fds, unsigned count)
{
	long ready = 0;

	for (unsigned i = 0; i < count; i++) {
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
		for (int set = 0; set < SETS; set++) {
			bool wanted = get_bit(s, set, fds[i].fd);
			bool on = wanted && (uint16_t)fds[i].revents & select_events[set];

			put_bit(s, set, fds[i].fd, on);
			ready += on;
		}
	}
	return ready;
}

static long wait_for_sets(struct select_sets *s, uint64_t deadline)
{
	struct linux_pollfd *fds = mem_alloc((size_t)s->count * sizeof(*fds));
	struct poll_set set;

	if (s->count && !fds)
		return -ENOMEM;
	unsigned count = fill_fds(s, fds);
	long result = set_init(&set, fds, count);
	if (!result) {
		result = set_wait(&set, deadline);
		set_fini(&set);
	}
	if (result >= 0)
		result = take_result(s, fds, count);
	mem_free(fds);
	return result;
}

static long select_files(long count, long in, long out, long except, uint64_t deadline)
{
	struct select_sets s = {
		.addresses = { (uintptr_t)in, (uintptr_t)out, (uintptr_t)except },
		.count = (int)count,
	};

	if ((int)count < 0)
		return -EINVAL;
	s.count = (int)min((uint64_t)s.count, (uint64_t)process_current()->files->limit);
	s.bytes = align_up((uint64_t)s.count, WORD_BITS) / 8;
	s.words = mem_zalloc(SETS * s.bytes);
	if (s.bytes && !s.words)
		return -ENOMEM;
	long result = read_sets(&s);
	if (!result)
		result = wait_for_sets(&s, deadline);
	if (result >= 0 && write_sets(&s))
		result = -EFAULT;
	mem_free(s.words);
	return result;
}

long sys_select(long count, long in, long out, long except, long timeout)
{
	struct linux_timeval time;
	struct timed_wait wait = { .deadline = TIME_NEVER };
	uint64_t ns;

	if (timeout) {
		if (user_read(&time, (uintptr_t)timeout, sizeof(time)))
			return -EFAULT;
		const struct linux_timespec spec = { time.seconds + time.microseconds / 1000000,
						     time.microseconds % 1000000 * 1000 };
		int err = time.microseconds < 0 ? -EINVAL : timespec_to_ns(&spec, &ns);
		if (err)
			return err;
		wait.deadline = ns ? deadline_after(ns) : 0;
	}
	long result = select_files(count, in, out, except, wait.deadline);
	if (!timeout || !wait.deadline)
		return interrupted(result, 0);
	ns = time_left(&wait);
	time = (struct linux_timeval){ (int64_t)(ns / NS_PER_S),
				       (int64_t)(ns % NS_PER_S / NS_PER_US) };
	return interrupted(result, user_write((uintptr_t)timeout, &time, sizeof(time)));
}

long sys_pselect6(long count, long in, long out, long except, long timeout, long mask_address)
{
	uint64_t mask[2] = { 0, 0 }; /* its address and size */
	struct timed_wait wait;

	if (mask_address && user_read(mask, (uintptr_t)mask_address, sizeof(mask)))
		return -EFAULT;
	int err = timed_begin(&wait, timeout, mask[0], mask[1]);
	if (err)
		return err;
	return timed_end(&wait, select_files(count, in, out, except, wait.deadline));
}
