/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's memory is the kernel's: in place of its mem.c and memp.c. mem_free() is the kernel's own. Bounds are set where something
 * comes from outside: see limits.c. */
#include "internal.h"

#include <core/random.h>
#include <mm/alloc.h>

#include <lwip/igmp.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/mem.h>
#include <lwip/memp.h>
#include <lwip/mld6.h>
#include <lwip/priv/nd6_priv.h>
#include <netif/etharp.h>

/* One network in the machine. */
static struct cache caches[MEMP_MAX];

static const struct {
	const char *name;
	uint16_t bytes;
} pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, number, size, text) [MEMP_##name] = { "lwip_" #name, size },
#include <lwip/priv/memp_std.h>
};

void memp_init(void)
{
	for (unsigned i = 0; i < MEMP_MAX; i++)
		cache_init(&caches[i], pools[i].name, pools[i].bytes, MEM_ALIGNMENT);
}

void *memp_malloc(memp_t type)
{
	return cache_alloc(&caches[type]);
}

void memp_free(memp_t type, void *object)
{
	if (!object)
		return;
	if (type == MEMP_TCP_PCB)
		tcp_detach(object, 0);
	cache_free(&caches[type], object);
}

void *mem_malloc(mem_size_t bytes)
{
	return mem_alloc(bytes);
}

void *mem_calloc(mem_size_t count, mem_size_t bytes)
{
	size_t all;

	return mul_overflows((size_t)count, (size_t)bytes, &all) ? NULL : mem_zalloc(all);
}

void *mem_trim(void *p, mem_size_t bytes)
{
	(void)bytes;
	return p;
}

uint32_t lwip_random(void)
{
	return (uint32_t)random_u64();
}

/* An assertion of lwIP's that no packet can make fail (fuzz_stack.c), so one of ours. */
_Noreturn void lwip_assertion_failed(int line, const char *function)
{
	panic("lwIP: %s(), line %d", function, line);
}
