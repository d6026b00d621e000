/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of devices. See <bus/device.h>. */
#include <bus/device.h>

#include <base/format.h>
#include <core/lock.h>

enum { LINE_BYTES = 200, INDENT = 2 };

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

static void show(const struct device *device, void (*out)(const char *line))
{
	struct device_text text = { .length = 0 };

	for (const struct device *up = device->parent; up; up = up->parent)
		device_print(&text, "%*s", INDENT, "");
	device_print(&text, "%s %s", device->bus, device->name);
	if (device->describe) {
		device_print(&text, " ");
		device->describe(device, &text);
	}
	device_print(&text, " [%s]", device->driver ? device->driver : "no driver");
	if (device->describe_class) {
		device_print(&text, " ");
		device->describe_class(device, &text);
	}
	out(text.line);
}

void devices_show(void (*out)(const char *line))
{
	/* Devices come and go by threads only, and no thread runs between two steps unless out() sleeps: then one that is removed
	 * meanwhile ends the list early. */
	list_for_each(node, &tree.devices)
		show(list_entry(node, struct device, link), out);
}
