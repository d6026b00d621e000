# SPDX-License-Identifier: BSD-3-Clause
# lwIP: fetched once into .cache, unpacked and patched under build/lwip. Only what is used is built.

LWIP_TARBALL := .cache/lwip_2.2.1.orig.tar.xz
LWIP := build/lwip/src
LWIP_STAMP := build/lwip/patched
LWIP_PATCHES := $(sort $(wildcard kernel/net/lwip/*.patch))
LWIP_CORE := core/def core/inet_chksum core/ip core/netif core/pbuf core/raw core/stats core/tcp core/tcp_in \
	core/tcp_out core/udp core/ipv4/dhcp core/ipv4/etharp core/ipv4/icmp core/ipv4/igmp core/ipv4/ip4 \
	core/ipv4/ip4_addr core/ipv4/ip4_frag core/ipv6/ethip6 core/ipv6/icmp6 core/ipv6/ip6 core/ipv6/ip6_addr \
	core/ipv6/ip6_frag core/ipv6/mld6 core/ipv6/nd6 netif/ethernet
LWIP_OBJS := $(LWIP_CORE:%=$(BUILD)/lwip/%.o)
LWIP_HOST_OBJS := $(LWIP_CORE:%=build/host/lwip/%.o)
LWIP_INCLUDES := -Ikernel/net/lwip/include -isystem $(LWIP)/include
# A function that ours stands in for is weak.
LWIP_FLAGS = -w -Ikernel/net/lwip/include/libc $(if $(filter %/pbuf.o,$@),-include kernel/net/lwip/include/weak.h)

$(LWIP_TARBALL):
	$(Q)scripts/fetch-lwip.sh $@

$(LWIP_STAMP): $(LWIP_TARBALL) $(LWIP_PATCHES) scripts/unpack-lwip.sh
	@echo "  UNPACK lwIP"
	$(Q)scripts/unpack-lwip.sh $< $@ $(LWIP_PATCHES)

# What objects were made from comes by unpacking, also where it is made anew.
$(LWIP)/%: $(LWIP_STAMP) ;

# Its headers are there before anything looks at them.
$(patsubst %,$(BUILD)/%.o,$(wildcard kernel/net/lwip/*.c)): KERNEL_CFLAGS += $(LWIP_INCLUDES)
$(patsubst %,$(BUILD)/%.o,$(wildcard kernel/net/lwip/*.c)): | $(LWIP_STAMP)
$(patsubst %.c,build/host/%.o,$(wildcard kernel/net/lwip/*.c)): HOST_CFLAGS += $(LWIP_INCLUDES)
$(patsubst %.c,build/host/%.o,$(wildcard kernel/net/lwip/*.c)): | $(LWIP_STAMP)

# The way of every packet for speed, the rest for size.
LWIP_FAST := %/tcp_in.o %/tcp_out.o %/ip4.o %/pbuf.o

$(LWIP_OBJS): $(BUILD)/lwip/%.o: $(LWIP_STAMP) Makefile kernel/net/lwip/rules.mk
	@mkdir -p $(@D)
	@echo "  CC   lwip/$*.c"
	$(Q)$(CC) $(if $(filter $(LWIP_FAST),$@),-O2,-Os) $(KERNEL_CFLAGS) $(LWIP_INCLUDES) $(LWIP_FLAGS) -MD -MP \
		-c -o $@ $(LWIP)/$*.c

$(LWIP_HOST_OBJS): build/host/lwip/%.o: $(LWIP_STAMP) Makefile kernel/net/lwip/rules.mk
	@mkdir -p $(@D)
	@echo "  HOST lwip/$*.c"
	$(Q)clang $(HOST_CFLAGS) -fno-sanitize=alignment,shift $(LWIP_INCLUDES) $(LWIP_FLAGS) -MD -MP -c -o $@ $(LWIP)/$*.c

KERNEL_OBJS += $(LWIP_OBJS)
