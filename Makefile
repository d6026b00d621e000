# SPDX-License-Identifier: BSD-3-Clause
#
# make            the kernel image build/capuchin.elf and the command ./capuchin
# make demo       boots a program and shows what the boot cost
# make check      every test; the last line is "N passed, N failed, N skipped". One suite: make check-unit, ...
# make check-long what takes longer: Debian's programs at length
# make bench      the figures of docs/performance.md
# make format     clang-format over the tree
# make install    PREFIX (/usr/local), DESTDIR
# make clean
#
# Sources are found by glob: a new file is built, tested and checked without a line here. V=1 shows the commands.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
VERSION := 0.1.0
PREFIX ?= /usr/local
CHECK_JOBS ?= 2
FUZZ_SECONDS ?= 5
MAKEFLAGS += --no-builtin-rules --no-print-directory

all: $(BUILD)/capuchin.elf $(BUILD)/capuchin.rom capuchin
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

# --- kernel -------------------------------------------------------------------------------------

KERNEL_SRC := $(filter-out kernel/port/host/%,$(shell find kernel -name '*.c' -o -name '*.S' | LC_ALL=C sort))
KERNEL_SRC := $(foreach f,$(KERNEL_SRC),$(if $(filter test_% fuzz_% sim_%,$(notdir $f)),,$f))
KERNEL_SRC := $(filter-out kernel/linux/vdso/%,$(KERNEL_SRC))
KERNEL_OBJS := $(patsubst %,$(BUILD)/%.o,$(KERNEL_SRC))

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla
KERNEL_CFLAGS := -std=gnu17 -g -ffreestanding -fpie -fvisibility=hidden -mgeneral-regs-only \
	-mno-red-zone -fno-strict-aliasing -fno-strict-overflow -fno-common -ffunction-sections \
	-fdata-sections -fstack-protector-strong -mstack-protector-guard=global -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fno-jump-tables $(WARN) -Ikernel/include \
	-Ikernel/port/x86_64/include
ifneq ($(findstring clang,$(CC)),)
KERNEL_CFLAGS += -Wthread-safety -Wno-unused-command-line-argument -fdirect-access-external-data
else
KERNEL_CFLAGS += -fno-tree-loop-distribute-patterns -falign-functions=1 -falign-jumps=1 -falign-loops=1 -falign-labels=1
endif
KERNEL_LDFLAGS := -m elf_x86_64 -static -pie --no-dynamic-linker -z text -z pack-relative-relocs -z noexecstack \
	-z max-page-size=4096 --gc-sections --orphan-handling=error --build-id=none -T kernel/port/x86_64/kernel.lds

-include kernel/linux/rules.mk
-include kernel/net/lwip/rules.mk
-include rom/rules.mk

# For speed what runs most often, for size the rest.
FAST := kernel/core/% kernel/lib/% kernel/mm/% kernel/port/% kernel/bus/virtio/queue.c kernel/class/net/% kernel/drivers/net/%
OPTIMISE = $(if $(filter $(FAST),$<),-O2,-Os)

$(BUILD)/kernel/%.c.o: kernel/%.c Makefile
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(OPTIMISE) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/kernel/%.S.o: kernel/%.S Makefile
	@mkdir -p $(@D)
	@echo "  AS   $<"
	$(Q)$(CC) $(OPTIMISE) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

# Linked twice: the first pass gives the addresses for the symbol table that panics print by.
$(BUILD)/symbols-none.c: scripts/symbols.sh
	@mkdir -p $(@D)
	$(Q)sh scripts/symbols.sh </dev/null >$@

$(BUILD)/symbols.c: $(BUILD)/capuchin-pass1.elf scripts/symbols.sh
	$(Q)nm -n $< | sh scripts/symbols.sh >$@

$(BUILD)/symbols%.o: $(BUILD)/symbols%.c
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/symbols.o: $(BUILD)/symbols.c
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/capuchin-pass1.elf: $(KERNEL_OBJS) $(BUILD)/symbols-none.o kernel/port/x86_64/kernel.lds
	@echo "  LD   $@"
	$(Q)ld $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJS) $(BUILD)/symbols-none.o

$(BUILD)/capuchin.debug: $(KERNEL_OBJS) $(BUILD)/symbols.o kernel/port/x86_64/kernel.lds
	@echo "  LD   $@"
	$(Q)ld $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJS) $(BUILD)/symbols.o

# GRUB refuses an image with a section of relocations, though this one is empty.
$(BUILD)/capuchin.elf: $(BUILD)/capuchin.debug
	$(Q)objcopy --strip-all -R .rela.dyn $< $@

