/* SPDX-License-Identifier: Apache-2.0
 *
 * kem_lines.c: ML-KEM-768 and X-Wing by lines of hexadecimal, for tests against another
 * implementation. Each line on standard input gets one on standard output:
 *
 *     keygen SEED            public secret
 *     encaps PUBLIC MESSAGE  cipher shared, or "refused"
 *     decaps SECRET CIPHER   shared
 *     xwing-keygen SEED      public
 *     xwing-encaps PUBLIC COINS    cipher shared, or "refused"
 *     xwing-decaps SEED CIPHER     shared
 */
#include "envelope/xwing.h"

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 6000, BYTES_MAX = WORD_MAX / 2 };

static uint8_t a[BYTES_MAX], b[BYTES_MAX], out[BYTES_MAX], more[BYTES_MAX];

static bool from_hex(uint8_t *bytes, const char *hex)
{
    const size_t len = strlen(hex);
    for (size_t i = 0; i + 1 < len; i += 2) {
        unsigned byte = 0;
        if (sscanf(hex + i, "%2x", &byte) != 1) {
            return false;
        }
        bytes[i / 2] = (uint8_t)byte;
    }
    return len % 2 == 0;
}

static void put(const uint8_t *bytes, size_t len, char end)
{
    for (size_t i = 0; i < len; i++) {
        (void)printf("%02x", bytes[i]);
    }
    (void)putchar(end);
}

static void put_both(mv_status st, size_t cipher_len)
{
    if (st == MV_OK) {
        put(out, cipher_len, ' ');
        put(more, MV_XWING_SHARED_LEN, '\n');
    } else {
        (void)puts("refused");
    }
}

static bool answer(const char *word)
{
    static mv_xwing_secret secret;
    if (strcmp(word, "keygen") == 0) {
        mv_mlkem_keypair(out, more, a);
        put(out, MV_MLKEM_PUBLIC_LEN, ' ');
        put(more, MV_MLKEM_SECRET_LEN, '\n');
    } else if (strcmp(word, "encaps") == 0) {
        put_both(mv_mlkem_encapsulate(out, more, a, b), MV_MLKEM_CIPHER_LEN);
    } else if (strcmp(word, "decaps") == 0) {
        mv_mlkem_decapsulate(out, b, a);
        put(out, MV_MLKEM_SHARED_LEN, '\n');
    } else if (strcmp(word, "xwing-encaps") == 0) {
        put_both(mv_xwing_encapsulate(out, more, a, b), MV_XWING_CIPHER_LEN);
    } else if (mv_xwing_keypair(&secret, out, a) != MV_OK) {
        return false;
    } else if (strcmp(word, "xwing-keygen") == 0) {
        put(out, MV_XWING_PUBLIC_LEN, '\n');
    } else if (strcmp(word, "xwing-decaps") == 0) {
        mv_xwing_decapsulate(out, b, &secret);
        put(out, MV_XWING_SHARED_LEN, '\n');
    } else {
        return false;
    }
    return true;
}

int main(void)
{
    static char line[2 * WORD_MAX + 40], word[16], first[WORD_MAX], second[WORD_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        second[0] = '\0';
        if (sscanf(line, "%15s %5999s %5999s", word, first, second) < 2 || !from_hex(a, first) ||
            !from_hex(b, second) || !answer(word)) {
            (void)fprintf(stderr, "kem_lines: cannot read %.20s\n", line);
            return 2;
        }
    }
    return 0;
}
