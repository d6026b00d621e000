/* SPDX-License-Identifier: BSD-3-Clause */
/* KVM's clock; the test is the hypervisor and fills the shared pages beforehand. */
#include "kvm.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

static int setup(void **state)
{
	(void)state;
	host_forget_cpu();
	host_set_time(5000000);
	memset(&shared_time, 0, sizeof(shared_time));
	memset(&shared_wall, 0, sizeof(shared_wall));
	version_seen = 0;
	host_set_cpuid(1, (struct cpuid_regs){ .ecx = HYPERVISOR_PRESENT });
	host_set_cpuid(CPUID_HYPERVISOR,
		       (struct cpuid_regs){ 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d });
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = 0x1007efb });
	host_set_msr(MSR_SYSTEM_TIME, 0);
	host_set_msr(MSR_WALL_CLOCK, 0);
	/* 1 GHz: mul 2^31, shift 1 */
	shared_time.version = 2;
	shared_time.tsc_timestamp = 1000000;
	shared_time.system_time = 300;
	shared_time.tsc_to_system_mul = 1u << 31;
	shared_time.tsc_shift = 1;
	shared_time.flags = FLAG_TSC_STABLE;
	shared_wall = (struct wall_clock){ 2, 1700000000, 500 };
	return 0;
}

static void kvm_is_detected_by_its_signature(void **state)
{
	(void)state;
	assert_true(kvm_detect());
	host_set_cpuid(CPUID_HYPERVISOR,
		       (struct cpuid_regs){ 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4e });
	assert_false(kvm_detect());
	setup(state);
	host_set_cpuid(1, (struct cpuid_regs){ 0 });
	assert_false(kvm_detect());
}

static void kvm_clock_tells_the_rate_of_a_stable_counter(void **state)
{
	struct time_rate rate = { 0 };
	uint64_t (*now)(void) = NULL, msr;

	(void)state;
	kvm_clock_start(&rate, &now);
	assert_int_equal(rate.mult, 1u << 31);
	assert_int_equal(rate.shift, 31);
	assert_null(now);
	assert_true(host_msr(MSR_SYSTEM_TIME, &msr));
	assert_int_equal(msr, (uintptr_t)&shared_time | 1);
}

static void kvm_clock_of_slow_and_fast_counters_is_the_specifications(void **state)
{
	(void)state;
	for (int shift = -3; shift <= 3; shift++) {
		struct time_rate rate = { 0 };
		uint64_t (*now)(void) = NULL;
		uint64_t cycles = 123456789;

		setup(state);
		shared_time.tsc_shift = (int8_t)shift;
		shared_time.tsc_to_system_mul = 0xa1b2c3d4;
		kvm_clock_start(&rate, &now);
		uint64_t ours = (uint64_t)((unsigned __int128)cycles * rate.mult >> rate.shift);
		struct system_time time;

		assert_true(read_shared_time(&time));
		uint64_t theirs = time_at(&time, time.tsc_timestamp + cycles) - time.system_time;

		assert_in_range(ours, theirs, theirs + 8);
	}
}

static void kvm_clock_is_asked_each_time_where_the_counter_is_not_stable(void **state)
{
	struct time_rate rate = { 0 };
	uint64_t (*now)(void) = NULL;

	(void)state;
	shared_time.flags = 0;
	kvm_clock_start(&rate, &now);
	assert_ptr_equal(now, kvm_now);
	assert_int_equal(now(), 4000300);
	shared_time.system_time = 1000300; /* the host has moved on */
	assert_int_equal(now(), 5000300);
	setup(state);
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = FEATURE_CLOCKSOURCE2 });
	now = NULL;
	kvm_clock_start(&rate, &now);
	assert_ptr_equal(now, kvm_now);
}

