/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes are control data: every message lies inside of them, and they come to an end. */
#include <net/socket.h>

#include <base/assert.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own, so that ASan sees its end. */
	uint8_t *control = malloc(size);
	struct control_list list = { .room = size };
	struct control_item item;
	size_t offset = 0, before = 0;

	if (size)
		memcpy(control, data, size);
	while (control_next(control, size, &offset, &item) > 0) {
		assert(offset >= before + sizeof(struct control_header));
		before = offset;
		if (control_add(&list, item.level, item.type, item.data, item.bytes))
			break;
		assert(list.bytes <= list.room);
	}
	control_fini(&list);
	free(control);
	return 0;
}
