/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the network and of disks: what is taken, what follows, what QEMU and the kernel are told. */
#include "network.h"

#include "disk.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void wrong_words_are_refused(void **state)
{
	static const char *const ports[] = { "",     "80",       "0:1",       "1:0",     "1:65536",
					     "a:b",  "1:2/sctp", "1.2.3:1:2", "::1:1:2", "1:2:3",
					     "-1:2", "+1:2",     " 1:2" };
	static const char *const addresses[] = { "",
						 "10.0.0.1",
						 "10.0.0.1/0",
						 "10.0.0.1/31",
						 "10.0.0/24",
						 "0.0.0.0/24",
						 "0.1.2.3/24",
						 "10.0.0.0/24",
						 "10.0.0.255/24",
						 "10.0.0.7/30",
						 "127.0.0.1/8",
						 "224.0.0.1/24",
						 "239.1.2.3/24",
						 "255.255.255.254/24",
						 "10.0.0.1/24,gw=0.0.0.0",
						 "10.0.0.1/24,gw=127.0.0.1",
						 "10.0.0.1/24,gw=",
						 "10.0.0.1/24,x=1.2.3.4",
						 "10.0.0.1/24,dns=1.1.1.1,dns=1.1.1.2,dns=1.1.1.3",
						 "fe80::1/64",
						 "DHCP" };
	static const char *const macs[] = { "",
					    "52:54:00:12:34",
					    "52-54-00-12-34-56",
					    "52:54:00:12:34:5g",
					    "01:00:00:00:00:01",
					    "00:00:00:00:00:00" };
	static const char *const kinds[] = { "",       "taps",    "tap=",
					     "bridge", "tap=a,b", "tap=sixteenletters16" };
	struct network n = { 0 };

	(void)state;
	for (size_t i = 0; i < countof(ports); i++)
		assert_false(network_take_publish(&n, ports[i]));
	for (size_t i = 0; i < countof(addresses); i++)
		assert_false(network_take_address(&n, addresses[i]));
	for (size_t i = 0; i < countof(macs); i++)
		assert_false(network_take_mac(&n, macs[i]));
	for (size_t i = 0; i < countof(kinds); i++)
		assert_false(network_take_kind(&n, kinds[i]));
	network_free(&n);
}

static void check_told(const struct network *n, const char *netdev, const char *words)
{
	struct strings argv = { 0 };
	struct text line = { 0 };

	network_add_argv(n, &argv, "card");
	network_add_words(n, &line);
	assert_int_equal(argv.count > 0, netdev != NULL);
	if (netdev)
		assert_string_equal(argv.items[1], netdev);
	assert_string_equal(text_get(&line), words);
	strings_free(&argv);
	text_free(&line);
}

static void network_follows_from_options(void **state)
{
	struct network n = { 0 };

	(void)state;
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n, NULL, "");
	assert_true(network_take_publish(&n, "127.0.0.1:8080:80/tcp"));
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n,
		   "user,id=net0,net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3,"
		   "hostfwd=tcp:127.0.0.1:8080-10.0.2.15:80",
		   " ip=10.0.2.15::10.0.2.2:255.255.255.0:::off:10.0.2.3");
	assert_true(network_take_kind(&n, "none"));
	assert_non_null(network_finish(&n, NETWORK_USER));
	network_free(&n);
}

static void addresses_of_the_network_differ(void **state)
{
	struct network n = { 0 };

	(void)state;
	assert_true(network_take_address(&n, "10.1.0.2/29"));
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n, "user,id=net0,net=10.1.0.0/29,host=10.1.0.1,dns=10.1.0.3",
		   " ip=10.1.0.2::10.1.0.1:255.255.255.248:::off:10.1.0.3");
	assert_true(network_take_address(&n, "10.1.0.3/29,gw=10.1.0.4"));
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n, "user,id=net0,net=10.1.0.0/29,host=10.1.0.4,dns=10.1.0.5",
		   " ip=10.1.0.3::10.1.0.4:255.255.255.248:::off:10.1.0.5");
	assert_true(network_take_address(&n, "10.1.0.3/29,gw=10.2.0.4"));
	assert_non_null(network_finish(&n, NETWORK_USER));
	assert_true(network_take_address(&n, "10.1.0.2/30"));
	assert_non_null(network_finish(&n, NETWORK_USER));
	network_free(&n);
}

