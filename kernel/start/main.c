/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order of start-up, from the first function at the kernel's final place to the program, and
 * the machine's end. A failed boot says why on whatever console there is, and ends with
 * STATUS_BOOT_FAILED.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>
#include <bus/device.h>
#include <bus/pci.h>
#include <bus/virtio.h>
#include <class/block.h>
#include <class/console.h>
#include <class/tty.h>
#include <core/end.h>
#include <core/log.h>
#include <core/params.h>
#include <core/status.h>
#include <core/thread.h>
#include <core/time.h>
#include <fs/root.h>
#include <hal/cpu.h>
#include <hal/early.h>
#include <hal/irq.h>
#include <hal/memory.h>
#include <linux/start.h>
#include <mm/alloc.h>
#include <mm/pages.h>
#include <net/stack.h>
#include <net/vsock.h>
#include <platform/platform.h>
#include <selftest/selftest.h>

extern char boot_stack[], boot_stack_top[];

static size_t put_decimal(char *to, uint8_t value)
{
	size_t length = 0;

	if (value >= 100)
		to[length++] = (char)('0' + value / 100);
	if (value >= 10)
		to[length++] = (char)('0' + value / 10 % 10);
	to[length++] = (char)('0' + value % 10);
	return length;
}

static void end_machine(unsigned status)
{
	char record[sizeof STATUS_RECORD_BEGIN + sizeof STATUS_RECORD_END + 4] =
		STATUS_RECORD_BEGIN;
	size_t length = sizeof STATUS_RECORD_BEGIN - 1;

	/* Not by format(): a short run has no other need of it, and TCG would translate it for this. */
	length += put_decimal(record + length, (uint8_t)status);
	memcpy(record + length, STATUS_RECORD_END, sizeof STATUS_RECORD_END - 1);
	length += sizeof STATUS_RECORD_END - 1;
	/* The record counts as the last thing that the console says. */
	log_set_sink(NULL);
	console_write_last(record, length);
	platform_power_off(status);
}

/** Messages reach the host from here on. Once; without parameters where there was no memory for
 * them. */
static void start_console(void)
{
	log_read_params();
	console_probe();
	/* Without one they are kept until a bus has one. */
	if (console_present())
		log_set_sink(console_log);
}

static _Noreturn void boot_failed(const char *what)
{
	if (!console_present())
		start_console();
	log_error("%s", what);
	core_end(STATUS_BOOT_FAILED);
}

/** Maps what the boot left outside of usable memory. NULL: no memory for tables. */
static const void *map_boot_data(uint64_t start, uint64_t bytes)
{
	uint64_t first = align_down(start, PAGE_SIZE);
	uint64_t end = align_up(start + bytes, PAGE_SIZE);

	if (mmu_map_direct(phys(first), end - first, MMU_READ))
		return NULL;
	return phys_to_virt(phys(start));
}

/** Reads a short command line before there is memory. False: it is longer. */
static bool read_short_line(void)
{
	static _Alignas(char *) char memory[8192] __attribute__((section(".noinit")));
	size_t bytes = boot_info.cmdline_bytes;

	if (bytes > EARLY_CMDLINE_BYTES ||
	    params_memory_bytes(early_cmdline, bytes) > sizeof memory)
		return false;
	params_parse(early_cmdline, bytes, memory);
	return true;
}

/** Copies the command line to where it stays, and reads it. */
static void read_long_line(void)
{
	const char *line = "";
	size_t bytes = boot_info.cmdline_bytes;
	void *memory;

	if (bytes)
		line = map_boot_data(boot_info.cmdline, bytes);
	memory = line ? mem_alloc(params_memory_bytes(line, bytes)) : NULL;
	if (!memory)
		boot_failed("no memory for the command line");
	params_parse(line, bytes, memory);
}

