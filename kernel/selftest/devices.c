/* SPDX-License-Identifier: BSD-3-Clause */
/* What was found on the buses, and the devices that serve the kernel itself: entropy and balloon. */
#include "checks.h"

#include <base/string.h>
#include <bus/device.h>
#include <core/random.h>
#include <core/thread.h>
#include <core/time.h>

#include "report.h"

#define ENTROPY_PATIENCE_NS (10 * NS_PER_S)
#define ENTROPY_LOOK_NS (NS_PER_MS / 2)

static void show(const char *line)
{
	report_value("device", "%s", line);
}

static const struct device *find_by_driver(const char *driver)
{
	const struct device *d = device_next(NULL);

	while (d && !(d->driver && !strcmp(d->driver, driver)))
		d = device_next(d);
	return d;
}

/* Whether the device answers; what it says goes to the generator, and nobody else sees it. */
static void check_entropy(void)
{
	uint64_t before = random_added(), deadline = time_now() + ENTROPY_PATIENCE_NS;

	if (!random_ask_source()) {
		report_skip("entropy", "there is no such device");
		return;
	}
	while (random_added() == before && time_now() < deadline)
		(void)!thread_sleep_until(time_now() + ENTROPY_LOOK_NS, WAIT_UNINTERRUPTIBLE);
	if (random_added() == before)
		report_fail("entropy", "the device does not answer");
	else
		report_ok("entropy", "%lu bytes", random_added() - before);
}

static void check_random(void)
{
	uint64_t one = random_u64(), other = random_u64();

	report_value("random", "%016lx%016lx", one, other);
	if (one == other)
		report_fail("random", "the generator repeats itself");
	else
		report_ok("random", "the generator works");
}

static void check_balloon(void)
{
	if (find_by_driver("virtio-balloon"))
		report_ok("balloon", "the host may ask for memory, and give it back");
	else
		report_skip("balloon", "there is no such device");
}

void check_devices(void)
{
	devices_show(show);
	check_entropy();
	check_random();
	check_balloon();
}

void check_tree(void)
{
	unsigned failed = 0, driven = 0, all = 0;

	for (const struct device *d = device_next(NULL); d; d = device_next(d)) {
		all++;
		driven += d->driver != NULL;
		if (!__atomic_load_n(&d->failed, __ATOMIC_RELAXED))
			continue;
		failed++;
		report_fail("devices", "%s %s cannot be used", d->bus, d->name);
	}
	if (!failed)
		report_ok("devices", "%u found, %u of them used", all, driven);
}
