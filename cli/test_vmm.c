/* SPDX-License-Identifier: BSD-3-Clause */
/* What each VMM is told of a machine with everything. */
#include "vmm.h"

#include "json.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	struct options options;
	struct disk disks[2];
	struct vmm_setup setup;
};

static void make_machine(struct sample *m, unsigned version)
{
	memset(m, 0, sizeof *m);
	m->disks[0] = (struct disk){ .path = (char *)"a,\"b\".img", .format = DISK_RAW };
	m->disks[1] = (struct disk){
		.path = (char *)"c.img",
		.format = DISK_RAW,
		.read_only = true,
		.bytes_per_second = 1 << 20,
		.operations_per_second = 100,
	};
	m->options = (struct options){
		.memory_bytes = 128 << 20,
		.cpus = 2,
		.network = { .kind = NETWORK_TAP, .tap = "tap0", .mac = "52:54:00:00:00:01" },
		.disks = m->disks,
		.disk_count = 2,
		.entropy = true,
		.balloon = true,
		.balloon_bytes = 16 << 20,
		.vsock = "v.sock",
		.metadata = "data.json",
	};
	m->setup = (struct vmm_setup){
		.options = &m->options,
		.path = "vmm",
		.kernel = "capuchin.elf",
		.line = "init=/x A=\"b c\"",
		.image = "root.img",
		.config = "config.json",
		.version = version,
	};
}

static const char everything[] = "{\n"
				 "  \"boot-source\": {\n"
				 "    \"kernel_image_path\": \"capuchin.elf\",\n"
				 "    \"initrd_path\": \"root.img\",\n"
				 "    \"boot_args\": \"init=/x A=\\\"b c\\\"\"\n"
				 "  },\n"
				 "  \"machine-config\": {\n"
				 "    \"vcpu_count\": 2,\n"
				 "    \"mem_size_mib\": 128\n"
				 "  },\n"
				 "  \"drives\": [\n"
				 "    {\n"
				 "      \"drive_id\": \"disk0\",\n"
				 "      \"path_on_host\": \"a,\\\"b\\\".img\",\n"
				 "      \"is_root_device\": false,\n"
				 "      \"is_read_only\": false,\n"
				 "      \"cache_type\": \"Writeback\"\n"
				 "    },\n"
				 "    {\n"
				 "      \"drive_id\": \"disk1\",\n"
				 "      \"path_on_host\": \"c.img\",\n"
				 "      \"is_root_device\": false,\n"
				 "      \"is_read_only\": true,\n"
				 "      \"rate_limiter\": {\n"
				 "        \"bandwidth\": {\n"
				 "          \"size\": 1048576,\n"
				 "          \"refill_time\": 1000\n"
				 "        },\n"
				 "        \"ops\": {\n"
				 "          \"size\": 100,\n"
				 "          \"refill_time\": 1000\n"
				 "        }\n"
				 "      }\n"
				 "    }\n"
				 "  ],\n"
				 "  \"network-interfaces\": [\n"
				 "    {\n"
				 "      \"iface_id\": \"eth0\",\n"
				 "      \"host_dev_name\": \"tap0\",\n"
				 "      \"guest_mac\": \"52:54:00:00:00:01\"\n"
				 "    }\n"
				 "  ],\n"
				 "  \"mmds-config\": {\n"
				 "    \"version\": \"V2\",\n"
				 "    \"network_interfaces\": [\n"
				 "      \"eth0\"\n"
				 "    ]\n"
				 "  },\n"
				 "  \"vsock\": {\n"
				 "    \"guest_cid\": 3,\n"
				 "    \"uds_path\": \"v.sock\"\n"
				 "  },\n"
				 "  \"entropy\": {},\n"
				 "  \"balloon\": {\n"
				 "    \"amount_mib\": 16,\n"
				 "    \"deflate_on_oom\": true,\n"
				 "    \"stats_polling_interval_s\": 1,\n"
				 "    \"free_page_hinting\": true,\n"
				 "    \"free_page_reporting\": true\n"
				 "  }\n"
				 "}\n";

static void firecracker_is_configured_by_a_file(void **state)
{
	struct text config = { 0 };
	struct sample m;

	(void)state;
	make_machine(&m, 1017);
	vmm_firecracker.make_config(&config, &m.setup);
	assert_string_equal(text_get(&config), everything);
	text_free(&config);
}

static void old_firecracker_is_not_told_what_it_does_not_know(void **state)
{
	struct text config = { 0 };
	struct sample m;

	(void)state;
	make_machine(&m, 1013);
	vmm_firecracker.make_config(&config, &m.setup);
	assert_non_null(strstr(text_get(&config), "stats_polling"));
	assert_null(strstr(text_get(&config), "free_page"));
	assert_int_equal(vmm_firecracker.check(&m.setup), 0);
	m.setup.version = 1003;
	assert_true(vmm_firecracker.check(&m.setup) < 0);
	m.setup.version = 1012;
	m.options.pci = true;
	assert_true(vmm_firecracker.check(&m.setup) < 0);
	text_free(&config);
}

