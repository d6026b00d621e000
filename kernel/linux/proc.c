/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc: what is about the system as a whole (proc(5)). What is about a process is in proc_self.c. */
#include "proc.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/params.h>
#include <core/random.h>
#include <core/time.h>
#include <fs/root.h>
#include <hal/cpu.h>
#include <linux/process.h>
#include <mm/pages.h>
#include <net/socket.h>

#include "info.h"

enum { CLOCK_TICKS = 100 };
typedef unsigned long long ull;

static int show_meminfo(struct procfs_buffer *b)
{
	struct pages_stats pages = pages_stats();
	ull total = pages.total_bytes >> 10, free = pages.free_bytes >> 10;

	return procfs_print(b,
			    "MemTotal:       %8llu kB\nMemFree:        %8llu kB\n"
			    "MemAvailable:   %8llu kB\nBuffers:        %8u kB\n"
			    "Cached:         %8u kB\nSwapCached:     %8u kB\n"
			    "SwapTotal:      %8u kB\nSwapFree:       %8u kB\n"
			    "Shmem:          %8u kB\nHugePages_Total:   %5u\n"
			    "HugePages_Free:    %5u\nHugepagesize:   %8u kB\n",
			    total, free, free, 0, 0, 0, 0, 0, 0, 0, 0, 2048);
}

/* The names of a CPUID register's bits from bit 0 on, each followed by a space; "-": no name. */
static const char edx_names[] = "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov "
				"pat pse36 pn clflush - - - mmx "
				"fxsr sse sse2 - ht - - - ";
static const char ecx_names[] = "pni pclmulqdq - monitor - - - - - ssse3 - - fma cx16 - - - pcid - "
				"sse4_1 sse4_2 x2apic movbe "
				"popcnt - aes xsave - avx f16c rdrand hypervisor ";
static const char ebx7_names[] =
	"fsgsbase - - bmi1 - avx2 - smep bmi2 erms invpcid - - - - - avx512f avx512dq rdseed adx "
	"smap "
	"avx512ifma - clflushopt - - - - avx512cd sha_ni avx512bw avx512vl ";
static const char extended_edx_names[] = "- - - - - - - - - - - syscall - - - - - - - - nx - - - - "
					 "fxsr_opt pdpe1gb rdtscp - lm - - ";

static int show_flags(struct procfs_buffer *b, uint32_t bits, const char *names)
{
	int err = 0;

	for (; *names && !err; bits >>= 1) {
		const char *end = strchr(names, ' ') + 1;

		if (bits & 1 && *names != '-')
			err = procfs_print(b, " %.*s", (int)(end - 1 - names), names);
		names = end;
	}
	return err < 0 ? err : 0;
}

static unsigned cpu_mhz(void)
{
	/* How many cycles pass in a time that holds very many of them. */
	uint64_t ns = time_from_cycles((uint64_t)1 << 40);

	return ns ? (unsigned)(((uint64_t)1 << 40) / (ns / 1000)) : 0;
}

static int show_cpu(struct procfs_buffer *b, unsigned cpu)
{
	struct cpuid_regs id = cpu_id(0, 0), v = cpu_id(1, 0);
	char vendor[13] = { 0 }, brand[49] = { 0 };
	unsigned family = v.eax >> 8 & 15, model = v.eax >> 4 & 15, mhz = cpu_mhz();

	memcpy(vendor, &id.ebx, 4);
	memcpy(vendor + 4, &id.edx, 4);
	memcpy(vendor + 8, &id.ecx, 4);
	for (unsigned i = 0; i < 3; i++) {
		struct cpuid_regs r = cpu_id(0x80000002 + i, 0);

		memcpy(brand + 16 * i, &r, sizeof(r));
	}
	if (family == 6 || family == 15)
		model |= v.eax >> 12 & 0xf0;
	if (family == 15)
		family += v.eax >> 20 & 0xff;
	int err = procfs_print(
		b,
		"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
		"model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %u.000\n"
		"physical id\t: 0\nsiblings\t: %d\ncore id\t\t: %u\ncpu cores\t: %d\n"
		"fpu\t\t: yes\ncpuid level\t: %u\nflags\t\t:",
		cpu, vendor, family, model, brand, v.eax & 15, mhz, CPU_MAX, cpu, CPU_MAX, id.eax);
	if (err >= 0)
		err = show_flags(b, v.edx, edx_names);
	if (err >= 0)
		err = show_flags(b, cpu_id(0x80000001, 0).edx, extended_edx_names);
	if (err >= 0)
		err = show_flags(b, v.ecx, ecx_names);
	if (err >= 0)
		err = show_flags(b, cpu_id(7, 0).ebx, ebx7_names);
	return err < 0 ? err
		       : procfs_print(b, "\nbogomips\t: %u.00\nclflush size\t: %u\n\n", 2 * mhz,
				      (v.ebx >> 8 & 0xff) * 8);
}

