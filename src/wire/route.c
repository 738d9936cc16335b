/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c: one spelling per target; anything else is not found.
 */
#include "wire/route.h"

#include "wire/hex.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char mailbox_label[] = "medveil mailbox 0";

/* Moves *text past word and says whether it was there. */
static bool skip(const char **text, const char *word)
{
    const size_t len = strlen(word);
    if (strncmp(*text, word, len) != 0) {
        return false;
    }
    *text += len;
    return true;
}

static bool skip_hex(const char **text, uint8_t out[32])
{
    if (!mv_hex_read(out, 32, *text)) {
        return false;
    }
    *text += 64;
    return true;
}

static bool read_mailbox_target(mv_route *r, const char *text)
{
    if (!skip(&text, "/v1/mailboxes/") || !skip_hex(&text, r->mailbox) || !skip(&text, "/files")) {
        return false;
    }
    r->kind = MV_ROUTE_LIST;
    if (skip(&text, "/")) {
        r->kind = MV_ROUTE_FILE;
        return skip_hex(&text, r->file) && *text == '\0';
    }
    if (skip(&text, "?after=")) {
        return skip_hex(&text, r->file) && *text == '\0';
    }
    return *text == '\0';
}

mv_status mv_route_read(mv_route *out, const char *target)
{
    mv_route r = {.kind = MV_ROUTE_HEALTH};
    memset(out, 0, sizeof *out);
    if (strcmp(target, "/v1/challenge") == 0) {
        r.kind = MV_ROUTE_CHALLENGE;
    } else if (strcmp(target, "/healthz") != 0 && !read_mailbox_target(&r, target)) {
        return MV_E_NOT_FOUND;
    }
    *out = r;
    return MV_OK;
}

void mv_route_write(char out[MV_TARGET_MAX], const mv_route *route)
{
    char mailbox[2 * MV_MAILBOX_LEN + 1], file[2 * MV_FILE_HASH_LEN + 1];
    mv_hex_write(mailbox, route->mailbox, MV_MAILBOX_LEN);
    mv_hex_write(file, route->file, MV_FILE_HASH_LEN);
    if (route->kind == MV_ROUTE_FILE) {
        (void)snprintf(out, MV_TARGET_MAX, "/v1/mailboxes/%s/files/%s", mailbox, file);
    } else if (route->kind == MV_ROUTE_LIST) {
        (void)snprintf(out, MV_TARGET_MAX, "/v1/mailboxes/%s/files?after=%s", mailbox, file);
    } else {
        (void)snprintf(out, MV_TARGET_MAX, "%s", mv_route_template(route->kind));
    }
}

const char *mv_route_template(mv_route_kind kind)
{
    static const char *const templates[MV_ROUTE_COUNT] = {"/healthz", "/v1/challenge",
                                                          "/v1/mailboxes/{mailbox}/files",
                                                          "/v1/mailboxes/{mailbox}/files/{file}"};
    return kind < MV_ROUTE_COUNT ? templates[kind] : "(other)";
}

void mv_mailbox_of(uint8_t mailbox[MV_MAILBOX_LEN], const uint8_t sign_public[32])
{
    crypto_generichash_state hash;
    (void)crypto_generichash_init(&hash, NULL, 0, MV_MAILBOX_LEN);
    (void)crypto_generichash_update(&hash, (const uint8_t *)mailbox_label,
                                    sizeof mailbox_label - 1);
    (void)crypto_generichash_update(&hash, sign_public, 32);
    (void)crypto_generichash_final(&hash, mailbox, MV_MAILBOX_LEN);
}
