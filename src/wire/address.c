/* SPDX-License-Identifier: Apache-2.0
 *
 * address.c: relay addresses, read strictly and written back.
 */
#include "wire/address.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_TEXT_LEN 43 /* 32 bytes in base64 without padding */

/* The length of the host at text: a bracketed IPv6 address, or a name or IPv4 address. */
static size_t host_len(const char *text)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    if (text[0] != '[') {
        return strspn(text, name);
    }
    const size_t inside = strspn(text + 1, "0123456789abcdefABCDEF:.");
    return inside != 0 && text[1 + inside] == ']' ? inside + 2 : 0;
}

/* One to five digits at most 65535; returns how many characters, 0 for a bad port. */
static size_t port_read(uint16_t *out, const char *text)
{
    const size_t len = strspn(text, "0123456789");
    unsigned long value = 0;
    for (size_t i = 0; i < len && i < 6; i++) {
        value = value * 10 + (unsigned long)(text[i] - '0');
    }
    if (len == 0 || len > 5 || value > 65535) {
        return 0;
    }
    *out = (uint16_t)value;
    return len;
}

/* host[:port] at *text, which moves on past it; port keeps its value when none is written. */
static bool host_and_port(char host[MV_ADDRESS_HOST_MAX], uint16_t *port, const char **text)
{
    const size_t len = host_len(*text);
    if (len == 0 || len >= MV_ADDRESS_HOST_MAX) {
        return false;
    }
    memcpy(host, *text, len);
    host[len] = '\0';
    *text += len;
    if (**text == ':') {
        const size_t digits = port_read(port, *text + 1);
        *text += 1 + digits;
        return digits != 0;
    }
    return true;
}

mv_status mv_host_read(char host[MV_ADDRESS_HOST_MAX], uint16_t *port, const char *text,
                       mv_error *err)
{
    char found[MV_ADDRESS_HOST_MAX];
    uint16_t number = 0;
    const char *rest = text;
    if (strlen(text) >= MV_ADDRESS_MAX || !host_and_port(found, &number, &rest) || *rest != '\0' ||
        strrchr(text, ':') == NULL || text[strlen(text) - 1] == ']') {
        return mv_fail(err, MV_E_ARGUMENT, "\"%.300s\" is not host:port", text);
    }
    memcpy(host, found, sizeof found);
    *port = number;
    return MV_OK;
}

mv_status mv_address_read(mv_address *out, const char *text, mv_error *err)
{
    mv_status st = MV_OK;
    const char *rest = text;
    size_t key_len = 0;
    mv_address a = {.port = 443};

    memset(out, 0, sizeof *out);
    MV_REQUIRE(strncmp(text, "http://", 7) != 0, err, MV_E_ARGUMENT,
               "a relay's address starts with https://; http:// is not protected and is refused");
    MV_REQUIRE(strncmp(text, "https://", 8) == 0 && strlen(text) < MV_ADDRESS_MAX, err,
               MV_E_ARGUMENT, "\"%.300s\" is not a relay's address", text);
    rest += 8;
    MV_REQUIRE(host_and_port(a.host, &a.port, &rest) && a.port != 0, err, MV_E_ARGUMENT,
               "\"%.300s\" has no good host and port", text);
    rest += rest[0] == '/';
    MV_REQUIRE(rest[0] == '#', err, MV_E_ARGUMENT,
               "\"%.300s\" lacks the # and the hash of the relay's key", text);
    MV_REQUIRE(strlen(rest + 1) == KEY_TEXT_LEN &&
                   sodium_base642bin(a.key, sizeof a.key, rest + 1, KEY_TEXT_LEN, NULL, &key_len,
                                     NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                   key_len == sizeof a.key,
               err, MV_E_ARGUMENT, "the part of the address after # is not a hash of a key");
    *out = a;
done:
    if (st != MV_OK) {
        mv_hint(err, "copy the whole address that the relay prints when it starts: "
                     "https://host:port#key; in a shell put it in quotes");
    }
    return st;
}

void mv_address_write(char out[MV_ADDRESS_MAX], const mv_address *address)
{
    char key[KEY_TEXT_LEN + 1];
    (void)sodium_bin2base64(key, sizeof key, address->key, sizeof address->key,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)snprintf(out, MV_ADDRESS_MAX, "https://%s:%u#%s", address->host, address->port, key);
}