static int show_cpuinfo(struct procfs_buffer *b)
{
	int err = 0;

	for (unsigned cpu = 0; cpu < CPU_MAX && err >= 0; cpu++)
		err = show_cpu(b, cpu);
	return err;
}

static int show_uptime(struct procfs_buffer *b)
{
	uint64_t up = time_now() / (NS_PER_S / 100);
	uint64_t busy = process_cpu_time_ns(process_current()) / (NS_PER_S / 100);
	uint64_t idle = up > busy ? up - busy : 0;

	return procfs_print(b, "%llu.%02u %llu.%02u\n", (ull)(up / 100), (unsigned)(up % 100),
			    (ull)(idle / 100), (unsigned)(idle % 100));
}

static int show_stat(struct procfs_buffer *b)
{
	uint64_t tick = NS_PER_S / CLOCK_TICKS;
	ull busy = process_cpu_time_ns(process_current()) / tick, up = time_now() / tick;
	ull idle = up > busy ? up - busy : 0;

	return procfs_print(b,
			    "cpu  %llu 0 0 %llu 0 0 0 0 0 0\ncpu0 %llu 0 0 %llu 0 0 0 0 0 0\n"
			    "intr 0\nctxt 0\nbtime %llu\nprocesses 1\nprocs_running 1\n"
			    "procs_blocked 0\n",
			    busy, idle, busy, idle, (ull)(time_wall_offset() / (int64_t)NS_PER_S));
}

static int show_loadavg(struct procfs_buffer *b)
{
	return procfs_print(b, "0.00 0.00 0.00 1/1 1\n");
}

static int show_version(struct procfs_buffer *b)
{
	return procfs_print(b, INFO_SYSTEM " version " INFO_RELEASE " " INFO_VERSION "\n");
}

static int show_filesystems(struct procfs_buffer *b)
{
	return procfs_print(b, "nodev\trootfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\n"
			       "\terofs\n");
}

static int show_cmdline(struct procfs_buffer *b)
{
	return procfs_print(b, "%s\n", params_line());
}

