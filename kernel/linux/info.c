/* SPDX-License-Identifier: BSD-3-Clause */
/* What the system and its limits are: uname(2), sysinfo(2), getrusage(2), getrlimit(2), getrandom(2), and the like. */
#include "info.h"

#include <base/bits.h>
#include <base/string.h>
#include <core/random.h>
#include <core/resume.h>
#include <core/time.h>
#include <hal/cpu.h>
#include <lib/wipe.h>
#include <mm/pages.h>

#include "calls.h"

enum { UTS_BYTES = 65 };
#define PERSONALITY_QUERY 0xffffffffu

/* The machine's names, which programs may change. */
static struct {
	char host[UTS_BYTES], domain[UTS_BYTES];
} names = { "capuchin", "(none)" };

const char *info_host_name(void)
{
	return names.host;
}

static void put(char *field, const char *text)
{
	memcpy(field, text, strlen(text) + 1);
}

long sys_uname(long address)
{
	struct {
		char system[UTS_BYTES], node[UTS_BYTES], release[UTS_BYTES], version[UTS_BYTES],
			machine[UTS_BYTES], domain[UTS_BYTES];
	} uts;

	memset(&uts, 0, sizeof(uts));
	put(uts.system, INFO_SYSTEM);
	put(uts.node, names.host);
	put(uts.release, INFO_RELEASE);
	put(uts.version, INFO_VERSION);
	put(uts.machine, "x86_64");
	put(uts.domain, names.domain);
	return user_write((uintptr_t)address, &uts, sizeof(uts));
}

static long set_name(char *name, long address, long bytes)
{
	char text[UTS_BYTES];

	bytes = (int)bytes;
	if (bytes < 0 || bytes >= UTS_BYTES)
		return -EINVAL;
	memset(text, 0, sizeof(text));
	if (user_read(text, (uintptr_t)address, (size_t)bytes))
		return -EFAULT;
	memcpy(name, text, sizeof(text));
	return 0;
}

long sys_sethostname(long address, long bytes)
{
	return set_name(names.host, address, bytes);
}

long sys_setdomainname(long address, long bytes)
{
	return set_name(names.domain, address, bytes);
}

long sys_sysinfo(long address)
{
	struct pages_stats pages = pages_stats();
	const struct {
		int64_t uptime;
		uint64_t loads[3], total, free, shared, buffers, swap, swap_free;
		uint16_t processes, pad;
		uint32_t pad_2;
		uint64_t high, high_free;
		uint32_t unit, pad_3;
	} info = {
		.uptime = (int64_t)(time_now() / NS_PER_S),
		.total = pages.total_bytes,
		.free = pages.free_bytes,
		.processes = (uint16_t)min(tasks_count(), (unsigned)UINT16_MAX),
		.unit = 1,
	};

	return user_write((uintptr_t)address, &info, sizeof(info));
}

struct usage {
	struct linux_timeval user, system;
	int64_t resident_kib, areas[3], minor_faults, major_faults, swaps, blocks_in, blocks_out;
	int64_t sent, received, signals, waits, preemptions;
};

/* All of the time counts as the program's own: what of it was the kernel's is not measured. */
long sys_getrusage(long who, long address)
{
	enum { RUSAGE_CHILDREN = -1, RUSAGE_SELF, RUSAGE_THREAD };
	struct process *process = process_current();
	struct task_usage sum = { 0 };
	struct usage usage;

	who = (int)who;
	memset(&usage, 0, sizeof(usage));
	if (who == RUSAGE_SELF)
		sum = process_usage(process);
	else if (who == RUSAGE_THREAD)
		sum = task_usage(task_current());
	else if (who != RUSAGE_CHILDREN)
		return -EINVAL;
	usage.user.seconds = (int64_t)(sum.cpu_ns / NS_PER_S);
	usage.user.microseconds = (int64_t)(sum.cpu_ns % NS_PER_S / NS_PER_US);
	usage.waits = (int64_t)sum.waits;
	usage.preemptions = (int64_t)sum.preemptions;
	if (who != RUSAGE_CHILDREN)
		usage.resident_kib = (int64_t)(space_stats(process->space).resident_bytes >> 10);
	return user_write((uintptr_t)address, &usage, sizeof(usage));
}

/* --- limits --- */

static void apply_limit(struct process *process, unsigned which)
{
	uint64_t value = process->limits[which].current;

	if (which == RLIMIT_NOFILE)
		process->files->limit = (unsigned)value;
	else if (which == RLIMIT_STACK)
		process->space->stack_limit_bytes = value;
	else if (which == RLIMIT_AS)
		process->space->address_limit_bytes = value;
	else if (which == RLIMIT_DATA)
		process->space->data_limit_bytes = value;
}

static int set_limit(struct process *process, unsigned which, const struct resource_limit *limit)
{
	enum { OPEN_MAX = 1048576 };
	struct resource_limit *current = &process->limits[which];

	if (limit->current > limit->maximum)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && limit->maximum > OPEN_MAX)
		return -EPERM;
	if (limit->maximum > current->maximum && !is_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	*current = *limit;
	apply_limit(process, which);
	return 0;
}

long sys_prlimit64(long pid, long which, long address, long old_address)
{
	struct process *process = process_find((int)pid);
	struct resource_limit limit, old;

	which = (uint32_t)which;
	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	if (address && user_read(&limit, (uintptr_t)address, sizeof(limit)))
		return -EFAULT;
	if (!process)
		return -ESRCH;
	old = process->limits[which];
	if (address) {
		int err = set_limit(process, (unsigned)which, &limit);

		if (err)
			return err;
	}
	return old_address ? user_write((uintptr_t)old_address, &old, sizeof(old)) : 0;
}

long sys_getrlimit(long which, long address)
{
	which = (uint32_t)which;
	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	return user_write((uintptr_t)address, &process_current()->limits[which],
			  sizeof(struct resource_limit));
}

long sys_setrlimit(long which, long address)
{
	return address ? sys_prlimit64(0, which, address, 0) : -EFAULT;
}

/* --- odds and ends --- */

long sys_getrandom(long address, long bytes, long flags)
{
	enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4, CHUNK = 256 };
	uint8_t chunk[CHUNK];
	size_t count = min((size_t)bytes, (size_t)INT32_MAX), done = 0;

	flags = (int)flags;
	if (flags & ~(long)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	resume_watch();
	while (done < count) {
		size_t n = min(count - done, sizeof(chunk));
		unsigned renewals = random_renewals();

		random_bytes(chunk, n);
		if (user_write((uintptr_t)address + done, chunk, n))
			break;
		/* Another machine that went on from here has the same ones: so once more. */
		if (renewals == random_renewals())
			done += n;
	}
	wipe(chunk, sizeof(chunk));
	return done || !count ? (long)done : -EFAULT;
}

long sys_personality(long persona)
{
	struct process *process = process_current();
	unsigned old = process->personality;

	if ((uint32_t)persona != PERSONALITY_QUERY)
		process->personality = (uint32_t)persona;
	return old;
}

/* The kernel's log is not kept for programs. */
long sys_syslog(long action, long address, long bytes)
{
	enum { READ_ALL = 3, SIZE_UNREAD = 9, SIZE_BUFFER = 10 };

	action = (int)action;
	bytes = (int)bytes;
	if (action < 0 || action > SIZE_BUFFER)
		return -EINVAL;
	return action == READ_ALL && (!address || bytes < 0) ? -EINVAL : 0;
}
