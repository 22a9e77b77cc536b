/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference kernel's program. Command line words:
 *
 *   run=demo      tell the story and end (the default); exit status 0 if all held
 *   run=console   bring everything up and wait for commands
 *   run=bench     count instructions per load and unload (see ./bench)
 *   tap           claims as TAP lines, for ./check
 *   takeover      first play firmware that leaves translation and interrupt remapping on
 *   sleep         the machine sleeps after the first transfers, and the story goes on after it
 *   narrow        there is a device that reaches 28 address bits
 *   qemu=N        QEMU's series: what it does with forged interrupts
 *   hpet          the HPET can send messages: they are tried, too
 *   apic=x2apic   x2APIC mode
 *   hw.*          the driver's tunables
 */
#include "bench.h"
#include "report.h"
#include "story.h"

static void tell(struct system *system)
{
    story_firmware();
    story_devices(system);
    story_disks(system);
    story_network(system);
    if (cmdline_get("sleep", NULL, 0)) {
        story_sleep(system);
        story_disks(system);
        story_network(system);
    }
    story_narrow(system);
    story_interrupts(system);
    story_attacks(system);
    story_forgeries(system);
    story_summary(system);
}

static int demo(struct system *system)
{
    unsigned failures;

    tell(system);
    report_chapter("Shutting down");
    report_claim(system_stop(system), "drivers, devices and the driver let go of everything");
    failures = report_end();
    kprintf("%s%u of %u claims held\n", cmdline_get("tap", NULL, 0) ? "# " : "\n",
            report_claims() - failures, report_claims());
    return failures == 0 ? EXIT_OK : EXIT_FAILED;
}

int kernel_main(void)
{
    char mode[16] = "demo";

    (void)cmdline_get("run", mode, sizeof(mode));
    if (cmdline_get("takeover", NULL, 0)) {
        system_leave_behind();
    }
    if (!system_start(&the_system)) {
        return EXIT_FAILED;
    }
    if (strcmp(mode, "demo") == 0) {
        return demo(&the_system);
    }
    if (strcmp(mode, "bench") == 0) {
        return bench_run(&the_system) ? EXIT_OK : EXIT_FAILED;
    }
    if (strcmp(mode, "console") != 0) {
        kprintf("run=%s: there are run=demo, run=console and run=bench\n", mode);
        return EXIT_FAILED;
    }
    show_register();
    attack_register();
    forge_register();
    console_loop();
}
