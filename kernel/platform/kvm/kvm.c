/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * KVM: detection by CPUID, and its clock (Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst). The hypervisor keeps a page with
 * a pair of cycle counter and time, and the rate; where it promises that the counter is stable that is read once,
 * else at each question. It writes the page anew when the machine goes on after a pause, or on another host.
 */
#include <platform/platform.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/log.h>
#include <base/string.h>
#include <bus/acpi.h>
#include <hal/cpu.h>
#include <hal/io.h>
#include <hal/memory.h>

enum {
	CPUID_FEATURES = 1,
	CPUID_HYPERVISOR = 0x40000000,
	CPUID_KVM_FEATURES = 0x40000001,
	HYPERVISOR_PRESENT = 1u << 31, /* ECX */

	FEATURE_CLOCKSOURCE = 1 << 0,
	FEATURE_CLOCKSOURCE2 = 1 << 3,
	FEATURE_PV_EOI = 1 << 6,
	FEATURE_CLOCKSOURCE_STABLE = 1 << 24,

	MSR_WALL_CLOCK_OLD = 0x11,
	MSR_SYSTEM_TIME_OLD = 0x12,
	MSR_WALL_CLOCK = 0x4b564d00,
	MSR_SYSTEM_TIME = 0x4b564d01,
	SYSTEM_TIME_ENABLE = 1,
	MSR_PV_EOI_EN = 0x4b564d04,
	PV_EOI_ENABLE = 1,

	FLAG_TSC_STABLE = 1,
	FLAG_GUEST_STOPPED = 2, /* set by the VMM, taken back by us */
	READS_MAX = 1000,       /* a page that never comes to rest is not a clock */
	SHIFT_MAX = 31,

	BOOT_TIMER_MAGIC = 123,
};

#define BOOT_TIMER_ADDRESS ((uint64_t)0xc0000000)

/* struct pvclock_vcpu_time_info and pvclock_wall_clock */
struct system_time {
	uint32_t version; /* odd: being written */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};
static_assert(sizeof(struct system_time) == 32, "the hypervisor writes 32 bytes");

struct wall_clock {
	uint32_t version;
	uint32_t sec;
	uint32_t nsec;
};

/* One cache line each, so neither crosses a page. Written by the hypervisor. */
static struct system_time shared_time aligned(64);
static struct wall_clock shared_wall aligned(64);
static uint32_t version_seen; /* of shared_time */

static uint32_t features(void)
{
	return cpu_id(CPUID_KVM_FEATURES, 0).eax;
}

static bool kvm_detect(void)
{
	struct cpuid_regs regs;

	if (!(cpu_id(CPUID_FEATURES, 0).ecx & HYPERVISOR_PRESENT))
		return false;
	regs = cpu_id(CPUID_HYPERVISOR, 0);
	return !memcmp(&regs.ebx, "KVMKVMKVM\0\0", 12);
}

static bool kvm_has_clock(void)
{
	return features() & (FEATURE_CLOCKSOURCE | FEATURE_CLOCKSOURCE2);
}

static uint32_t load_version(const uint32_t *version)
{
	return __atomic_load_n(version, __ATOMIC_ACQUIRE);
}

/* A copy that is all of one version. */
static bool read_shared_time(struct system_time *out)
{
	for (unsigned i = 0; i < READS_MAX; i++) {
		uint32_t version = load_version(&shared_time.version);

		memcpy(out, &shared_time, sizeof(*out));
		dma_rmb(); /* the copy is read before the version is looked at again */
		if (!(version & 1) && version == load_version(&shared_time.version))
			return out->tsc_to_system_mul && out->tsc_shift <= SHIFT_MAX &&
			       out->tsc_shift >= -SHIFT_MAX;
		cpu_relax();
	}
	return false;
}

/* How the specification computes it. */
static uint64_t time_at(const struct system_time *time, uint64_t cycles)
{
	uint64_t delta = cycles > time->tsc_timestamp ? cycles - time->tsc_timestamp : 0;

	delta = time->tsc_shift < 0 ? delta >> -time->tsc_shift : delta << time->tsc_shift;
	return time->system_time +
	       (uint64_t)((unsigned __int128)delta * time->tsc_to_system_mul >> 32);
}