# --- host command -------------------------------------------------------------------------------

CLI_DEFINES := -D_GNU_SOURCE -DCAPUCHIN_VERSION='"$(VERSION)"' \
	-DCAPUCHIN_LIBDIR='"$(PREFIX)/lib/capuchin"'
CLI_CFLAGS := -std=gnu17 -O2 -g -fno-common $(WARN) -Ikernel/include $(CLI_DEFINES)
CLI_SRC := $(filter-out cli/test_% cli/fuzz_%,$(shell find cli -name '*.c' | LC_ALL=C sort))

$(BUILD)/cli/%.o: cli/%.c Makefile
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CLI_CFLAGS) -MMD -MP -c -o $@ $<

capuchin: $(patsubst %.c,$(BUILD)/%.o,$(CLI_SRC))
	@echo "  LD   $@"
	$(Q)$(CC) -o $@ $^

install: all
	install -D -m 755 capuchin $(DESTDIR)$(PREFIX)/bin/capuchin
	install -D -m 644 $(BUILD)/capuchin.elf $(DESTDIR)$(PREFIX)/lib/capuchin/capuchin.elf
	install -D -m 644 $(BUILD)/capuchin.rom $(DESTDIR)$(PREFIX)/lib/capuchin/capuchin.rom
.PHONY: install

# --- host tests ---------------------------------------------------------------------------------
#
# The kernel's sources with the simulated hal of kernel/port/host, under ASan and UBSan, by clang for its libFuzzer.

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fno-common $(WARN) \
	-Ikernel/include -Ikernel/port/host/include $(SANITIZE) -fsanitize=fuzzer-no-link
not_test := ! -name 'test_*' ! -name 'fuzz_*' ! -name 'sim_*'
to_host = $(patsubst %.c,build/host/%.o,$(1))
HOST_OBJS := $(call to_host,$(shell find kernel -name '*.c' $(not_test) ! -path 'kernel/port/*' \
	! -path 'kernel/start/*' ! -path 'kernel/mm/*' ! -path 'kernel/linux/vdso/*'))
HOST_MM_OBJS := $(call to_host,$(shell find kernel/mm -name '*.c' $(not_test)))
# Without what the host's memory stands in for.
HOST_SPACE_OBJS := $(filter-out $(addprefix build/host/kernel/mm/,alloc.o pages.o stack.o),$(HOST_MM_OBJS))
HOST_CLI_OBJS := $(call to_host,$(filter-out cli/main.c,$(CLI_SRC)))
UNIT_TESTS := $(patsubst %.c,build/host/%,$(shell find kernel cli -name 'test_*.c' | LC_ALL=C sort))
FUZZ_TARGETS := $(patsubst %.c,build/host/%,$(shell find kernel cli -name 'fuzz_*.c' | LC_ALL=C sort))

