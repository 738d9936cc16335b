/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer.c: a mailbox and its owner: listing and acknowledging; and the receipt that the sender
 * asks for. Fetching is in download.c.
 */
#include "client_internal.h"

#include <string.h>

_Static_assert(MV_CLIENT_HASH_LEN == MV_FILE_HASH_LEN, "one name for a file everywhere");

/* ---- listing ---- */

static mv_status list_page(mv_client *c, mv_listing *out, const mv_route *route, mv_error *err)
{
    mv_status st = MV_OK;
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target, .stage = "waiting for mail"};

    mv_route_write(target, route);
    MV_TRY(mv_client_ask(c, &call, route->mailbox.epoch, 200, err));
    st = mv_listing_read(out, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, st, "the relay's list of files is not in the expected format");
    MV_REQUIRE(out->count == 0 || out->entry[0].seq > route->after, err, MV_E_FORMAT,
               "the relay's list of files goes back");
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status append_page(mv_client_file **files, size_t *count, const mv_listing *page,
                             uint32_t epoch)
{
    if (*count + page->count > MV_CLIENT_FILES_MAX) {
        return MV_E_LIMIT;
    }
    mv_client_file *longer = realloc(*files, (*count + page->count + 1) * sizeof *longer);
    if (longer == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < page->count; i++) {
        mv_client_file *file = &longer[*count + i];
        memcpy(file->hash, page->entry[i].file, MV_CLIENT_HASH_LEN);
        file->len = page->entry[i].len;
        file->epoch = epoch;
    }
    *files = longer;
    *count += page->count;
    return MV_OK;
}

static mv_status list_epoch(mv_client *c, uint32_t epoch, mv_listing *page, mv_client_file **files,
                            size_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_LIST};

    MV_TRY(mv_client_mailbox(&route.mailbox, c, &c->card, epoch, err));
    do {
        MV_TRY(list_page(c, page, &route, err));
        st = append_page(files, count, page, epoch);
        MV_REQUIRE(st == MV_OK, err, st, "more than %d files wait on the relay",
                   MV_CLIENT_FILES_MAX);
        if (page->count != 0) {
            route.after = page->entry[page->count - 1].seq;
        }
    } while (page->more);
    if (epoch == c->epochs.now && route.after > c->cursor) {
        c->cursor = route.after;
    }
done:
    return st;
}

mv_status mv_client_list(mv_client *client, mv_client_file **files, size_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_retry r = mv_retry_start(client);
    mv_listing *page = calloc(1, sizeof *page);

    *files = NULL;
    *count = 0;
    MV_REQUIRE(page != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_client_require_identity(client, err));
    if (client->opts.gallery != NULL) {
        MV_TRY(list_epoch(client, 0, page, files, count, err));
        goto done;
    }
    do {
        st = mv_client_epochs(client, true, err);
    } while (mv_retry_again(client, &r, &st, err));
    MV_TRY(st);
    const mv_epochs epochs = client->epochs;
    for (size_t i = 0; i < epochs.count; i++) {
        MV_TRY(list_epoch(client, epochs.waiting[i], page, files, count, err));
    }
done:
    free(page);
    if (st != MV_OK) {
        mv_client_list_free(files);
        *count = 0;
    }
    return st;
}

void mv_client_list_free(mv_client_file **files)
{
    free(*files);
    *files = NULL;
}

mv_status mv_client_wait(mv_client *client, unsigned seconds, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_LIST};
    mv_listing *page = calloc(1, sizeof *page);

    MV_REQUIRE(page != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_client_require_identity(client, err));
    MV_TRY(mv_client_epochs(client, false, err));
    MV_TRY(mv_client_mailbox(&route.mailbox, client, &client->card, client->epochs.now, err));
    route.after = client->cursor;
    route.wait_s = seconds < 1 ? 1 : seconds > MV_WAIT_MAX_S ? MV_WAIT_MAX_S : seconds;
    MV_TRY(list_page(client, page, &route, err));
done:
    free(page);
    return st;
}

/* ---- acknowledging ---- */

mv_status mv_client_own_route(mv_route *route, char target[MV_TARGET_MAX], mv_client *c,
                              mv_route_kind kind, const mv_client_file *file, mv_error *err)
{
    const mv_status st = mv_client_mailbox(&route->mailbox, c, &c->card, file->epoch, err);
    route->kind = kind;
    memcpy(route->file, file->hash, MV_FILE_HASH_LEN);
    if (st == MV_OK) {
        mv_route_write(target, route);
    }
    return st;
}

mv_status mv_client_remove(mv_client *client, const mv_client_file *file, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_FILE};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "DELETE", .target = target};
    mv_error own = {0};

    MV_TRY(mv_client_require_identity(client, err));
    MV_TRY(mv_client_own_route(&route, target, client, MV_ROUTE_FILE, file, err));
    st = mv_client_ask(client, &call, route.mailbox.epoch, 204, &own);
    if (st == MV_E_NOT_FOUND && call.answered) {
        st = MV_OK; /* removed by an earlier try whose answer was lost */
    } else if (st != MV_OK && err != NULL && err->status == MV_OK) {
        *err = own;
    }
done:
    mv_http_call_clear(&call);
    return st;
}

/* 409: an earlier receipt of ours for the same bytes is there, as good as this one. 404: the relay
 * keeps neither file nor receipt any more. */
static bool settled(int status)
{
    return status == 201 || status == 200 || status == 409 || status == 404;
}

mv_status mv_client_ack(mv_client *client, const mv_client_file *file, const uint8_t *receipt,
                        size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_RECEIPT};
    char target[MV_TARGET_MAX];
    mv_http_call call = {
        .method = "PUT", .target = target, .has_body = true, .body = receipt, .body_len = len};
    mv_retry r = mv_retry_start(client);

    MV_TRY(mv_client_require_identity(client, err));
    MV_TRY(mv_client_own_route(&route, target, client, MV_ROUTE_RECEIPT, file, err));
    do {
        st = mv_client_signed(client, &call, route.mailbox.epoch, err);
        if (st == MV_OK && !settled(call.status)) {
            st = mv_client_refused(client, &call, err);
        }
    } while (mv_retry_again(client, &r, &st, err));
    MV_TRY(st);
    if (call.status == 409) {
        st = mv_client_remove(client, file, err);
    }
done:
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_client_receipt(mv_client *client, const mv_client_file *file, const mv_card *recipient,
                            uint8_t sealed[MV_RECEIPT_SEALED_LEN], bool *there, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_RECEIPT};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target, .stage = "asking for receipts"};

    *there = false;
    memset(sealed, 0, MV_RECEIPT_SEALED_LEN);
    MV_TRY(mv_client_mailbox(&route.mailbox, client, recipient, file->epoch, err));
    memcpy(route.file, file->hash, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    MV_TRY(mv_client_call(client, &call, err));
    if (call.status == 404) {
        goto done;
    }
    if (call.status != 200) {
        st = mv_client_refused(client, &call, err);
        goto done;
    }
    MV_REQUIRE(call.reply.len == MV_RECEIPT_SEALED_LEN, err, MV_E_AUTH,
               "what the relay gives as the receipt is none");
    memcpy(sealed, call.reply.bytes, MV_RECEIPT_SEALED_LEN);
    *there = true;
done:
    mv_http_call_clear(&call);
    return st;
}
