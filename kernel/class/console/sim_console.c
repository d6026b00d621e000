/* SPDX-License-Identifier: BSD-3-Clause */
/* See sim_console.h. */
#include "sim_console.h"

#include <base/bits.h>
#include <base/errno.h>

#include <string.h>

static struct sim_console *of(struct console_device *device)
{
	return container_of(device, struct sim_console, device);
}

static size_t sim_write(struct console_device *device, const void *bytes, size_t count)
{
	struct sim_console *sim = of(device);
	size_t taken = min(count, sim->accepts);
	size_t kept = min(taken, SIM_CONSOLE_BYTES - 1 - sim->output_bytes);

	if (count && !taken && sim->refused)
		sim->refused();
	memcpy(sim->output + sim->output_bytes, bytes, kept);
	sim->output_bytes += kept;
	sim->output[sim->output_bytes] = 0;
	if (sim->accepts != SIZE_MAX)
		sim->accepts -= taken;
	return taken;
}

static bool sim_flush(struct console_device *device)
{
	return of(device)->accepts;
}

static size_t sim_read(struct console_device *device, void *bytes, size_t count)
{
	struct sim_console *sim = of(device);
	size_t n = min(count, sim->input_head - sim->input_tail);

	memcpy(bytes, sim->input + sim->input_tail, n);
	sim->input_tail += n;
	return n;
}

static int sim_start_input(struct console_device *device)
{
	of(device)->started = true;
	return of(device)->no_interrupt ? -ENODEV : 0;
}

static void sim_pause_input(struct console_device *device)
{
	of(device)->paused = true;
}

static void sim_resume_input(struct console_device *device)
{
	of(device)->paused = false;
}

static const struct console_ops ops = {
	.write = sim_write,
	.flush = sim_flush,
	.read = sim_read,
	.start_input = sim_start_input,
	.pause_input = sim_pause_input,
	.resume_input = sim_resume_input,
};

void sim_console_install(struct sim_console *sim)
{
	memset(sim, 0, sizeof *sim);
	sim->device.ops = &ops;
	sim->accepts = SIZE_MAX;
	console_set_device(&sim->device);
}

void sim_console_type(struct sim_console *sim, const void *bytes, size_t count)
{
	if (sim->input_tail == sim->input_head)
		sim->input_tail = sim->input_head = 0;
	count = min(count, SIM_CONSOLE_BYTES - sim->input_head);
	memcpy(sim->input + sim->input_head, bytes, count);
	sim->input_head += count;
	if (sim->started && !sim->paused)
		console_input(&sim->device);
}

void sim_console_clear(struct sim_console *sim)
{
	sim->output_bytes = 0;
	sim->output[0] = 0;
}
