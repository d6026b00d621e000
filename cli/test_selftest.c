/* SPDX-License-Identifier: BSD-3-Clause */
/* What the self-test says is read as it is meant, and every difference from the machine that was asked for is told. */
#include "selftest_report.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL 1800000000000000000ull
enum { DISK_BYTES = 65536 };

static char disk_path[] = "/tmp/capuchin-test.XXXXXX";
static char metadata_path[sizeof disk_path + 5]; /* beside it */

struct fixture {
	struct selftest_report report;
	struct options options;
	struct disk disk;
};

static int group_setup(void **state)
{
	int fd = mkstemp(disk_path);

	(void)state;
	if (fd < 0 || ftruncate(fd, DISK_BYTES))
		return -1;
	close(fd);
	snprintf(metadata_path, sizeof metadata_path, "%s.json", disk_path);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return unlink(disk_path);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->disk = (struct disk){ .path = disk_path, .format = DISK_RAW };
	f->options = (struct options){
		.accel = ACCEL_TCG,
		.memory_bytes = (uint64_t)128 << 20,
		.cpus = 1,
		.disks = &f->disk,
		.disk_count = 1,
		.entropy = true,
		.network = { .kind = NETWORK_USER, .prefix = 24, .mac = "52:54:00:AA:00:01" },
	};
	f->options.network.address.s_addr = inet_addr("10.0.2.15");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	selftest_report_free(&f->report);
	free(f);
	return 0;
}

/* What a machine that is as asked for says; a line that begins as `instead` does is replaced by that. */
static unsigned compare_with(struct fixture *f, const char *instead)
{
	static const char *const lines[] = {
		"selftest: hypervisor=TCGTCGTCGTCG",
		"selftest: boot=pvh",
		"selftest: memory.bytes=133816320",
		"selftest: cpus=1",
		"selftest: wall=1800000001000000000",
		"selftest: disk.vda.bytes=65536",
		"selftest: disk.vda.readonly=0",
		"selftest: ok net eth0: 10.0.2.15/24",
		"selftest: net.eth0.mac=52:54:00:aa:00:01",
		"selftest: net.eth0.address=10.0.2.15/24",
		"selftest: ok entropy: 64 bytes",
	};
	size_t same = instead ? strcspn(instead, "=") : 0;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!instead || strncmp(lines[i], instead, same))
			selftest_take_line(&f->report, lines[i]);
	if (instead && instead[same])
		selftest_take_line(&f->report, instead);
	selftest_compare(&f->report, &f->options, WALL);
	return f->report.failed;
}

static void machine_as_asked_for_has_no_complaint(void **state)
{
	assert_int_equal(compare_with(*state, NULL), 0);
}

#define CHECK_DIFFERENCE(name, line)                               \
	static void name(void **state)                             \
	{                                                          \
		assert_int_equal(compare_with(*state, (line)), 1); \
	}

CHECK_DIFFERENCE(another_hypervisor_is_told, "selftest: hypervisor=KVMKVMKVM")
CHECK_DIFFERENCE(another_boot_protocol_is_told, "selftest: boot=multiboot2")
CHECK_DIFFERENCE(too_little_memory_is_told, "selftest: memory.bytes=130000000")
CHECK_DIFFERENCE(too_much_memory_is_told, "selftest: memory.bytes=134217729")
CHECK_DIFFERENCE(memory_that_is_no_number_is_told, "selftest: memory.bytes=0x8000000")
CHECK_DIFFERENCE(more_processors_are_told, "selftest: cpus=2")
CHECK_DIFFERENCE(wrong_clock_is_told, "selftest: wall=1800000121000000000")
CHECK_DIFFERENCE(old_clock_is_told, "selftest: wall=1799999879000000000")
CHECK_DIFFERENCE(another_disk_size_is_told, "selftest: disk.vda.bytes=66048")
CHECK_DIFFERENCE(absent_disk_is_told, "selftest: disk.vda.bytes")
CHECK_DIFFERENCE(disk_that_became_read_only_is_told, "selftest: disk.vda.readonly=1")
CHECK_DIFFERENCE(another_hardware_address_is_told, "selftest: net.eth0.mac=52:54:00:aa:00:02")
CHECK_DIFFERENCE(another_address_is_told, "selftest: net.eth0.address=10.0.2.16/24")
CHECK_DIFFERENCE(absent_address_is_told, "selftest: net.eth0.address")

