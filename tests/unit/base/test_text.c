/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest things: status names, the formatter, bits. */
#include "fixture/inside.h"

#include <string.h>

#include "base/bits.h"
#include "base/rate.h"
#include "base/text.h"

static void every_status_has_its_name(void **state)
{
    static const struct {
        enum udmar_status status;
        const char *name;
    } rows[] = {
        { UDMAR_OK, "UDMAR_OK" },
        { UDMAR_ERR_ARGUMENT, "UDMAR_ERR_ARGUMENT" },
        { UDMAR_ERR_ORDER, "UDMAR_ERR_ORDER" },
        { UDMAR_ERR_BUSY, "UDMAR_ERR_BUSY" },
        { UDMAR_ERR_NOT_FOUND, "UDMAR_ERR_NOT_FOUND" },
        { UDMAR_ERR_EXISTS, "UDMAR_ERR_EXISTS" },
        { UDMAR_ERR_TOO_BIG, "UDMAR_ERR_TOO_BIG" },
        { UDMAR_ERR_NAME, "UDMAR_ERR_NAME" },
        { UDMAR_ERR_VALUE, "UDMAR_ERR_VALUE" },
        { UDMAR_ERR_DISABLED, "UDMAR_ERR_DISABLED" },
        { UDMAR_ERR_SIGNATURE, "UDMAR_ERR_SIGNATURE" },
        { UDMAR_ERR_TRUNCATED, "UDMAR_ERR_TRUNCATED" },
        { UDMAR_ERR_CHECKSUM, "UDMAR_ERR_CHECKSUM" },
        { UDMAR_ERR_WIDTH, "UDMAR_ERR_WIDTH" },
        { UDMAR_ERR_NO_UNIT, "UDMAR_ERR_NO_UNIT" },
        { UDMAR_ERR_PATH, "UDMAR_ERR_PATH" },
        { UDMAR_ERR_RMRR, "UDMAR_ERR_RMRR" },
        { UDMAR_ERR_FIRMWARE, "UDMAR_ERR_FIRMWARE" },
        { UDMAR_ERR_TIMEOUT, "UDMAR_ERR_TIMEOUT" },
        { UDMAR_ERR_ALL_ONES, "UDMAR_ERR_ALL_ONES" },
        { UDMAR_ERR_REGISTERS, "UDMAR_ERR_REGISTERS" },
        { UDMAR_ERR_UNSUPPORTED, "UDMAR_ERR_UNSUPPORTED" },
        { UDMAR_ERR_QUEUE, "UDMAR_ERR_QUEUE" },
        { UDMAR_ERR_REFUSED, "UDMAR_ERR_REFUSED" },
        { UDMAR_ERR_MEMORY, "UDMAR_ERR_MEMORY" },
        { UDMAR_ERR_IOVA, "UDMAR_ERR_IOVA" },
        { UDMAR_ERR_DOMAIN_ID, "UDMAR_ERR_DOMAIN_ID" },
        { UDMAR_ERR_INTERRUPT, "UDMAR_ERR_INTERRUPT" },
        { (enum udmar_status)99, "UDMAR_ERR_?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(udmar_status_string(rows[i].status), rows[i].name);
    }
}

static void expect(const char *wanted, const char *format, ...)
{
    char buffer[64];
    struct udmar__text text;
    va_list args;

    udmar__text_init(&text, buffer, sizeof(buffer));
    va_start(args, format);
    udmar__text_add_args(&text, format, args);
    va_end(args);
    assert_string_equal(buffer, wanted);
    assert_int_equal(text.length, strlen(wanted));
}

static void formatter_knows_its_words(void **state)
{
    (void)state;
    expect("a b%", "%c %s%%", 'a', "b");
    expect("-12 0 7", "%d %d %d", -12, 0, 7);
    expect("-2147483648", "%d", INT32_MIN);
    expect("4294967295 ff", "%u %x", UINT32_MAX, 255u);
    expect("fedcba9876543210", "%llx", 0xfedcba9876543210ull);
    expect("18446744073709551615", "%llu", 18446744073709551615ull);
    expect("00ab    7", "%04x %4u", 0xabu, 7u);
    expect("12345", "%2u", 12345u);
    expect("cut short", "cut short%");
    expect("q", "%q");
    expect("x:1", "x%:%u", 1u);
}

static void formatter_stops_at_the_end(void **state)
{
    char buffer[8] = "1234567";
    struct udmar__text text;

    (void)state;
    udmar__text_init(&text, buffer, 5);
    udmar__text_add(&text, "%s", "abcdefgh");
    assert_string_equal(buffer, "abcd");
    assert_int_equal(buffer[5], '6');
    udmar__text_init(&text, buffer, 1);
    udmar__text_add(&text, "x");
    assert_string_equal(buffer, "");
    assert_int_equal(buffer[1], 'b');
}

static void words_are_compared_to_their_ends(void **state)
{
    (void)state;
    assert_true(udmar__string_equal("", ""));
    assert_true(udmar__string_equal("ab", "ab"));
    assert_false(udmar__string_equal("ab", "abc"));
    assert_false(udmar__string_equal("abc", "ab"));
    assert_false(udmar__string_equal("ab", "ac"));
}

static void bits(void **state)
{
    (void)state;
    assert_int_equal(UDMAR__MASK(63, 0), UINT64_MAX);
    assert_int_equal(UDMAR__MASK(0, 0), 1);
    assert_int_equal(UDMAR__MASK(11, 10), 0xc00);
    assert_int_equal(UDMAR__FIELD(UINT64_C(0xa5) << 40, 47, 40), 0xa5);
    assert_true(udmar__is_power_of_two(1));
    assert_true(udmar__is_power_of_two(UINT64_C(1) << 63));
    assert_false(udmar__is_power_of_two(0));
    assert_false(udmar__is_power_of_two(6));
    assert_int_equal(udmar__log2(1), 0);
    assert_int_equal(udmar__log2(UINT64_MAX), 63);
    assert_int_equal(udmar__log2_up(0), 0);
    assert_int_equal(udmar__log2_up(1), 0);
    assert_int_equal(udmar__log2_up(4), 2);
    assert_int_equal(udmar__log2_up(5), 3);
    assert_int_equal(udmar__align_up(0x1000, 0x1000), 0x1000);
    assert_int_equal(udmar__align_up(0x1001, 0x1000), 0x2000);
    assert_int_equal(udmar__align_down(0x1fff, 0x1000), 0x1000);
    assert_int_equal(udmar__min(3, 2), 2);
    assert_int_equal(udmar__max(3, 2), 3);
}

/* On i386 this is not the processor's division. */
static void any_number_is_divided(void **state)
{
    static const uint64_t numbers[] = { 0,
                                        1,
                                        9,
                                        10,
                                        4096,
                                        UINT32_MAX,
                                        UINT64_C(1) << 32,
                                        UINT64_C(1000000000000),
                                        UINT64_C(1) << 63,
                                        UINT64_MAX - 1,
                                        UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (size_t j = 1; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
            uint64_t rest = 99;

            assert_int_equal(udmar__divide(numbers[i], numbers[j], &rest), numbers[i] / numbers[j]);
            assert_int_equal(rest, numbers[i] % numbers[j]);
        }
    }
}

static void rate_limit(void **state)
{
    uint64_t start = 0, now = 77;
    unsigned printed = 0;

    (void)state;
    for (unsigned i = 0; i < UDMAR__RATE_LINES; i++) {
        assert_true(udmar__rate_allows(&start, &printed, now + i));
    }
    assert_false(udmar__rate_allows(&start, &printed, now + UDMAR__RATE_WINDOW - 1));
    assert_true(udmar__rate_allows(&start, &printed, now + UDMAR__RATE_WINDOW));
    assert_int_equal(printed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_name),
        cmocka_unit_test(formatter_knows_its_words),
        cmocka_unit_test(formatter_stops_at_the_end),
        cmocka_unit_test(words_are_compared_to_their_ends),
        cmocka_unit_test(bits),
        cmocka_unit_test(any_number_is_divided),
        cmocka_unit_test(rate_limit),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
