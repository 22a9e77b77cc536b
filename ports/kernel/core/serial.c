/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550 at 0x3f8, polled both ways, and line input on it. Its interrupt only ends idling. */
#include "internal.h"

enum {
    PORT = 0x3f8,
    REG_DATA = PORT,
    REG_IER = PORT + 1,
    REG_IIR = PORT + 2, /* reading */
    REG_FCR = PORT + 2, /* writing */
    REG_LCR = PORT + 3,
    REG_MCR = PORT + 4,
    REG_LSR = PORT + 5,
    REG_SCRATCH = PORT + 7,
    ISA_LINE = 4,
    IER_DATA = 0x01,
    IER_SPACE = 0x02,
    MCR_READY = 0x03,
    MCR_INTERRUPT = 0x08, /* OUT2 connects the interrupt pin on a PC */
    LSR_DATA = 0x01,
    LSR_SPACE = 0x20,
    LCR_8N1 = 0x03,
    LCR_DIVISOR = 0x80,
    /* A port read takes about a microsecond; a character at 115200 baud takes 87. */
    TRANSMIT_POLLS = 100000
};

enum { KEY_CTRL_C = 3, KEY_BACKSPACE = 8, KEY_CTRL_U = 21, KEY_DELETE = 127 };

/* Absent, or given up on after it stopped taking characters. */
static bool serial_dead;

/* What had arrived before the kernel set the port up: turning the FIFO on drops it. -1: nothing. */
static int early_key = -1;

void serial_init(void)
{
    outb(REG_SCRATCH, 0x5a);
    serial_dead = inb(REG_SCRATCH) != 0x5a;
    outb(REG_LCR, LCR_8N1);
    early_key = serial_getc();
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_DIVISOR);
    outb(REG_DATA, 1);
    outb(REG_IER, 0);
    outb(REG_LCR, LCR_8N1);
    outb(REG_FCR, 0x07);
    outb(REG_MCR, MCR_READY);
}

/* Reading the cause ends "space for a character"; what has arrived waits for serial_getc(). */
static void serial_interrupt(void *arg)
{
    (void)arg;
    (void)inb(REG_IIR);
}

static struct irq *serial_irq;

static void connect_interrupt(void)
{
    if (serial_irq != NULL) {
        outb(REG_MCR, MCR_READY | MCR_INTERRUPT);
        outb(REG_IER, IER_DATA);
    }
}

void serial_interrupt_init(void)
{
    if (!serial_dead && ioapic_gsi_end() > 0) {
        serial_irq = ioapic_take_isa(ISA_LINE, serial_interrupt, NULL);
    }
    connect_interrupt();
}

void serial_resume(void)
{
    serial_init();
    connect_interrupt();
}

const struct irq *serial_raise(void)
{
    if (serial_irq != NULL) {
        outb(REG_IER, IER_DATA | IER_SPACE);
        outb(REG_IER, IER_DATA);
    }
    return serial_irq;
}

static void put_raw(char c)
{
    unsigned polls = TRANSMIT_POLLS;

    if (serial_dead) {
        return;
    }
    while ((inb(REG_LSR) & LSR_SPACE) == 0) {
        if (--polls == 0) {
            serial_dead = true;
            return;
        }
        cpu_pause();
    }
    outb(REG_DATA, (uint8_t)c);
}

void serial_putc(char c)
{
    if (c == '\n') {
        put_raw('\r');
    }
    put_raw(c);
}

int serial_getc(void)
{
    int key = early_key;

    if (key >= 0) {
        early_key = -1;
        return key;
    }
    if (serial_dead || (inb(REG_LSR) & LSR_DATA) == 0) {
        return -1;
    }
    return inb(REG_DATA);
}

static int wait_key(void)
{
    int key;

    while ((key = serial_getc()) < 0) {
        cpu_idle_ns(2 * NS_PER_MS);
    }
    return key;
}

static void rub_out(size_t count)
{
    for (; count > 0; count--) {
        kputs("\b \b");
    }
}

int console_readline(char *buf, size_t size)
{
    size_t length = 0;

    for (;;) {
        int key = wait_key();

        if (key == '\r' || key == '\n' || key == KEY_CTRL_C) {
            kputs(key == KEY_CTRL_C ? "^C\n" : "\n");
            length = key == KEY_CTRL_C ? 0 : length;
            break;
        }
        if (key == KEY_CTRL_U) {
            rub_out(length);
            length = 0;
        } else if ((key == KEY_BACKSPACE || key == KEY_DELETE) && length > 0) {
            rub_out(1);
            length--;
        } else if (key >= ' ' && key < KEY_DELETE && length + 1 < size) {
            serial_putc((char)key);
            buf[length++] = (char)key;
        }
    }
    if (size > 0) {
        buf[length] = '\0';
    }
    return (int)length;
}
