/* SPDX-License-Identifier: BSD-3-Clause */
/* /sys: what programs read of it (sysfs(5), Linux's Documentation/ABI): CPUs, memory nodes, huge pages, the clock. */
#include <base/bits.h>
#include <base/string.h>
#include <core/time.h>
#include <hal/cpu.h>
#include <mm/pages.h>

#include "proc.h"

typedef unsigned long long ull;

/* Files that say a fixed text, or a number and no more. */
#define TEXT(name, text)                                \
	static int show_##name(struct procfs_buffer *b) \
	{                                               \
		return procfs_print(b, "%s\n", text);   \
	}
#define NUMBER(name, value)                                     \
	static int show_##name(struct procfs_buffer *b)         \
	{                                                       \
		return procfs_print(b, "%llu\n", (ull)(value)); \
	}

/* --- CPUs --- */

static int show_cpus(struct procfs_buffer *b)
{
	return CPU_MAX > 1 ? procfs_print(b, "0-%d\n", CPU_MAX - 1) : procfs_print(b, "0\n");
}

static int show_cpu_mask(struct procfs_buffer *b)
{
	return procfs_print(b, "%llx\n", (ull)(BIT64(CPU_MAX) - 1));
}

NUMBER(zero, 0)
NUMBER(one, 1)
NUMBER(last_cpu, CPU_MAX - 1)
TEXT(nothing, "")

/* --- memory --- */

static int show_node_memory(struct procfs_buffer *b)
{
	struct pages_stats pages = pages_stats();
	ull total = pages.total_bytes >> 10, free = pages.free_bytes >> 10;

	return procfs_print(b,
			    "Node 0 MemTotal:       %8llu kB\nNode 0 MemFree:        %8llu kB\n"
			    "Node 0 MemUsed:        %8llu kB\n",
			    total, free, total - free);
}

NUMBER(distance, 10)
NUMBER(huge_page_bytes, 2 << 20)
TEXT(huge_enabled, "always [madvise] never")
TEXT(huge_defrag, "always defer defer+madvise [madvise] never")
TEXT(huge_shmem, "always within_size advise [never] deny force")

/* --- clock --- */

TEXT(clock_source, "tsc")

#define CPU "devices/system/cpu/"
#define NODE "devices/system/node/"
#define HUGE "kernel/mm/transparent_hugepage/"
#define HUGE_POOL "kernel/mm/hugepages/hugepages-2048kB/"
#define CLOCK "devices/system/clocksource/clocksource0/"

static const struct procfs_entry entries[] = {
	{ .path = CPU "online", .show = show_cpus },
	{ .path = CPU "possible", .show = show_cpus },
	{ .path = CPU "present", .show = show_cpus },
	{ .path = CPU "offline", .show = show_nothing },
	{ .path = CPU "isolated", .show = show_nothing },
	{ .path = CPU "kernel_max", .show = show_last_cpu },
	{ .path = CPU "cpu0/online", .show = show_one },
	{ .path = CPU "cpu0/topology/core_id", .show = show_zero },
	{ .path = CPU "cpu0/topology/die_id", .show = show_zero },
	{ .path = CPU "cpu0/topology/physical_package_id", .show = show_zero },
	{ .path = CPU "cpu0/topology/thread_siblings", .show = show_one },
	{ .path = CPU "cpu0/topology/thread_siblings_list", .show = show_zero },
	{ .path = CPU "cpu0/topology/core_cpus", .show = show_one },
	{ .path = CPU "cpu0/topology/core_cpus_list", .show = show_zero },
	{ .path = CPU "cpu0/topology/core_siblings", .show = show_cpu_mask },
	{ .path = CPU "cpu0/topology/core_siblings_list", .show = show_cpus },
	{ .path = CPU "cpu0/topology/package_cpus", .show = show_cpu_mask },
	{ .path = CPU "cpu0/topology/package_cpus_list", .show = show_cpus },
	{ .path = NODE "online", .show = show_zero },
	{ .path = NODE "possible", .show = show_zero },
	{ .path = NODE "has_cpu", .show = show_zero },
	{ .path = NODE "has_memory", .show = show_zero },
	{ .path = NODE "has_normal_memory", .show = show_zero },
	{ .path = NODE "node0/cpulist", .show = show_cpus },
	{ .path = NODE "node0/cpumap", .show = show_cpu_mask },
	{ .path = NODE "node0/distance", .show = show_distance },
	{ .path = NODE "node0/meminfo", .show = show_node_memory },
	{ .path = CLOCK "current_clocksource", .show = show_clock_source },
	{ .path = CLOCK "available_clocksource", .show = show_clock_source },
	{ .path = HUGE "enabled", .show = show_huge_enabled },
	{ .path = HUGE "defrag", .show = show_huge_defrag },
	{ .path = HUGE "shmem_enabled", .show = show_huge_shmem },
	{ .path = HUGE "use_zero_page", .show = show_zero },
	{ .path = HUGE "hpage_pmd_size", .show = show_huge_page_bytes },
	{ .path = HUGE "khugepaged/defrag", .show = show_zero },
	{ .path = HUGE_POOL "nr_hugepages", .show = show_zero },
	{ .path = HUGE_POOL "free_hugepages", .show = show_zero },
	{ .path = HUGE_POOL "resv_hugepages", .show = show_zero },
	{ .path = HUGE_POOL "surplus_hugepages", .show = show_zero },
	{ .path = HUGE_POOL "nr_overcommit_hugepages", .show = show_zero },
};

int sysfs_register(void)
{
	return sysfs_add(entries, countof(entries));
}