static void missing_device_is_told(void **state)
{
	struct fixture *f = *state;

	selftest_take_line(&f->report, "selftest: skip entropy: there is no such device");
	assert_int_equal(compare_with(f, NULL), 1);
}

/* Whether all of the file is in what the machine says it was told. */
static bool metadata_agrees(struct fixture *f, const char *json, const char *first,
			    const char *second)
{
	FILE *file = fopen(metadata_path, "we");
	unsigned failed;

	assert_non_null(file);
	fputs(json, file);
	fclose(file);
	f->options.metadata = metadata_path;
	selftest_take_line(&f->report, first);
	selftest_take_line(&f->report, second);
	failed = compare_with(f, NULL);
	unlink(metadata_path);
	return !failed;
}

static void metadata_in_another_order_is_the_same(void **state)
{
	assert_true(metadata_agrees(*state,
				    "{ \"name\": \"x y\",\n\t\"a\": [1, \"\\u0041\\\"\"] }\n",
				    "selftest: metadata={\"a\":[1,\"A\\\"\"],\"na",
				    "selftest: metadata=me\":\"x y\"}"));
}

static void other_metadata_is_told(void **state)
{
	assert_false(
		metadata_agrees(*state, "{ \"name\": \"other\" }",
				"selftest: metadata={\"name\":", "selftest: metadata=\"value\"}"));
}

static void unreadable_metadata_is_told(void **state)
{
	struct fixture *f = *state;

	f->options.metadata = metadata_path;
	assert_int_equal(compare_with(f, NULL), 1);
}

static void outcomes_are_counted(void **state)
{
	struct fixture *f = *state;

	selftest_take_line(&f->report, "selftest: ok clock and pit: 3 ns apart");
	selftest_take_line(&f->report, "selftest: FAIL disk vda: reading at 0: error 5");
	selftest_take_line(&f->report, "selftest: skip net: there is no network device");
	assert_int_equal(f->report.passed, 1);
	assert_int_equal(f->report.failed, 1);
	assert_int_equal(f->report.skipped, 1);
	assert_true(selftest_has(&f->report, "ok clock and pit"));
	assert_true(selftest_has(&f->report, "FAIL disk vda"));
	assert_false(selftest_has(&f->report, "ok clock"));
}

static void values_keep_what_came_last(void **state)
{
	struct fixture *f = *state;

	selftest_take_line(&f->report, "selftest: random=1");
	selftest_take_line(&f->report, "selftest: random=a=b");
	assert_string_equal(selftest_value(&f->report, "random"), "a=b");
	assert_null(selftest_value(&f->report, "rand"));
}

static void end_is_told_by_its_own_line_only(void **state)
{
	struct fixture *f = *state;

	selftest_take_line(&f->report, "result=ok passed=1 failed=0 skipped=0");
	selftest_take_line(&f->report, "selftest: ok net: result=ok ");
	assert_false(f->report.ended);
	selftest_take_line(&f->report, "selftest: result=failed passed=1 failed=1 skipped=0");
	assert_true(f->report.ended && !f->report.ended_well);
	selftest_take_line(&f->report, "selftest: result=ok passed=1 failed=0 skipped=0");
	assert_true(f->report.ended_well);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(machine_as_asked_for_has_no_complaint),
		TEST(another_hypervisor_is_told),
		TEST(another_boot_protocol_is_told),
		TEST(too_little_memory_is_told),
		TEST(too_much_memory_is_told),
		TEST(memory_that_is_no_number_is_told),
		TEST(more_processors_are_told),
		TEST(wrong_clock_is_told),
		TEST(old_clock_is_told),
		TEST(another_disk_size_is_told),
		TEST(absent_disk_is_told),
		TEST(disk_that_became_read_only_is_told),
		TEST(another_hardware_address_is_told),
		TEST(another_address_is_told),
		TEST(absent_address_is_told),
		TEST(missing_device_is_told),
		TEST(metadata_in_another_order_is_the_same),
		TEST(other_metadata_is_told),
		TEST(unreadable_metadata_is_told),
		TEST(outcomes_are_counted),
		TEST(values_keep_what_came_last),
		TEST(end_is_told_by_its_own_line_only),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
