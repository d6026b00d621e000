# SPDX-License-Identifier: BSD-3-Clause
# The vDSO: a shared object of its own for programs, put into the kernel's image as bytes.

VDSO_SRC := $(wildcard kernel/linux/vdso/*.c kernel/linux/vdso/*.S)
VDSO_DIR := $(BUILD)/kernel/linux/vdso
VDSO_CFLAGS := -std=gnu17 -O2 -fPIC -ffreestanding -fno-stack-protector -fno-common -fvisibility=hidden -mno-mmx \
	-fno-asynchronous-unwind-tables -fno-jump-tables -fcf-protection=none $(WARN) -Ikernel/include

$(VDSO_DIR)/vdso.so: $(VDSO_SRC) kernel/linux/vdso/vdso.lds kernel/linux/rules.mk kernel/include/core/time.h
	@mkdir -p $(@D)
	@echo "  VDSO $@"
	$(Q)$(CC) $(VDSO_CFLAGS) -nostdlib -shared -Wl,-T,kernel/linux/vdso/vdso.lds -Wl,-soname,linux-vdso.so.1 \
		-Wl,--hash-style=both -Wl,--build-id=none -Wl,-Bsymbolic -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -Wl,--no-undefined -o $@ $(VDSO_SRC)

# Whole pages, since they are mapped. The names are those that vdso.c of kernel/linux knows.
$(BUILD)/kernel/linux/vdso_image.o: $(VDSO_DIR)/vdso.so
	$(Q)objcopy --strip-all $< $(VDSO_DIR)/vdso_image && truncate -s %4096 $(VDSO_DIR)/vdso_image
	$(Q)cd $(VDSO_DIR) && ld -r -b binary -z noexecstack -o ../vdso_image.tmp vdso_image
	$(Q)objcopy --rename-section .data=.vdso,alloc,load,readonly,data,contents --set-section-alignment .vdso=4096 \
		--redefine-sym _binary_vdso_image_start=vdso_image_start \
		--redefine-sym _binary_vdso_image_end=vdso_image_end --strip-symbol _binary_vdso_image_size \
		$(BUILD)/kernel/linux/vdso_image.tmp $@ && rm $(BUILD)/kernel/linux/vdso_image.tmp

KERNEL_OBJS += $(BUILD)/kernel/linux/vdso_image.o

# System calls are many and each is short: small code is worth more here than fast code.
$(BUILD)/kernel/linux/%.o: KERNEL_CFLAGS += -Os