HOST_MEMORY_OBJS := $(call to_host,$(addprefix kernel/port/host/,memory.c machine.c host_mmu.c))
HOST_PORT_OBJS := $(filter-out $(HOST_MEMORY_OBJS),$(call to_host,$(wildcard kernel/port/host/*.c)))

# What a test links beside itself. The simulated machine comes whole and first: its stand-ins for the kernel's functions are
# weak, so that a test which needs more of the file with the real one gets that. Pages are the real ones in kernel/mm only.
parts = $(call to_host,$(wildcard $(dir $(1))sim_*.c)) $(if $(filter cli/%,$(1)),$(HOST_CLI_OBJS)) $(HOST_PORT_OBJS) \
	$(if $(filter kernel/mm/%,$(1)),build/host/libmm.a) build/host/libmemory.a build/host/libspace.a \
	build/host/libkernel.a
link_test = clang $(SANITIZE) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

build/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  HOST $<"
	$(Q)clang $(HOST_CFLAGS) $(if $(filter cli/%,$<),$(CLI_DEFINES)) \
		$(if $(filter fuzz_%,$(notdir $<)),-Wno-missing-prototypes) -MMD -MP -c -o $@ $<

build/host/libkernel.a: $(HOST_OBJS) $(LWIP_HOST_OBJS)
build/host/libmemory.a: $(HOST_MEMORY_OBJS)
build/host/libmm.a: $(HOST_MM_OBJS)
build/host/libspace.a: $(HOST_SPACE_OBJS)
build/host/lib%.a:
	$(Q)rm -f $@ && ar rcs $@ $^

.SECONDEXPANSION:
$(UNIT_TESTS): build/host/%: build/host/%.o $$(call parts,$$*)
	$(Q)$(link_test) -lcmocka

$(FUZZ_TARGETS): build/host/%: build/host/%.o $$(call parts,$$*)
	$(Q)$(link_test) -fsanitize=fuzzer

-include tests/guest/rules.mk
-include tests/net/rules.mk
-include tests/vsock/rules.mk
-include tests/vmm/rules.mk
-include tests/resume/rules.mk
-include bench/rules.mk

# --- checks -------------------------------------------------------------------------------------
#
# A suite prints a line per test and its counts, which suite.sh stores (its second argument: the limit in seconds) and
# sum-suites.sh adds up. A suite whose build fails counts as a failed test.

SUITES := layers cycles headers size format docs gcc clang unit guest guest-q35 guest-pc boot devices cli vmms net flood lossy stalls vsock vmm resume selftest debian fuzz
suite = @scripts/suite.sh $(@:check-%=%)

check:
	@rm -rf build/check
	@$(MAKE) -k -j$(CHECK_JOBS) --output-sync=target $(addprefix check-,$(SUITES)) || true
	@scripts/sum-suites.sh $(SUITES)

check-layers: $(LWIP_STAMP)
	$(suite) 120 scripts/check-layers.sh $(CC) $(KERNEL_CFLAGS) $(LWIP_INCLUDES)

check-headers: $(LWIP_STAMP)
	$(suite) 120 scripts/check-headers.sh $(CC) $(KERNEL_CFLAGS) $(LWIP_INCLUDES)

check-cycles check-size check-format:
	$(suite) 120 scripts/$@.sh

check-docs:
	$(suite) 30 scripts/syscall-table.sh --check

check-gcc: $(BUILD)/capuchin.elf build/bench/hello.erofs
	$(suite) 60 scripts/check-image.sh $<

check-clang: build/bench/hello.erofs
	@$(MAKE) CC=clang BUILD=build/clang build/clang/capuchin.elf build/clang/capuchin.rom
	$(suite) 60 scripts/check-image.sh build/clang/capuchin.elf

check-unit: $(UNIT_TESTS)
	$(suite) 600 scripts/run-unit.sh $(UNIT_TESTS)

check-fuzz: $(FUZZ_TARGETS)
	$(suite) 600 scripts/run-fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

check-cli: all
	$(suite) 600 tests/cli/test_cli.sh

check-vmms: all
	$(suite) 300 tests/cli/test_vmms.sh

check-guest: all guest-programs
	$(suite) 900 tests/guest/run.sh

check-guest-q35 check-guest-pc: all guest-programs
	$(suite) 300 tests/guest/run.sh --short --machine $(@:check-guest-%=%)

check-boot: all guest-programs
	$(suite) 900 tests/guest/boot.sh

check-debian: all
	$(suite) 1200 tests/debian/run.sh

# What takes long: by hand.
check-long: all
	@tests/debian/run.sh --long
.PHONY: check-long

check-net: all net-programs
	$(suite) 600 tests/net/run.sh

check-flood: all net-programs
	$(suite) 300 tests/net/flood.sh

check-lossy: all net-programs
	$(suite) 900 tests/net/lossy.sh 1024

check-stalls: all net-programs
	$(suite) 900 tests/net/stalls.sh 100

check-vsock: all vsock-programs
	$(suite) 300 tests/vsock/run.sh

check-devices: all guest-programs
	$(suite) 600 tests/guest/devices.sh

check-vmm: $(BUILD)/capuchin.elf build/vmm/kvm_linux64 build/bench/hello.erofs
	$(suite) 900 tests/vmm/run.sh

check-selftest: all
	$(suite) 900 tests/selftest/run.sh

check-resume: $(BUILD)/capuchin.elf build/resume/drive build/resume/beat
	$(suite) 600 tests/resume/run.sh

format:
	find kernel rom cli tests bench -name '*.[ch]' | xargs clang-format -i

docs:
	scripts/syscall-table.sh

demo: all $(BENCH_FILES)
	@scripts/demo.sh

bench: all $(BENCH_FILES)
	@bench/run.sh
.PHONY: check $(addprefix check-,$(SUITES)) format docs demo bench

clean:
	rm -rf $(BUILD) capuchin
.PHONY: clean

-include $(shell test -d $(BUILD) && find $(BUILD) -path '*/debian/*' -prune -o -path '*/peer/*' -prune -o -type f -name '*.d' -print)