static void start_memory(int boot_error)
{
	for (uint32_t i = 0; !boot_error && i < boot_info.range_count; i++) {
		const struct boot_range *range = &boot_info.ranges[i];

		pages_add(phys(range->start), range->end - range->start);
	}
	if (boot_info.ranges_lost)
		log_warning("%u ranges of the memory map are unused: it has too many",
			    boot_info.ranges_lost);
}

static void check_boot(int error)
{
	char text[128];

	if (error == -ENOMEM)
		boot_failed("the memory map has no usable memory");
	if (error == -EINVAL)
		boot_failed("the boot information cannot be used: something of it lies over the "
			    "kernel or "
			    "outside of memory; has the machine enough?");
	if (!error)
		return;
	format(text, sizeof text, "the boot information (%s) cannot be used: error %d",
	       boot_info.protocol, -error);
	boot_failed(text);
}

/** Who gave the machine several should know. */
static void show_processors(void)
{
	if (log_level() < LOG_INFO)
		return;
	unsigned count = platform_processors();

	if (count > 1)
		log_info("%u processors, one of them in use", count);
}

static void probe_buses(void)
{
	uint64_t low_end = 0, end = 0;

	for (uint32_t i = 0; i < boot_info.range_count; i++) {
		uint64_t range_end = boot_info.ranges[i].end;

		end = max(end, range_end);
		if (range_end <= BIT64(32))
			low_end = max(low_end, range_end);
	}
	virtio_probe();
	pci_probe(low_end, end);
}

static void show_device(const char *line)
{
	console_write(line, strlen(line));
	console_write("\n", 1);
}

/** `devices`: what the machine has, and nothing else. */
static void show_devices(void)
{
	if (!params_flag("devices"))
		return;
	devices_show(show_device);
	core_end(0);
}

static void mount_initrd(void)
{
	const void *image = map_boot_data(boot_info.initrd, boot_info.initrd_bytes);

	if (!image)
		boot_failed("no memory to map the initrd");
	if (root_mount(image, boot_info.initrd_bytes))
		boot_failed("the initrd cannot be mounted");
}

static void mount_disk(const char *name)
{
	struct block_dev *disk = block_find(name);
	char text[128];

	if (disk && !root_mount_disk(disk))
		return;
	format(text, sizeof text,
	       disk ? "root=%s cannot be mounted" : "root=%s: there is no such disk", name);
	boot_failed(text);
}

/** The initrd, where there is one, as on Linux; else what `root=` says. */
static void mount_root(void)
{
	const char *name = params_get("root");

	if (boot_info.initrd_bytes)
		mount_initrd();
	else if (name)
		mount_disk(name);
	else
		boot_failed(
			"there is neither an initrd nor root=: one must hold the program, as an "
			"EROFS image");
}

static int start_program(void)
{
	mount_root();
	stack_wait_ready();
	return linux_start();
}

/** In place of a program. It needs no root, and leaves the disks alone. */
static int start_selftest(void)
{
	if (root_mount(NULL, 0))
		boot_failed("no memory for an empty root");
	stack_wait_ready();
	return selftest_start();
}

_Noreturn void kernel_main(int boot_error)
{
	bool is_short;

	cpu_start();
	core_set_end(end_machine);
	is_short = !boot_error && read_short_line();
	if (is_short)
		cpu_start_features();
	threads_start(boot_stack, (size_t)(boot_stack_top - boot_stack));
	start_memory(boot_error);
	if (!boot_error && !is_short)
		read_long_line();
	start_console();
	tty_init();
	check_boot(boot_error);
	if (!is_short)
		cpu_start_features();
	platform_start(&boot_info);
	log_info("booted by %s, %u ranges of memory, %lu MiB", boot_info.protocol,
		 boot_info.range_count, pages_stats().total_bytes >> 20);
	show_processors();
	cpu_irq_enable();
	stack_start();
	vsock_start();
	probe_buses();
	log_set_sink(console_log);
	show_devices();
	if (selftest_wanted() ? start_selftest() : start_program())
		core_end(STATUS_BOOT_FAILED);
	platform_program_starts();
	thread_idle();
}
