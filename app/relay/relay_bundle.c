/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_bundle.c: a small state machine over hash | length | bytes, again and again.
 */
#include "relay_bundle.h"

#include "base/bytes.h"

#include <stdatomic.h>
#include <string.h>

typedef struct entry {
    mv_change change; /* of upload; its outcome, or why there is no upload */
    mv_upload *upload;
} entry;

struct relay_bundle {
    mv_archive *archive;
    mv_mailbox mailbox;
    uint8_t head[MV_BUNDLE_HEAD];
    size_t head_len;
    uint32_t left; /* bytes of the file in hand */
    entry *entry;
    size_t count, cap;
    atomic_size_t pending;
    void (*changed)(void *user, const mv_change *change);
    void (*done)(void *user);
    void *changed_user, *done_user;
};

int relay_status_of(mv_status st)
{
    switch (st) {
    case MV_OK:
        return 201;
    case MV_E_EXISTS:
        return 200;
    case MV_E_TRUNCATED:
    case MV_E_RANGE:
    case MV_E_FORMAT:
        return 400;
    case MV_E_NOT_FOUND:
        return 404;
    case MV_E_MISMATCH:
        return 409;
    case MV_E_LIMIT:
        return 413;
    case MV_E_AUTH:
        return 422;
    case MV_E_BUSY:
    case MV_E_MEMORY:
        return 503;
    case MV_E_POLICY:
        return 507;
    default:
        return 500;
    }
}

mv_status relay_bundle_new(relay_bundle **out, mv_archive *archive, const mv_mailbox *mailbox)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return MV_E_MEMORY;
    }
    (*out)->archive = archive;
    (*out)->mailbox = *mailbox;
    return MV_OK;
}

void relay_bundle_free(relay_bundle **bundle)
{
    relay_bundle *b = *bundle;
    if (b == NULL) {
        return;
    }
    for (size_t i = 0; i < b->count; i++) {
        mv_upload_free(&b->entry[i].upload);
    }
    free(b->entry);
    free(b);
    *bundle = NULL;
}

static mv_status add_entry(relay_bundle *b)
{
    if (b->count == MV_BUNDLE_FILES_MAX) {
        return MV_E_LIMIT;
    }
    if (b->count == b->cap) {
        const size_t cap = b->cap == 0 ? 16 : 2 * b->cap;
        entry *longer = realloc(b->entry, cap * sizeof *longer);
        if (longer == NULL) {
            return MV_E_MEMORY;
        }
        b->entry = longer;
        b->cap = cap;
    }
    memset(&b->entry[b->count++], 0, sizeof *b->entry);
    return MV_OK;
}

/* A head is complete: the next file. What the archive refuses is an outcome, not an error here. */
static mv_status begin_file(relay_bundle *b)
{
    mv_status st = MV_OK;
    const uint32_t len = mv_load_u32le(b->head + MV_FILE_HASH_LEN);

    MV_ENSURE(len != 0 && len <= MV_BUNDLE_FILE_MAX, MV_E_LIMIT);
    MV_TRY(add_entry(b));
    entry *e = &b->entry[b->count - 1];
    e->change.st = mv_archive_begin(&e->upload, b->archive, &b->mailbox, b->head, len);
    b->left = len;
    b->head_len = 0;
done:
    return st;
}

/* Bytes of the file in hand; after the last one, whether they have its hash. */
static void take_bytes(relay_bundle *b, const uint8_t *bytes, size_t len)
{
    entry *e = &b->entry[b->count - 1];
    b->left -= (uint32_t)len;
    if (e->upload == NULL) {
        return;
    }
    e->change.st = mv_upload_write(e->upload, bytes, len);
    if (e->change.st == MV_OK && b->left == 0) {
        e->change.st = mv_upload_seal(e->upload);
    }
    if (e->change.st != MV_OK) {
        mv_upload_free(&e->upload);
    }
}

mv_status relay_bundle_take(relay_bundle *bundle, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    while (len != 0) {
        size_t part;
        if (bundle->left != 0) {
            part = len < bundle->left ? len : bundle->left;
            take_bytes(bundle, bytes, part);
        } else {
            const size_t missing = MV_BUNDLE_HEAD - bundle->head_len;
            part = len < missing ? len : missing;
            memcpy(bundle->head + bundle->head_len, bytes, part);
            bundle->head_len += part;
            if (bundle->head_len == MV_BUNDLE_HEAD) {
                MV_TRY(begin_file(bundle));
            }
        }
        bytes += part;
        len -= part;
    }
done:
    return st;
}

mv_status relay_bundle_end(relay_bundle *bundle)
{
    return bundle->left == 0 && bundle->head_len == 0 && bundle->count != 0 ? MV_OK
                                                                            : MV_E_TRUNCATED;
}

static void one_less(relay_bundle *b)
{
    if (atomic_fetch_sub(&b->pending, 1) == 1) {
        b->done(b->done_user); /* b may be gone now */
    }
}

static void change_done(void *user, mv_change *change)
{
    relay_bundle *b = user;
    b->changed(b->changed_user, change);
    one_less(b);
}

void relay_bundle_submit(relay_bundle *bundle, void (*changed)(void *user, const mv_change *change),
                         void *changed_user, void (*done)(void *user), void *done_user)
{
    bundle->changed = changed;
    bundle->changed_user = changed_user;
    bundle->done = done;
    bundle->done_user = done_user;
    atomic_store(&bundle->pending, 1); /* ours, so that done waits for the last submit */
    for (size_t i = 0; i < bundle->count; i++) {
        entry *e = &bundle->entry[i];
        if (e->upload != NULL) {
            e->change.kind = MV_CHANGE_STORE;
            e->change.upload = e->upload;
            e->change.done = change_done;
            e->change.user = bundle;
            (void)atomic_fetch_add(&bundle->pending, 1);
            mv_archive_submit(bundle->archive, &e->change);
        }
    }
    one_less(bundle);
}

void relay_bundle_results(mv_results *out, const relay_bundle *bundle)
{
    out->count = bundle->count;
    for (size_t i = 0; i < bundle->count; i++) {
        out->status[i] = (uint16_t)relay_status_of(bundle->entry[i].change.st);
    }
}
