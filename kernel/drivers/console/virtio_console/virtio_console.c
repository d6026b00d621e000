/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio console (virtio 1.2, 5.3), with its first port: hvc0 on the command line.
 *
 * Output is copied into buffers of the driver's and is polled: write() comes from any context, a panic's included. On a CPU it is
 * exclusive while interrupts are off; who finds the queue taken all the same is a panic within this very code (or another CPU's), and writes
 * through the emergency register, where there is one, or nothing.
 *
 * Input stays in the device's buffers until it is read, and a buffer goes back when it is empty: so the host holds back what nobody takes.
 */
#include "ports.h"
#include "regs.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <bus/virtio.h>
#include <class/console.h>
#include <core/params.h>
#include <hal/cpu.h>
#include <mm/alloc.h>

enum {
	OUT_BUFFERS = 4,
	OUT_BYTES = 4096,
	IN_BUFFERS = 4,
	IN_BYTES = 512,
	READ_ROUNDS = 64, /* a device that always has one more must not hold the CPU */
};

/* Some tens of milliseconds. */
#define WAIT_CYCLES ((uint64_t)1 << 26)

struct in_buffer {
	uint8_t bytes[IN_BYTES];
};

struct virtio_console {
	struct console_device device;
	struct virtio_dev *virtio;
	uint64_t features;
	struct ports ports; /* with VIRTIO_CONSOLE_F_MULTIPORT */

	/* Output, by who holds `out_busy`. */
	bool out_busy; /* atomic */
	bool stuck;    /* waited in vain: only looked at from then on */
	bool worked;   /* has taken something */
	struct virtio_queue *out;
	uint8_t *out_memory;
	uint8_t *out_free[OUT_BUFFERS];
	unsigned out_free_count;

	/* Input, serialised by the class. */
	struct virtio_queue *in;
	struct in_buffer *in_memory;
	struct in_buffer *current; /* being read, from in_at to in_bytes; NULL: none */
	uint32_t in_at, in_bytes;
	bool paused;
};

static struct virtio_console *of(struct console_device *device)
{
	return container_of(device, struct virtio_console, device);
}

/* Output */

struct exclusive {
	bool taken, irqs_were_on;
};

static struct exclusive enter(struct virtio_console *console)
{
	struct exclusive exclusive = { .irqs_were_on = cpu_irq_disable() };

	exclusive.taken = !__atomic_exchange_n(&console->out_busy, true, __ATOMIC_ACQUIRE);
	return exclusive;
}

static void leave(struct virtio_console *console, struct exclusive exclusive)
{
	if (exclusive.taken)
		__atomic_store_n(&console->out_busy, false, __ATOMIC_RELEASE);
	if (exclusive.irqs_were_on)
		cpu_irq_enable();
}

static void take_back(struct virtio_console *console)
{
	uint8_t *buffer;
	uint32_t written;

	while ((buffer = virtio_queue_take(console->out, &written)) != NULL) {
		console->out_free[console->out_free_count++] = buffer;
		console->worked = true;
		console->stuck = false;
	}
}

/* At most a buffer full. Returns how many bytes the device has got. */
static size_t send(struct virtio_console *console, const uint8_t *bytes, size_t count)
{
	struct virtio_segment segment = { .bytes = (uint32_t)min(count, (size_t)OUT_BYTES) };

	take_back(console);
	if (!console->out_free_count)
		return 0;
	segment.data = console->out_free[console->out_free_count - 1];
	memcpy(segment.data, bytes, segment.bytes);
	if (virtio_queue_add(console->out, &segment, 1, 0, segment.data))
		return 0;
	console->out_free_count--;
	virtio_queue_kick(console->out);
	return segment.bytes;
}

static size_t send_emergency(struct virtio_console *console, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count && console->features & VIRTIO_CONSOLE_F_EMERG_WRITE; i++) {
		le32_t value = le32(bytes[i]);

		if (!virtio_config_write(console->virtio, VIRTIO_CONSOLE_CONFIG_EMERG_WR, &value,
					 sizeof value))
			break;
	}
	return count; /* nobody else could take the rest */
}