static void firecracker_has_room_for_what_it_adds_to_the_line(void **state)
{
	/* Six devices. */
	enum { ROOM = 2047 - 8 - 6 * 37 };
	char line[ROOM + 2];
	struct sample m;

	(void)state;
	memset(line, 'x', sizeof line);
	line[ROOM] = '\0';
	make_machine(&m, 1017);
	m.setup.line = line;
	assert_int_equal(vmm_firecracker.check(&m.setup), 0);
	line[ROOM] = 'x';
	line[ROOM + 1] = '\0';
	assert_true(vmm_firecracker.check(&m.setup) < 0);
}

static void check_words(const struct vmm *vmm, const struct vmm_setup *setup,
			const char *const *wanted, size_t count)
{
	struct strings argv = { 0 };

	vmm->make_argv(&argv, setup);
	for (size_t i = 0; i < count; i++) {
		assert_true(i < argv.count);
		assert_string_equal(argv.items[i], wanted[i]);
	}
	assert_int_equal(argv.count, count);
	strings_free(&argv);
}

static void firecracker_logs_apart_from_the_serial_port(void **state)
{
	static const char *const words[] = { "vmm",         "--no-api",   "--config-file",
					     "config.json", "--log-path", "/proc/self/fd/2",
					     "--level",     "Error",      "--enable-pci",
					     "--metadata",  "data.json" };
	struct sample m;

	(void)state;
	make_machine(&m, 1017);
	m.options.pci = true;
	check_words(&vmm_firecracker, &m.setup, words, countof(words));
}

static void cloud_hypervisor_is_told_by_words(void **state)
{
	static const char *const words[] = {
		"vmm",
		"--kernel",
		"capuchin.elf",
		"--initramfs",
		"root.img",
		"--cmdline",
		"init=/x A=\"b c\"",
		"--cpus",
		"boot=2",
		"--memory",
		"size=134217728",
		"--serial",
		"tty",
		"--console",
		"off",
		"--disk",
		"path=\"a,b.img\",readonly=off,image_type=raw",
		("path=\"c.img\",readonly=on,image_type=raw,bw_size=1048576,"
		 "bw_refill_time=1000,ops_size=100,ops_refill_time=1000"),
		"--net",
		"tap=tap0,mac=52:54:00:00:00:01",
		"--vsock",
		"cid=3,socket=\"v.sock\"",
		"--balloon",
		"size=16777216,deflate_on_oom=on,free_page_reporting=on",
	};
	struct sample m;

	(void)state;
	make_machine(&m, 54000);
	m.options.metadata = NULL;
	assert_non_null(vmm_cloud_hypervisor.lacks(&m.options));
	m.disks[0].path = (char *)"a,b.img";
	assert_null(vmm_cloud_hypervisor.lacks(&m.options));
	check_words(&vmm_cloud_hypervisor, &m.setup, words, countof(words));
}

static void root_on_disk_is_the_first_disk(void **state)
{
	struct text config = { 0 };
	struct strings argv = { 0 };
	struct sample m;

	(void)state;
	make_machine(&m, 1017);
	m.options.root_on_disk = true;
	vmm_firecracker.make_config(&config, &m.setup);
	assert_null(strstr(text_get(&config), "initrd"));
	const char *root = strstr(text_get(&config), "\"path_on_host\": \"root.img\"");
	assert_non_null(root);
	assert_true(root < strstr(text_get(&config), "\"disk0\""));
	text_free(&config);
	vmm_cloud_hypervisor.make_argv(&argv, &m.setup);
	assert_string_equal(argv.items[1], "--kernel");
	assert_string_equal(argv.items[13], "--disk");
	assert_string_equal(argv.items[14], "path=\"root.img\",readonly=on");
	strings_free(&argv);
}

static void json_strings_are_escaped(void **state)
{
	struct text out = { 0 };
	struct json j = { .out = &out };

	(void)state;
	json_open(&j, NULL, '{');
	json_string(&j, "k\"", "a\\b\n\x01\xc3\xa9");
	json_close(&j, '}');
	assert_string_equal(text_get(&out),
			    "{\n  \"k\\\"\": \"a\\\\b\\u000a\\u0001\xc3\xa9\"\n}\n");
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firecracker_is_configured_by_a_file),
		cmocka_unit_test(old_firecracker_is_not_told_what_it_does_not_know),
		cmocka_unit_test(firecracker_has_room_for_what_it_adds_to_the_line),
		cmocka_unit_test(firecracker_logs_apart_from_the_serial_port),
		cmocka_unit_test(cloud_hypervisor_is_told_by_words),
		cmocka_unit_test(root_on_disk_is_the_first_disk),
		cmocka_unit_test(json_strings_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