static int show_cgroups(struct procfs_buffer *b)
{
	return procfs_print(b, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
}

static int show_ostype(struct procfs_buffer *b)
{
	return procfs_print(b, INFO_SYSTEM "\n");
}

static int show_osrelease(struct procfs_buffer *b)
{
	return procfs_print(b, INFO_RELEASE "\n");
}

static int show_osversion(struct procfs_buffer *b)
{
	return procfs_print(b, INFO_VERSION "\n");
}

static int show_hostname(struct procfs_buffer *b)
{
	return procfs_print(b, "%s\n", info_host_name());
}

static int print_uuid(struct procfs_buffer *b, const uint8_t bytes[16])
{
	int err = 0;

	for (int i = 0; i < 16 && err >= 0; i++)
		err = procfs_print(b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				   i == 6   ? (bytes[i] & 0x0f) | 0x40
				   : i == 8 ? (bytes[i] & 0x3f) | 0x80
					    : bytes[i]);
	return err < 0 ? err : procfs_print(b, "\n");
}

static int show_uuid(struct procfs_buffer *b)
{
	uint8_t bytes[16];

	random_bytes(bytes, sizeof(bytes));
	return print_uuid(b, bytes);
}

static int show_boot_id(struct procfs_buffer *b)
{
	static uint8_t id[16]; /* of this machine's run */
	static bool made;

	if (!made)
		random_bytes(id, sizeof(id));
	made = true;
	return print_uuid(b, id);
}

/* Limits that are numbers and no more. */
#define NUMBER(name, value)                                     \
	static int show_##name(struct procfs_buffer *b)         \
	{                                                       \
		return procfs_print(b, "%llu\n", (ull)(value)); \
	}

NUMBER(pid_max, 4194304)
NUMBER(threads_max, tasks_max())
NUMBER(cap_last_cap, 40)
NUMBER(ngroups_max, 65536)
NUMBER(overcommit, 1)
NUMBER(map_count, 65530)
NUMBER(map_min, USER_MIN)
NUMBER(file_max, 1048576)
NUMBER(pipe_max, 1048576)
NUMBER(somaxconn, 4096)
NUMBER(entropy, 256)
NUMBER(aslr, params_flag("norandmaps") ? 0 : 2)
NUMBER(zero, 0)
NUMBER(swappiness, 60)
NUMBER(ratio, 50)
NUMBER(shared_max, INT64_MAX)
NUMBER(shared_count, 4096)
NUMBER(message_bytes, 8192)
NUMBER(message_queue_bytes, 16384)
NUMBER(message_queues, 32000)
NUMBER(paranoid, 4)
NUMBER(aio_max, 65536)
NUMBER(watches, 1048576)
NUMBER(instances, 128)
NUMBER(queued_events, 16384)

static int show_semaphores(struct procfs_buffer *b)
{
	return procfs_print(b, "32000\t1024000000\t500\t32000\n");
}

static int show_domain(struct procfs_buffer *b)
{
	return procfs_print(b, "(none)\n");
}

static int show_core_pattern(struct procfs_buffer *b)
{
	return procfs_print(b, "core\n");
}

static int show_file_count(struct procfs_buffer *b)
{
	return procfs_print(b, "0\t0\t%llu\n", (ull)INT64_MAX);
}

static int show_swaps(struct procfs_buffer *b)
{
	return procfs_print(b, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static int show_nothing(struct procfs_buffer *b)
{
	return procfs_print(b, "%s", "");
}

static int show_vmstat(struct procfs_buffer *b)
{
	struct pages_stats pages = pages_stats();

	return procfs_print(
		b,
		"nr_free_pages %llu\nnr_dirty 0\nnr_writeback 0\npgfault 0\npgmajfault 0\n"
		"pswpin 0\npswpout 0\n",
		(ull)(pages.free_bytes >> PAGE_SHIFT));
}

static const struct procfs_entry entries[] = {
	{ .path = "meminfo", .show = show_meminfo },
	{ .path = "cpuinfo", .show = show_cpuinfo },
	{ .path = "uptime", .show = show_uptime },
	{ .path = "stat", .show = show_stat },
	{ .path = "loadavg", .show = show_loadavg },
	{ .path = "version", .show = show_version },
	{ .path = "filesystems", .show = show_filesystems },
	{ .path = "cmdline", .show = show_cmdline },
	{ .path = "cgroups", .show = show_cgroups },
	{ .path = "sys/kernel/ostype", .show = show_ostype },
	{ .path = "sys/kernel/osrelease", .show = show_osrelease },
	{ .path = "sys/kernel/version", .show = show_osversion },
	{ .path = "sys/kernel/hostname", .show = show_hostname },
	{ .path = "sys/kernel/pid_max", .show = show_pid_max },
	{ .path = "sys/kernel/threads-max", .show = show_threads_max },
	{ .path = "sys/kernel/cap_last_cap", .show = show_cap_last_cap },
	{ .path = "sys/kernel/ngroups_max", .show = show_ngroups_max },
	{ .path = "sys/kernel/randomize_va_space", .show = show_aslr },
	{ .path = "sys/kernel/random/uuid", .show = show_uuid },
	{ .path = "sys/kernel/random/boot_id", .show = show_boot_id },
	{ .path = "sys/kernel/random/entropy_avail", .show = show_entropy },
	{ .path = "sys/kernel/random/poolsize", .show = show_entropy },
	{ .path = "sys/kernel/domainname", .show = show_domain },
	{ .path = "sys/kernel/core_pattern", .show = show_core_pattern },
	{ .path = "sys/kernel/perf_event_paranoid", .show = show_paranoid },
	{ .path = "sys/kernel/shmmax", .show = show_shared_max },
	{ .path = "sys/kernel/shmall", .show = show_shared_max },
	{ .path = "sys/kernel/shmmni", .show = show_shared_count },
	{ .path = "sys/kernel/sem", .show = show_semaphores },
	{ .path = "sys/kernel/msgmax", .show = show_message_bytes },
	{ .path = "sys/kernel/msgmnb", .show = show_message_queue_bytes },
	{ .path = "sys/kernel/msgmni", .show = show_message_queues },
	{ .path = "sys/vm/overcommit_memory", .show = show_overcommit },
	{ .path = "sys/vm/overcommit_ratio", .show = show_ratio },
	{ .path = "sys/vm/swappiness", .show = show_swappiness },
	{ .path = "sys/vm/nr_hugepages", .show = show_zero },
	{ .path = "sys/fs/file-nr", .show = show_file_count },
	{ .path = "sys/fs/aio-max-nr", .show = show_aio_max },
	{ .path = "sys/fs/inotify/max_user_watches", .show = show_watches },
	{ .path = "sys/fs/inotify/max_user_instances", .show = show_instances },
	{ .path = "sys/fs/inotify/max_queued_events", .show = show_queued_events },
	{ .path = "sys/fs/epoll/max_user_watches", .show = show_watches },
	{ .path = "swaps", .show = show_swaps },
	{ .path = "modules", .show = show_nothing },
	{ .path = "vmstat", .show = show_vmstat },
	{ .path = "sys/vm/max_map_count", .show = show_map_count },
	{ .path = "sys/vm/mmap_min_addr", .show = show_map_min },
	{ .path = "sys/fs/file-max", .show = show_file_max },
	{ .path = "sys/fs/nr_open", .show = show_file_max },
	{ .path = "sys/fs/pipe-max-size", .show = show_pipe_max },
	{ .path = "sys/net/core/somaxconn", .show = show_somaxconn },
};

int proc_register(void)
{
	int err = procfs_add(entries, countof(entries));

	if (!err)
		err = proc_register_self();
	if (!err)
		err = proc_register_memory();
	if (!err)
		err = proc_register_links();
	if (!err)
		err = sysfs_register();
	if (!err)
		err = network_show();
	if (!err)
		procfs_set_pid("1");
	return err;
}
