/* SPDX-License-Identifier: BSD-2-Clause */
/* The chapters of the demonstration; each claims what must hold. */
#ifndef APP_STORY_H
#define APP_STORY_H

#include "system.h"

void story_firmware(void);
void story_devices(struct system *system);
void story_disks(struct system *system);
void story_network(struct system *system);
/* The device that reaches 28 address bits, where there is one. */
void story_narrow(struct system *system);
void story_attacks(struct system *system);
/* Every kind of interrupt once; and what a rogue device makes of them. */
void story_interrupts(struct system *system);
void story_forgeries(struct system *system);
/* Suspend to RAM, and back. */
void story_sleep(struct system *system);
void story_summary(struct system *system);

#endif
