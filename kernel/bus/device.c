/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of devices. See <bus/device.h>. */
#include <bus/device.h>

#include <base/format.h>
#include <core/lock.h>

enum { LINE_BYTES = 200, INDENT = 2, DEPTH_MAX = 20 };

struct device_text {
	char line[LINE_BYTES];
	size_t length;
};

/* One machine. In the order in which they were found: parents before children. */
static struct {
	struct spinlock lock;
	struct list_node devices; /* [lock] */
} tree = { .devices = { &tree.devices, &tree.devices } };

void device_add(struct device *device)
{
	spin_lock(&tree.lock);
	list_insert_before(&tree.devices, &device->link);
	spin_unlock(&tree.lock);
}

void device_remove(struct device *device)
{
	spin_lock(&tree.lock);
	list_remove(&device->link);
	spin_unlock(&tree.lock);
}

const struct device *device_next(const struct device *device)
{
	struct list_node *next = device ? device->link.next : tree.devices.next;

	return next == &tree.devices ? NULL : list_entry(next, struct device, link);
}

void device_print(struct device_text *text, const char *fmt, ...)
{
	size_t room = sizeof(text->line) - text->length;
	va_list args;
	int bytes;

	va_start(args, fmt);
	bytes = format_va(text->line + text->length, room, fmt, args);
	va_end(args);
	if (bytes > 0)
		text->length += (size_t)bytes < room ? (size_t)bytes : room - 1;
}

static void show(const struct device *device, unsigned depth, void (*out)(const char *line))
{
	struct device_text text = { .length = 0 };

	device_print(&text, "%*s%s %s", (int)(depth * INDENT), "", device->bus, device->name);
	if (device->describe) {
		device_print(&text, " ");
		device->describe(device, &text);
	}
	if (device->driver)
		device_print(&text, " [%s]", device->driver);
	if (device->describe_class) {
		device_print(&text, " ");
		device->describe_class(device, &text);
	}
	if (__atomic_load_n(&device->failed, __ATOMIC_RELAXED))
		device_print(&text, " failed");
	out(text.line);
}

/** Devices come and go by threads only; none may while this goes on. */
static void show_below(const struct device *parent, unsigned depth, void (*out)(const char *line))
{
	list_for_each(node, &tree.devices) {
		const struct device *device = list_entry(node, struct device, link);

		if (device->parent != parent)
			continue;
		show(device, depth, out);
		if (depth < DEPTH_MAX)
			show_below(device, depth + 1, out);
	}
}

void devices_show(void (*out)(const char *line))
{
	show_below(NULL, 0, out);
}