static size_t try_send(struct virtio_console *console, const uint8_t *bytes, size_t count)
{
	struct exclusive exclusive = enter(console);
	size_t done;

	if (likely(exclusive.taken))
		done = send(console, bytes, count);
	else
		done = send_emergency(console, bytes, count);
	leave(console, exclusive);
	return done;
}

/* Whether to look again: not for long, and once a device was found stuck not at all. */
static bool wait(struct virtio_console *console, uint64_t since_cycles)
{
	if (console->stuck)
		return false;
	if (cpu_cycles() - since_cycles > WAIT_CYCLES) {
		console->stuck = true;
		return false;
	}
	cpu_relax();
	return true;
}

static size_t virtio_console_write(struct console_device *device, const void *bytes, size_t count)
{
	struct virtio_console *console = of(device);
	uint64_t since = cpu_cycles();
	size_t done = 0;

	if (virtio_has_failed(console->virtio))
		return count;
	while (done < count) {
		size_t sent = try_send(console, (const uint8_t *)bytes + done, count - done);

		done += sent;
		if (sent)
			since = cpu_cycles();
		else if (!wait(console, since))
			break;
	}
	/* Nobody can hold back what never took anything: it is broken, and output to it is lost. */
	return console->worked || done ? done : count;
}

static bool all_sent(struct virtio_console *console)
{
	struct exclusive exclusive = enter(console);
	bool all = true;

	if (exclusive.taken) {
		take_back(console);
		all = console->out_free_count == OUT_BUFFERS;
	}
	leave(console, exclusive);
	return all;
}

static bool virtio_console_flush(struct console_device *device)
{
	struct virtio_console *console = of(device);
	uint64_t since = cpu_cycles();

	while (!virtio_has_failed(console->virtio) && !all_sent(console)) {
		if (!wait(console, since))
			return !console->worked;
	}
	return true;
}

/* Input */

static void post(struct virtio_console *console, struct in_buffer *buffer)
{
	const struct virtio_segment segment = { buffer->bytes, IN_BYTES };

	/* It only fails where the device has failed: there was room for all. */
	if (!virtio_queue_add(console->in, &segment, 0, 1, buffer))
		virtio_queue_kick(console->in);
}

/* Makes `current` a buffer that has something. */
static bool next_buffer(struct virtio_console *console)
{
	if (console->in_at < console->in_bytes)
		return true;
	if (console->current)
		post(console, console->current);
	console->in_at = console->in_bytes = 0;
	console->current = virtio_queue_take(console->in, &console->in_bytes);
	return console->in_bytes;
}

static size_t read_some(struct virtio_console *console, uint8_t *out, size_t count)
{
	size_t done = 0;

	while (done < count && next_buffer(console)) {
		size_t part = min(count - done, (size_t)(console->in_bytes - console->in_at));

		memcpy(out + done, console->current->bytes + console->in_at, part);
		console->in_at += (uint32_t)part;
		done += part;
	}
	return done;
}

static size_t virtio_console_read(struct console_device *device, void *bytes, size_t count)
{
	struct virtio_console *console = of(device);
	size_t done = 0;

	/* With all read, the next that comes has to interrupt; who takes less asks again by himself. */
	for (unsigned round = 0; round < READ_ROUNDS; round++) {
		done += read_some(console, (uint8_t *)bytes + done, count - done);
		if (done == count || console->paused || virtio_queue_enable(console->in))
			return done;
	}
	virtio_fail(console->virtio, "gives back empty input buffers without end");
	return done;
}

static void arrived(void *context)
{
	struct virtio_console *console = context;

	console_input(&console->device);
}

static void virtio_console_pause_input(struct console_device *device)
{
	struct virtio_console *console = of(device);

	console->paused = true;
	virtio_queue_disable(console->in);
}

