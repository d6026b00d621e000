/* SPDX-License-Identifier: BSD-3-Clause */
/* Where devices on memory-mapped registers are: on the command line, or in ACPI's tables. */
#include <base/errno.h>
#include <base/log.h>
#include <bus/acpi.h>
#include <bus/virtio.h>
#include <bus/virtio_mmio.h>
#include <core/params.h>

static void probe(const struct virtio_mmio_place *place)
{
	int error = virtio_mmio_probe(place);

	if (error && error != -ENODEV)
		log_warning("virtio-mmio at %#lx: error %d", place->base.raw, -error);
}

/** size@base:irq[:id], as Linux has it. */
static bool read_place(const char *text, struct virtio_mmio_place *out)
{
	uint64_t bytes, base, line;

	if (!params_read_number(&text, &bytes) || *text++ != '@' ||
	    !params_read_number(&text, &base) || *text++ != ':' ||
	    !params_read_number(&text, &line) || (*text && *text != ':'))
		return false;
	if (bytes > UINT32_MAX || line > UINT32_MAX)
		return false;
	out->base = phys(base);
	out->bytes = (uint32_t)bytes;
	out->line = (unsigned)line;
	out->trigger = IRQ_EDGE_HIGH;
	return true;
}

static void probe_parameter(void *context, const char *value)
{
	unsigned *count = context;
	struct virtio_mmio_place place;

	if (!read_place(value, &place)) {
		log_warning(
			"virtio_mmio.device=%s cannot be read: size@address:interrupt is wanted",
			value);
		return;
	}
	++*count;
	probe(&place);
}

/** A machine that tells its devices on the command line may tell them in the tables as well (Firecracker). */
static void probe_tables(void)
{
	struct acpi_virtio found;
	uint32_t position = 0;

	while (!acpi_next_virtio(&position, &found)) {
		struct virtio_mmio_place place = {
			.base = phys(found.address),
			.bytes = found.bytes,
			.line = found.gsi,
			.trigger = IRQ_EDGE_HIGH,
		};

		if (found.level)
			place.trigger = found.low ? IRQ_LEVEL_LOW : IRQ_LEVEL_HIGH;
		probe(&place);
	}
}

void virtio_probe(void)
{
	unsigned told = 0;

	params_each("virtio_mmio.device", probe_parameter, &told);
	if (!told)
		probe_tables();
}
