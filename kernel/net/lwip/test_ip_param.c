/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ip=` means. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_address(const struct ip_address *address, unsigned family, const void *bytes)
{
	assert_int_equal(address->family, family);
	assert_memory_equal(address->bytes, bytes, family == AF_INET ? 4 : 16);
}

static void linux_form_is_read_whole(void **state)
{
	struct ip_setup setup;

	(void)state;
	assert_true(ip_setup_parse(
		"10.0.2.15::10.0.2.2:255.255.255.0:box:eth1:off:10.0.2.3:8.8.8.8:1.2.3.4", &setup));
	assert_int_equal(setup.method, IP_STATIC);
	expect_address(&setup.client, AF_INET, (uint8_t[]){ 10, 0, 2, 15 });
	expect_address(&setup.gateway, AF_INET, (uint8_t[]){ 10, 0, 2, 2 });
	expect_address(&setup.servers[0], AF_INET, (uint8_t[]){ 10, 0, 2, 3 });
	expect_address(&setup.servers[1], AF_INET, (uint8_t[]){ 8, 8, 8, 8 });
	assert_int_equal(setup.prefix, 24);
	assert_string_equal(setup.hostname, "box");
	assert_string_equal(setup.device, "eth1");
}

static void one_word_says_how(void **state)
{
	struct ip_setup setup;

	(void)state;
	assert_true(ip_setup_parse("dhcp", &setup));
	assert_int_equal(setup.method, IP_DHCP);
	assert_true(ip_setup_parse("off", &setup));
	assert_int_equal(setup.method, IP_OFF);
	assert_true(ip_setup_parse("none", &setup));
	assert_int_equal(setup.method, IP_OFF);
	assert_true(ip_setup_parse("eth1:dhcp", &setup));
	assert_int_equal(setup.method, IP_DHCP);
	assert_string_equal(setup.device, "eth1");
	assert_true(ip_setup_parse(":::::eth2:dhcp", &setup));
	assert_int_equal(setup.method, IP_DHCP);
	assert_string_equal(setup.device, "eth2");
}

static void netmask_follows_from_the_class_or_is_a_prefix(void **state)
{
	struct ip_setup setup;

	(void)state;
	assert_true(ip_setup_parse("10.0.0.1", &setup));
	assert_int_equal(setup.prefix, 8);
	assert_true(ip_setup_parse("192.168.1.1:::", &setup));
	assert_int_equal(setup.prefix, 24);
	assert_true(ip_setup_parse("192.168.1.1:::20", &setup));
	assert_int_equal(setup.prefix, 20);
	assert_true(ip_setup_parse("192.168.1.1:::255.255.255.255", &setup));
	assert_int_equal(setup.prefix, 32);
	assert_true(ip_setup_parse("192.168.1.1:::0.0.0.0", &setup));
	assert_int_equal(setup.prefix, 0);
}

static void ipv6_is_in_brackets(void **state)
{
	static const uint8_t client[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 1, 2, 3, 4 };
	struct ip_setup setup;
	struct ip_address address;

	(void)state;
	assert_true(ip_setup_parse("[2001:db8::2]::[fe80::1]:48::eth0:none", &setup));
	assert_int_equal(setup.method, IP_STATIC);
	expect_address(&setup.client, AF_INET6, client);
	assert_int_equal(setup.prefix, 48);
	assert_true(ip_address_parse("::ffff:1.2.3.4", 14, &address));
	expect_address(&address, AF_INET6, mapped);
	assert_true(ip_address_parse("::", 2, &address));
	assert_true(ip_address_parse("1:2:3:4:5:6:7:8", 15, &address));
	assert_true(ip_address_parse("1::", 3, &address));
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1:::255.0.255.0",
		"10.0.0.1:::33",
		"[fe80::1",
		"[1::2::3]",
		"[1:2:3:4:5:6:7]",
		"[12345::]",
		"1.2.3.4.5",
		"10.0.0.1::x",
		"10.0.0.1::::::sometimes",
		":dhcp",
		"a:b:c:d:e:f",
		"1:2:3:4:5:6:7:8:9:10:11",
		"[1:2:3:4:5:6:7:8:9]",
		"[::1.2.3]",
	};
	struct ip_setup setup;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		if (ip_setup_parse(bad[i], &setup))
			fail_msg("%s was taken", bad[i]);
	}
}

static void names_that_are_too_long_are_refused(void **state)
{
	struct ip_setup setup;

	(void)state;
	assert_false(ip_setup_parse("10.0.0.1:::::a-name-of-a-device-too-long", &setup));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_form_is_read_whole),
		cmocka_unit_test(one_word_says_how),
		cmocka_unit_test(netmask_follows_from_the_class_or_is_a_prefix),
		cmocka_unit_test(ipv6_is_in_brackets),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(names_that_are_too_long_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