static void virtio_console_resume_input(struct console_device *device)
{
	of(device)->paused = false;
}

static int virtio_console_start_input(struct console_device *device)
{
	virtio_console_resume_input(device);
	return 0;
}

static const struct console_ops ops = {
	.write = virtio_console_write,
	.flush = virtio_console_flush,
	.read = virtio_console_read,
	.start_input = virtio_console_start_input,
	.pause_input = virtio_console_pause_input,
	.resume_input = virtio_console_resume_input,
};

/* Attaching */

/** The console is what the last `console=` says, and the serial port where nothing is said. */
static bool is_wanted(void)
{
	const char *spec = params_get("console");

	return !console_present() || (spec && !strcmp(spec, "hvc0"));
}

static int open_queues(struct virtio_console *console)
{
	struct virtio_queue_request request = { .index = VIRTIO_CONSOLE_RECEIVEQ,
						.entries = IN_BUFFERS,
						.segments = 1,
						.arrived = arrived,
						.context = console };
	int error = virtio_queue_open(console->virtio, &request, &console->in);

	if (error)
		return error;
	request = (struct virtio_queue_request){ .index = VIRTIO_CONSOLE_TRANSMITQ,
						 .entries = OUT_BUFFERS,
						 .segments = 1 };
	return virtio_queue_open(console->virtio, &request, &console->out);
}

static int prepare(struct virtio_console *console)
{
	int error = virtio_negotiate(console->virtio,
				     VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_CONSOLE_F_EMERG_WRITE,
				     &console->features);

	if (error)
		return error;
	console->in_memory = mem_alloc(IN_BUFFERS * sizeof *console->in_memory);
	console->out_memory = mem_alloc((size_t)OUT_BUFFERS * OUT_BYTES);
	if (!console->in_memory || !console->out_memory)
		return -ENOMEM;
	error = open_queues(console);
	if (!error && console->features & VIRTIO_CONSOLE_F_MULTIPORT)
		error = ports_create(&console->ports, console->virtio);
	return error ? error : virtio_start(console->virtio);
}

static void release(struct virtio_console *console)
{
	ports_destroy(&console->ports);
	mem_free(console->in_memory);
	mem_free(console->out_memory);
	mem_free(console);
}

static int attach(struct virtio_dev *virtio)
{
	struct virtio_console *console;
	int error;

	/* Left alone: it is nothing that has gone wrong. */
	if (!is_wanted())
		return 0;
	console = mem_zalloc(sizeof *console);
	if (!console)
		return -ENOMEM;
	console->device.ops = &ops;
	console->virtio = virtio;
	error = prepare(console);
	if (error) {
		if (virtio_stop(virtio))
			release(console);
		return error;
	}
	virtio_set_driver_data(virtio, console);
	virtio_queue_disable(console->out);
	for (unsigned i = 0; i < OUT_BUFFERS; i++)
		console->out_free[i] = console->out_memory + (size_t)i * OUT_BYTES;
	console->out_free_count = OUT_BUFFERS;
	for (unsigned i = 0; i < IN_BUFFERS; i++)
		post(console, &console->in_memory[i]);
	ports_start(&console->ports);
	console_set_device(&console->device);
	return 0;
}

static void failed(struct virtio_dev *virtio)
{
	struct virtio_console *console = virtio_driver_data(virtio);

	if (!console)
		return;
	virtio_set_driver_data(virtio, NULL);
	console_lose_device(&console->device);
	while (virtio_queue_detach(console->in) || virtio_queue_detach(console->out))
		;
	ports_stop(&console->ports);
	release(console);
}

const struct virtio_driver virtio_console_driver = {
	.name = "virtio-console",
	.type = VIRTIO_CONSOLE,
	.attach = attach,
	.failed = failed,
};
VIRTIO_DRIVER(virtio_console_driver);
