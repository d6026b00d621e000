# SPDX-License-Identifier: BSD-3-Clause
# Programs, plugin and empty kernel of the benchmarks. Included by the Makefile.

BENCH_PROGRAMS := $(addprefix build/bench/,hello hello-glibc getppid waiting abi hello-dynamic httpd block bulk vsock)
BENCH_FILES := $(BENCH_PROGRAMS) $(BENCH_PROGRAMS:=.erofs) build/bench/icount.so build/bench/empty.elf build/bench/linux_init build/net/idle
BENCH_CFLAGS := -std=gnu17 -O2 $(WARN)

# Not position independent, so that the program's first instruction has an address known beforehand.
build/bench/hello build/bench/getppid: build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(BENCH_CFLAGS) -static -no-pie -s -o $@ $<

build/bench/hello-glibc: bench/hello.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -static -no-pie -s -o $@ $<

build/bench/hello-dynamic: bench/hello.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -no-pie -s -o $@ $<

build/bench/abi: bench/abi.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -Wno-missing-prototypes -static -no-pie -o $@ $<

build/bench/linux_init: bench/linux_init.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(BENCH_CFLAGS) -static -s -o $@ $<

build/bench/httpd: build/net/httpd
	@mkdir -p $(@D)
	$(Q)cp $< $@

build/bench/block build/bench/bulk: build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -Wno-missing-prototypes -static -no-pie -o $@ $<

build/bench/vsock: bench/vsock.c tests/guest/vsock.h tests/guest/check.h
	@mkdir -p $(@D)
	$(Q)musl-gcc $(BENCH_CFLAGS) -Wno-missing-prototypes -static -no-pie -o $@ $<

build/bench/waiting: bench/waiting.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -Wno-missing-prototypes -fno-stack-protector -static -no-pie -nostdlib -s -o $@ $<

# A root file system with the program as /init.
build/bench/%.erofs: build/bench/%
	$(Q)rm -rf $@.root && mkdir -p $@.root && cp $< $@.root/init
	$(Q)mkfs.erofs --all-root -T 0 -E force-inode-compact,nosbcrc $@ $@.root >/dev/null 2>&1

# With its loader and C library.
build/bench/hello-dynamic.erofs: build/bench/hello-dynamic
	$(Q)rm -rf $@.root && mkdir -p $@.root/lib64 $@.root/lib/x86_64-linux-gnu && cp $< $@.root/init
	$(Q)cp -L /lib64/ld-linux-x86-64.so.2 $@.root/lib64/ && cp -L /lib/x86_64-linux-gnu/libc.so.6 $@.root/lib/x86_64-linux-gnu/
	$(Q)mkfs.erofs --all-root -T 0 -E force-inode-compact,nosbcrc $@ $@.root >/dev/null 2>&1

build/bench/icount.so: bench/icount.c
	@mkdir -p $(@D)
	$(Q)gcc $(BENCH_CFLAGS) -shared -fPIC -fvisibility=hidden -Wno-missing-prototypes -o $@ $<

build/bench/empty.elf: bench/empty.S
	@mkdir -p $(@D)
	$(Q)gcc -c -o $@.o $< && ld -n -N -Ttext=0x100000 --no-warn-rwx-segments -e start -o $@ $@.o
