# SPDX-License-Identifier: BSD-3-Clause
# The boot ROM. Included by the Makefile.

ROM_SRC := $(wildcard rom/*.[cS])
ROM_CFLAGS := -std=gnu17 -m32 -Os -mregparm=3 -fomit-frame-pointer -ffreestanding -fno-pic -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fno-jump-tables $(WARN) -Ikernel/include

$(BUILD)/rom/%.o: rom/% Makefile rom/rules.mk
	@mkdir -p $(@D)
	@echo "  ROM  $<"
	$(Q)$(CC) $(ROM_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/capuchin.rom: $(patsubst %,$(BUILD)/%.o,$(ROM_SRC)) rom/rom.lds
	@echo "  LD   $@"
	$(Q)ld -m elf_i386 -static -z noexecstack --no-warn-rwx-segments -T rom/rom.lds -o $@.elf $(filter %.o,$^)
	$(Q)objcopy -O binary --gap-fill=0xcc $@.elf $@
