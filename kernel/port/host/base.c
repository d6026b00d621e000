/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated CPU, and stand-ins for core's locks, log, clock and random bytes. See host.h. */
#include "host.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/log.h>
#include <core/lock.h>
#include <core/random.h>
#include <core/time.h>
#include <hal/cpu.h>
#include <hal/user.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define weak __attribute__((weak))

static struct {
	uint64_t now_ns;
	uint64_t random;
	struct thread *thread;
	unsigned spinlocks_held;
	bool irq_off;
	int log_level;
	unsigned logged[8];
} host = { .now_ns = 1000000000, .random = 1, .log_level = LOG_ERROR };

/* Ends */

_Noreturn weak void assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}

_Noreturn weak void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "panic: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	abort();
}

_Noreturn void cpu_reset(void)
{
	fprintf(stderr, "cpu_reset\n");
	abort();
}

/* Log */

void host_set_log_level(int level)
{
	host.log_level = level;
}

unsigned host_logged(enum log_level level)
{
	return host.logged[level & 7];
}

weak void log_message(enum log_level level, const char *fmt, ...)
{
	const char *wanted = getenv("HOST_LOG");
	va_list args;

	host.logged[level & 7]++;
	if ((int)level > (wanted ? atoi(wanted) : host.log_level))
		return;
	va_start(args, fmt);
	fprintf(stderr, "[capuchin] ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
}

/* CPU */

unsigned cpu_index(void)
{
	return 0;
}

struct thread *cpu_thread(void)
{
	return host.thread;
}

void cpu_set_thread(struct thread *thread)
{
	host.thread = thread;
}

bool cpu_irq_disable(void)
{
	bool was_on = !host.irq_off;

	host.irq_off = true;
	return was_on;
}

void cpu_irq_enable(void)
{
	host.irq_off = false;
}

bool cpu_irq_enabled(void)
{
	return !host.irq_off;
}

/* Nothing interrupts here by itself: whoever waits for ever has lost its wake-up. A test that needs time to pass or an
 * interrupt to arrive while everybody sleeps defines its own. */
weak void cpu_wait_for_interrupt(void)
{
	panic("the simulated CPU waits, and nothing will wake it");
}

void cpu_relax(void)
{
}

weak uint64_t cpu_cycles(void)
{
	return host.now_ns;
}

static uint64_t random_next(void)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = host.random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

bool cpu_random(uint64_t *out)
{
	*out = random_next();
	return true;
}

void dma_rmb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void dma_wmb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void dma_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Random bytes and the clock */

void host_seed_random(uint64_t seed)
{
	host.random = seed;
}

weak uint64_t random_u64(void)
{
	return random_next();
}

weak void random_bytes(void *out, size_t bytes)
{
	unsigned char *p = out;

	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)random_next();
}

weak void random_add(const void *bytes, size_t count)
{
	(void)bytes;
	host.random += count;
}

void host_set_time(uint64_t now_ns)
{
	host.now_ns = now_ns;
}

void host_advance_time(uint64_t ns)
{
	host.now_ns += ns;
}

weak uint64_t time_now(void)
{
	return host.now_ns;
}

/* Locks: nobody else runs, so a lock that is held when it is wanted is held for ever. */

weak struct context_may_sleep may_sleep;

weak void spin_lock(struct spinlock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	assert(!lock->held);
	lock->held = true;
	host.spinlocks_held++;
}

weak void spin_unlock(struct spinlock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	assert(lock->held && host.spinlocks_held);
	lock->held = false;
	host.spinlocks_held--;
}

weak void assert_may_sleep(void) NO_THREAD_SAFETY_ANALYSIS
{
	assert(!host.spinlocks_held && !host.irq_off);
}

weak void mutex_init(struct mutex *mutex)
{
	spin_init(&mutex->lock);
	mutex->owner = NULL;
	list_init(&mutex->waiters);
}

/* The lock's own bit says that the mutex is held: there may be no thread to be its owner. */
weak void mutex_lock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	assert_may_sleep();
	assert(!mutex->lock.held);
	mutex->lock.held = true;
	mutex->owner = host.thread;
}

weak void mutex_unlock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	assert(mutex->lock.held && mutex->owner == host.thread);
	mutex->owner = NULL;
	mutex->lock.held = false;
}

/* The program's memory is the test's own: addresses are host pointers. Address 0 to USER_MIN stands for what faults. */

static bool user_address_bad(uintptr_t at, size_t bytes)
{
	return bytes && (at < USER_MIN || !range_fits(at, bytes, USER_MAX));
}

weak int user_read(void *dst, uintptr_t src, size_t bytes)
{
	if (user_address_bad(src, bytes))
		return -EFAULT;
	memcpy(dst, (const void *)src, bytes);
	return 0;
}

weak int user_write(uintptr_t dst, const void *src, size_t bytes)
{
	if (user_address_bad(dst, bytes))
		return -EFAULT;
	memcpy((void *)dst, src, bytes);
	return 0;
}

weak int user_zero(uintptr_t dst, size_t bytes)
{
	if (user_address_bad(dst, bytes))
		return -EFAULT;
	memset((void *)dst, 0, bytes);
	return 0;
}

weak int user_read_word(uintptr_t address, uint32_t *value)
{
	return user_read(value, address, sizeof(*value));
}

weak int user_compare_swap(uintptr_t address, uint32_t *expected, uint32_t value)
{
	uint32_t was;

	if (user_read(&was, address, sizeof(was)))
		return -EFAULT;
	if (was == *expected)
		memcpy((void *)address, &value, sizeof(value));
	*expected = was;
	return 0;
}

weak ssize_t user_read_string(char *dst, uintptr_t src, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (user_address_bad(src + i, 1))
			return -EFAULT;
		dst[i] = *(const char *)(src + i);
		if (!dst[i])
			return (ssize_t)i;
	}
	return -ENAMETOOLONG;
}