static void kvm_clock_is_not_taken_where_it_does_not_work(void **state)
{
	struct time_rate rate = { 0 };
	uint64_t (*now)(void) = NULL, ns;

	(void)state;
	shared_time.version = 3; /* for ever being written */
	kvm_clock_start(&rate, &now);
	assert_int_equal(rate.mult, 0);
	assert_false(kvm_wall(&ns));
	setup(state);
	shared_time.tsc_to_system_mul = 0;
	kvm_clock_start(&rate, &now);
	assert_int_equal(rate.mult, 0);
	setup(state);
	shared_time.tsc_shift = -100;
	kvm_clock_start(&rate, &now);
	assert_int_equal(rate.mult, 0);
	setup(state);
	host_forget_cpu(); /* no such MSR */
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = FEATURE_CLOCKSOURCE });
	kvm_clock_start(&rate, &now);
	assert_int_equal(rate.mult, 0);
	assert_null(now);
}

static void kvm_wall_is_the_boots_and_the_time_since(void **state)
{
	uint64_t ns;

	(void)state;
	assert_true(kvm_wall(&ns));
	assert_int_equal(ns, 1700000000 * NS_PER_S + 500 + 4000300);
	shared_wall.version = 1;
	assert_false(kvm_wall(&ns));
	shared_wall = (struct wall_clock){ 2, 0, 0 };
	assert_false(kvm_wall(&ns));
}

static void kvm_tells_once_that_the_machine_stood_still(void **state)
{
	struct time_rate rate = { 0 };
	uint64_t (*now)(void) = NULL, told;

	(void)state;
	assert_int_equal(kvm_look(), RESUME_NONE); /* nobody has asked for the time */
	kvm_clock_start(&rate, &now);
	assert_int_equal(kvm_look(), RESUME_NONE);
	shared_time.flags |= FLAG_GUEST_STOPPED;
	assert_int_equal(kvm_look(), RESUME_PAUSED);
	assert_int_equal(shared_time.flags, FLAG_TSC_STABLE);
	assert_int_equal(kvm_look(), RESUME_NONE);
	shared_time.version += 2;
	assert_int_equal(kvm_look(), RESUME_PAUSED);
	assert_int_equal(kvm_look(), RESUME_NONE);
	assert_true(kvm_told_ns(&told));
	assert_int_equal(told, kvm_now());
}

static void kvm_without_a_clock_tells_nothing(void **state)
{
	uint64_t told;

	(void)state;
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = 0 });
	shared_time.tsc_to_system_mul = 0;
	assert_int_equal(kvm_look(), RESUME_UNKNOWN);
	assert_false(kvm_told_ns(&told));
}

static void kvm_has_interrupts_ended_by_a_flag_where_it_offers_that(void **state)
{
	uint32_t *flag;
	uint64_t msr;

	(void)state;
	host_set_msr(MSR_PV_EOI_EN, 0);
	flag = kvm_end_shortcut();
	assert_non_null(flag);
	assert_true(host_msr(MSR_PV_EOI_EN, &msr));
	assert_int_equal(msr, (uintptr_t)flag | 1);
	assert_int_equal(msr % 4, 1);
	host_set_msr(MSR_PV_EOI_EN, 0);
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = FEATURE_CLOCKSOURCE2 });
	assert_null(kvm_end_shortcut());
	assert_true(host_msr(MSR_PV_EOI_EN, &msr));
	assert_int_equal(msr, 0);
	setup(state);
	host_forget_cpu(); /* no such MSR */
	host_set_cpuid(CPUID_KVM_FEATURES, (struct cpuid_regs){ .eax = FEATURE_PV_EOI });
	assert_null(kvm_end_shortcut());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kvm_is_detected_by_its_signature, setup),
		cmocka_unit_test_setup(kvm_clock_tells_the_rate_of_a_stable_counter, setup),
		cmocka_unit_test_setup(kvm_clock_of_slow_and_fast_counters_is_the_specifications,
				       setup),
		cmocka_unit_test_setup(kvm_clock_is_asked_each_time_where_the_counter_is_not_stable,
				       setup),
		cmocka_unit_test_setup(kvm_clock_is_not_taken_where_it_does_not_work, setup),
		cmocka_unit_test_setup(kvm_wall_is_the_boots_and_the_time_since, setup),
		cmocka_unit_test_setup(kvm_tells_once_that_the_machine_stood_still, setup),
		cmocka_unit_test_setup(kvm_without_a_clock_tells_nothing, setup),
		cmocka_unit_test_setup(kvm_has_interrupts_ended_by_a_flag_where_it_offers_that,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
