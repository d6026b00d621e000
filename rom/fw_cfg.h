/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst): items, each a string of bytes, read by DMA. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Keys of items; numbers in them are little-endian, of four bytes. One that there is not reads as zeros. */
enum fw_cfg_key {
	FW_CFG_KERNEL_ADDR = 0x07,
	FW_CFG_KERNEL_SIZE = 0x08,
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_KERNEL_ENTRY = 0x10,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_FILE_DIR = 0x19,
};

/** Whether the device is there, and does DMA. */
bool fw_cfg_present(void);

/** Goes to the start of an item. */
void fw_cfg_select(uint16_t key);

/** The next bytes of the item selected last. */
void fw_cfg_read_on(void *to, uint32_t bytes);

/** The first bytes of an item. */
void fw_cfg_read(uint16_t key, void *to, uint32_t bytes);

uint32_t fw_cfg_read_number(uint16_t key);

/** The item that is the file `name`: its bytes, and its key. False: there is none. */
bool fw_cfg_find(const char *name, uint16_t *key, uint32_t *bytes);