static void tap_asks_for_an_address_unless_it_has_one(void **state)
{
	struct network n = { 0 };

	(void)state;
	assert_true(network_take_kind(&n, "tap=tap0"));
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n, "tap,id=net0,ifname=tap0,script=no,downscript=no", " ip=dhcp");
	network_free(&n);
	assert_true(network_take_kind(&n, "tap=tap0"));
	assert_true(network_take_address(&n, "192.168.1.9/16,dns=1.1.1.1,dns=8.8.8.8"));
	assert_null(network_finish(&n, NETWORK_USER));
	check_told(&n, "tap,id=net0,ifname=tap0,script=no,downscript=no",
		   " ip=192.168.1.9:::255.255.0.0:::off:1.1.1.1:8.8.8.8");
	network_free(&n);
}

static void ports_of_a_tap_need_an_address(void **state)
{
	struct network n = { 0 };

	(void)state;
	assert_true(network_take_publish(&n, "8080:80"));
	assert_true(network_take_kind(&n, "tap=tap0"));
	assert_non_null(network_finish(&n, NETWORK_USER));
	assert_true(network_take_address(&n, "192.168.1.9/16"));
	assert_null(network_finish(&n, NETWORK_USER));
	network_free(&n);
}

static void a_tap_that_is_made_has_a_network_of_its_own(void **state)
{
	struct network n = { 0 };

	(void)state;
	assert_true(network_take_publish(&n, "8080:80"));
	assert_null(network_finish(&n, NETWORK_TAP));
	assert_true(network_makes_tap(&n));
	assert_true(network_choose(&n, 65));
	strcpy(n.made, "capuchin65");
	check_told(&n, "tap,id=net0,ifname=capuchin65,script=no,downscript=no",
		   " ip=10.213.1.6::10.213.1.5:255.255.255.252:::off:");
	assert_false(network_choose(&n, 1 << 14));
	network_free(&n);
	assert_true(network_take_address(&n, "10.9.0.1/24"));
	assert_null(network_finish(&n, NETWORK_TAP));
	assert_true(network_choose(&n, 3));
	assert_string_equal(inet_ntoa(n.address), "10.9.0.1");
	assert_string_equal(inet_ntoa(n.gateway), "10.9.0.2");
	network_free(&n);
	assert_true(network_take_kind(&n, "tap"));
	assert_true(network_take_address(&n, "dhcp"));
	assert_non_null(network_finish(&n, NETWORK_TAP));
	network_free(&n);
}

static void limits_of_a_disk_are_numbers(void **state)
{
	static const char *const wrong[] = { "x,bps=",    "x,bps=0",    "x,bps=1T",
					     "x,iops=-1", "x,iops=1.5", "x,bps=17179869184G" };
	struct strings argv = { 0 };
	struct disk d;

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		assert_false(disk_read(&d, wrong[i]));
		disk_free(&d);
	}
	assert_true(disk_read(&d, "x,iops=7,bps=2M,ro"));
	assert_int_equal(d.bytes_per_second, 2 << 20);
	assert_int_equal(d.operations_per_second, 7);
	disk_add_argv(&d, &argv, "virtio-blk-device", 3);
	assert_string_equal(argv.items[1],
			    "throttle-group,id=limits3,x-bps-total=2097152,x-iops-total=7");
	assert_string_equal(argv.items[3],
			    "driver=throttle,node-name=disk3,throttle-group=limits3,read-only=on,"
			    "discard=unmap,file.driver=raw,file.file.driver=file,"
			    "file.file.filename=x");
	strings_free(&argv);
	disk_free(&d);
}

static void words_of_a_disk_come_last(void **state)
{
	struct disk d;

	(void)state;
	assert_true(disk_read(&d, "a,b,ro,format=qcow2"));
	assert_string_equal(d.path, "a,b");
	assert_true(d.read_only);
	assert_int_equal(d.format, DISK_QCOW2);
	disk_free(&d);
	assert_true(disk_read(&d, "ro,x"));
	assert_string_equal(d.path, "ro,x");
	assert_false(d.read_only);
	disk_free(&d);
	assert_false(disk_read(&d, ",ro"));
	disk_free(&d);
	assert_false(disk_read(&d, "x,format=vdi"));
	disk_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(network_follows_from_options),
		cmocka_unit_test(addresses_of_the_network_differ),
		cmocka_unit_test(tap_asks_for_an_address_unless_it_has_one),
		cmocka_unit_test(ports_of_a_tap_need_an_address),
		cmocka_unit_test(a_tap_that_is_made_has_a_network_of_its_own),
		cmocka_unit_test(limits_of_a_disk_are_numbers),
		cmocka_unit_test(words_of_a_disk_come_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
