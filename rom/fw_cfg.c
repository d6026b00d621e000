/* SPDX-License-Identifier: BSD-3-Clause */
/* The DMA interface of QEMU's firmware configuration device. Its registers and structures are big-endian. */
#include "fw_cfg.h"

#include "port.h"

#include <stddef.h>

enum { PORT_DMA_HIGH = 0x514, PORT_DMA_LOW = 0x518 };
enum { CONTROL_ERROR = 1, CONTROL_READ = 2, CONTROL_SELECT = 8, CONTROL_KEY_SHIFT = 16 };
enum { FILE_NAME_BYTES = 56, FILES_MAX = 1024 };

/* What the DMA register's upper half reads as where there is one: "QEMU". */
#define SIGNATURE 0x51454d55u

struct access {
	uint32_t control, length;
	uint64_t address;
};

struct file {
	uint32_t size;
	uint16_t select, reserved;
	char name[FILE_NAME_BYTES];
};

static void transfer(uint32_t control, void *to, uint32_t bytes)
{
	volatile struct access access = {
		.control = __builtin_bswap32(control),
		.length = __builtin_bswap32(bytes),
		.address = __builtin_bswap64((uintptr_t)to),
	};

	/* The write of the lower half starts it; the upper half is 0 after each. */
	out32(PORT_DMA_LOW, __builtin_bswap32((uintptr_t)&access));
	while (access.control & ~__builtin_bswap32(CONTROL_ERROR))
		;
}

bool fw_cfg_present(void)
{
	return in32(PORT_DMA_HIGH) == __builtin_bswap32(SIGNATURE);
}

void fw_cfg_select(uint16_t key)
{
	transfer((uint32_t)key << CONTROL_KEY_SHIFT | CONTROL_SELECT, NULL, 0);
}

void fw_cfg_read_on(void *to, uint32_t bytes)
{
	transfer(CONTROL_READ, to, bytes);
}

void fw_cfg_read(uint16_t key, void *to, uint32_t bytes)
{
	transfer((uint32_t)key << CONTROL_KEY_SHIFT | CONTROL_SELECT | CONTROL_READ, to, bytes);
}

uint32_t fw_cfg_read_number(uint16_t key)
{
	uint32_t value;

	fw_cfg_read(key, &value, sizeof value);
	return value;
}

static bool same_name(const char *a, const char *b)
{
	for (unsigned i = 0; i < FILE_NAME_BYTES; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			break;
	}
	return true;
}

bool fw_cfg_find(const char *name, uint16_t *key, uint32_t *bytes)
{
	uint32_t count = __builtin_bswap32(fw_cfg_read_number(FW_CFG_FILE_DIR));
	struct file file;

	for (uint32_t i = 0; i < count && i < FILES_MAX; i++) {
		fw_cfg_read_on(&file, sizeof file);
		if (!same_name(file.name, name))
			continue;
		*key = __builtin_bswap16(file.select);
		*bytes = __builtin_bswap32(file.size);
		return true;
	}
	return false;
}