static uint64_t kvm_now(void)
{
	struct system_time time;

	return read_shared_time(&time) ? time_at(&time, cpu_cycles()) : 0;
}

static void kvm_clock_start(struct time_rate *rate, uint64_t (**now)(void))
{
	uint32_t offered = features();
	uint32_t msr = offered & FEATURE_CLOCKSOURCE2 ? MSR_SYSTEM_TIME : MSR_SYSTEM_TIME_OLD;
	struct system_time time;

	if (!kvm_has_clock() ||
	    !cpu_msr_write(msr, image_phys(&shared_time).raw | SYSTEM_TIME_ENABLE) ||
	    !read_shared_time(&time)) {
		log_warning("kvmclock does not work");
		return;
	}
	version_seen = time.version;
	/* ns = cycles * 2^tsc_shift * mul / 2^32 */
	rate->mult = time.tsc_to_system_mul;
	rate->shift = (uint32_t)(32 - time.tsc_shift);
	if (!(offered & FEATURE_CLOCKSOURCE_STABLE) || !(time.flags & FLAG_TSC_STABLE))
		*now = kvm_now;
}

static bool read_shared_wall(uint64_t *ns)
{
	for (unsigned i = 0; i < READS_MAX; i++) {
		uint32_t version = load_version(&shared_wall.version);
		uint64_t sec = shared_wall.sec, nsec = shared_wall.nsec;

		dma_rmb(); /* the time is read before the version is looked at again */
		if (!(version & 1) && version == load_version(&shared_wall.version)) {
			*ns = sec * NS_PER_S + nsec;
			return sec && nsec < NS_PER_S;
		}
		cpu_relax();
	}
	return false;
}

/* The page tells the wall clock at time 0 of kvm_now(), as of this write. */
static bool kvm_wall(uint64_t *ns)
{
	uint32_t msr = features() & FEATURE_CLOCKSOURCE2 ? MSR_WALL_CLOCK : MSR_WALL_CLOCK_OLD;
	uint64_t now;

	if (!kvm_has_clock() || !cpu_msr_write(msr, image_phys(&shared_wall).raw) ||
	    !read_shared_wall(ns))
		return false;
	now = kvm_now();
	*ns += now;
	return now;
}

static bool kvm_told_ns(uint64_t *ns)
{
	*ns = kvm_now();
	return *ns;
}

/* The page is the CPU's own: nobody writes it while we do. */
static enum resume_change kvm_look(void)
{
	uint32_t version = load_version(&shared_time.version);
	uint8_t flags = __atomic_load_n(&shared_time.flags, __ATOMIC_RELAXED);

	if (!version_seen)
		return kvm_has_clock() ? RESUME_NONE : RESUME_UNKNOWN;
	if (flags & FLAG_GUEST_STOPPED)
		__atomic_store_n(&shared_time.flags, (uint8_t)(flags & ~FLAG_GUEST_STOPPED),
				 __ATOMIC_RELAXED);
	else if (version == version_seen)
		return RESUME_NONE;
	version_seen = version;
	return RESUME_PAUSED;
}

/* Spares the write to the local APIC, which is an exit where the hardware does not virtualise that. */
static uint32_t *kvm_end_shortcut(void)
{
	static uint32_t flag aligned(64);

	if (!(features() & FEATURE_PV_EOI) ||
	    !cpu_msr_write(MSR_PV_EOI_EN, image_phys(&flag).raw | PV_EOI_ENABLE))
		return NULL;
	return &flag;
}

/* Firecracker's boot timer, which is there with its --boot-timer, and nothing else where that is not (src/vmm/src/devices/pseudo/
 * boot_timer.rs). It has no CPUID leaf of its own: its tables tell who it is. */
static void stop_boot_timer(void)
{
	struct io_region timer;

	if (acpi_made_by("FIRECK") && !io_map(&timer, phys(BOOT_TIMER_ADDRESS), 1))
		io_write8(&timer, 0, BOOT_TIMER_MAGIC);
}

const struct platform platform_kvm = {
	.name = "kvm",
	.detect = kvm_detect,
	.has_clock = kvm_has_clock,
	.clock_start = kvm_clock_start,
	.wall = kvm_wall,
	.program_starts = stop_boot_timer,
	.told_ns = kvm_told_ns,
	.look = kvm_look,
	.end_shortcut = kvm_end_shortcut,
};
