/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays a second of noise on the first sound card. Prints and returns 1 where that does not work.
 */
#include <fcntl.h>
#include <sound/asound.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RATE   48000
#define PERIOD 4096 /* frames */

static void set_mask(struct snd_pcm_hw_params *p, int what, unsigned value)
{
    struct snd_mask *mask = &p->masks[what - SNDRV_PCM_HW_PARAM_FIRST_MASK];

    memset(mask, 0, sizeof(*mask));
    mask->bits[value / 32] = 1u << value % 32;
}

static void set_number(struct snd_pcm_hw_params *p, int what, unsigned value)
{
    p->intervals[what - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL] =
        (struct snd_interval){ .min = value, .max = value, .integer = 1 };
}

static int complain(const char *what)
{
    perror(what);
    return 1;
}

int main(void)
{
    static short sound[PERIOD * 2];
    struct snd_pcm_hw_params p;
    struct snd_xferi piece = { .buf = sound, .frames = PERIOD };
    int card = open("/dev/snd/pcmC0D0p", O_RDWR);

    if (card < 0)
        return complain("pcmC0D0p");
    memset(&p, 0, sizeof(p));
    for (unsigned i = 0; i < sizeof(p.masks) / sizeof(p.masks[0]); i++)
        memset(&p.masks[i], 0xff, sizeof(p.masks[i]));
    for (unsigned i = 0; i < sizeof(p.intervals) / sizeof(p.intervals[0]); i++)
        p.intervals[i].max = ~0u;
    p.rmask = ~0u;
    p.info = ~0u;
    set_mask(&p, SNDRV_PCM_HW_PARAM_ACCESS, SNDRV_PCM_ACCESS_RW_INTERLEAVED);
    set_mask(&p, SNDRV_PCM_HW_PARAM_FORMAT, SNDRV_PCM_FORMAT_S16_LE);
    set_number(&p, SNDRV_PCM_HW_PARAM_CHANNELS, 2);
    set_number(&p, SNDRV_PCM_HW_PARAM_RATE, RATE);
    set_number(&p, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, PERIOD);
    set_number(&p, SNDRV_PCM_HW_PARAM_PERIODS, 4);
    if (ioctl(card, SNDRV_PCM_IOCTL_HW_PARAMS, &p) != 0)
        return complain("parameters");
    if (ioctl(card, SNDRV_PCM_IOCTL_PREPARE) != 0)
        return complain("prepare");
    for (unsigned frames = 0; frames < RATE; frames += PERIOD) {
        for (unsigned i = 0; i < PERIOD * 2; i++)
            sound[i] = (short)(frames * 7919 + i * 104729);
        if (ioctl(card, SNDRV_PCM_IOCTL_WRITEI_FRAMES, &piece) != 0)
            return complain("write");
    }
    if (ioctl(card, SNDRV_PCM_IOCTL_DRAIN) != 0)
        return complain("drain");
    return 0;
}
