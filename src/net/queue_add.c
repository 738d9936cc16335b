/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_add.c: files into the queue: copied, flushed, and there only when all of it is.
 */
#include "base/file.h"
#include "client_internal.h"
#include "envelope/identity.h"
#include "queue_internal.h"
#include "wire/hex.h"
#include "wire/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_SINGLY  16 /* more files than this are flushed with the whole disk */
#define COPY_BLOCK    65536
#define ADDED_CAP_MIN 16

static void make_id(mv_queue_item *item, const mv_address *relay)
{
    uint8_t hash[MV_HASH_LEN];
    const mv_part part[3] = {{relay->key, MV_RELAY_KEY_LEN},
                             {item->recipient.sign_public, MV_CARD_SIGN_LEN},
                             {item->file.hash, MV_FILE_HASH_LEN}};
    mv_derive(hash, NULL, "medveil queue item 1", part, 3);
    mv_hex_write(item->id, hash, 8);
}

static mv_status describe(mv_queue_item *item, const char *path, const mv_queue_order *order,
                          mv_error *err)
{
    mv_status st = MV_OK;
    mv_address relay;
    mv_card sender;
    char real[PATH_MAX];
    const char *base = strrchr(path, '/');

    MV_TRY(mv_address_read(&relay, order->relay, err));
    mv_address_write(item->relay, &relay);
    (void)snprintf(item->name, sizeof item->name, "%s", base == NULL ? path : base + 1);
    item->recipient = *order->recipient;
    item->added_s = (uint64_t)time(NULL);
    if (order->sender != NULL) {
        mv_identity_card(&sender, order->sender);
        memcpy(item->sender, sender.sign_public, MV_CARD_SIGN_LEN);
        MV_REQUIRE(realpath(order->identity, real) != NULL && strlen(real) < sizeof item->identity,
                   err, MV_E_NOT_FOUND, "cannot find %s: %s", order->identity, strerror(errno));
        memcpy(item->identity, real, strlen(real) + 1);
    }
    make_id(item, &relay);
done:
    return st;
}

/* The bytes that were named, or a refusal when they were changed since; the relay looks once more.
 */
static mv_status copy_bytes(int to, const mv_outgoing *from, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t block[COPY_BLOCK];

    for (uint64_t at = 0; at < from->file.len;) {
        const uint64_t left = from->file.len - at;
        const ssize_t got =
            pread(from->fd, block, left < sizeof block ? (size_t)left : sizeof block, (off_t)at);
        MV_REQUIRE(got > 0, err, MV_E_IO, "cannot read the file to send");
        if (!mv_file_write_at(to, block, (size_t)got, at)) {
            st = mv_queue_cannot_write(err);
            goto done;
        }
        at += (uint64_t)got;
    }
    MV_REQUIRE(mv_outgoing_unchanged(from), err, MV_E_IO,
               "the file to send was changed while it was read");
done:
    return st;
}

static mv_status keep_bytes(mv_queue *q, const char *id, const mv_outgoing *from, mv_error *err)
{
    mv_status st = MV_OK;
    char name[MV_QUEUE_FILE_MAX], fresh[MV_QUEUE_FILE_MAX];

    mv_queue_file(name, id, "mv");
    mv_queue_file(fresh, id, "mv.new");
    const int fd = openat(q->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mv_queue_cannot_write(err);
    }
    st = copy_bytes(fd, from, err);
    (void)close(fd);
    if (st == MV_OK && renameat(q->dir_fd, fresh, q->dir_fd, name) != 0) {
        st = mv_queue_cannot_write(err);
    }
    if (st != MV_OK) {
        (void)unlinkat(q->dir_fd, fresh, 0);
    }
    return st;
}

/* As {id}.job.new, which mv_queue_commit renames; or in the place of an earlier {id}.job. */
static mv_status write_job(mv_queue *q, const mv_queue_item *item, const char *kind, mv_error *err)
{
    char recipient[2 * MV_CARD_BYTES_MAX + 1], sender[2 * MV_CARD_SIGN_LEN + 1];
    char file[2 * MV_FILE_HASH_LEN + 1];

    mv_hex_write(recipient, item->recipient.bytes, item->recipient.bytes_len);
    mv_hex_write(sender, item->sender, sizeof item->sender);
    mv_hex_write(file, item->file.hash, sizeof item->file.hash);
    return mv_queue_put_json(q, item->id, kind,
                             json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name",
                                       item->name, "relay", item->relay, "identity", item->identity,
                                       "sender", sender, "recipient", recipient, "file", file,
                                       "bytes", (json_int_t)item->file.len, "added",
                                       (json_int_t)item->added_s),
                             err);
}

static mv_status note_added(mv_queue *q, const char *id, mv_error *err)
{
    if (q->added_count == q->added_cap) {
        const size_t cap = q->added_cap == 0 ? ADDED_CAP_MIN : 2 * q->added_cap;
        void *longer = realloc(q->added, cap * sizeof *q->added);
        if (longer == NULL) {
            return mv_fail(err, MV_E_MEMORY, "out of memory");
        }
        q->added = longer;
        q->added_cap = cap;
    }
    memcpy(q->added[q->added_count++], id, MV_QUEUE_ID_MAX);
    return MV_OK;
}

/* An item that is there already. One that was refused is tried again, and one that was sent with no
 * receipt to come is offered once more. */
static mv_status add_again(mv_queue *q, mv_queue_item *item, const mv_outgoing *from, mv_error *err)
{
    mv_status st = MV_OK;
    char id[MV_QUEUE_ID_MAX], relay[MV_QUEUE_RELAY_MAX];

    memcpy(id, item->id, sizeof id);
    memcpy(relay, item->relay, sizeof relay);
    MV_TRY(mv_queue_get(q, item, id, err));
    if (strcmp(relay, item->relay) != 0) { /* the relay with this key has moved */
        memcpy(item->relay, relay, sizeof relay);
        MV_TRY(write_job(q, item, "job", err));
    }
    if (item->state == MV_QUEUE_WAITING || item->state == MV_QUEUE_DELIVERED ||
        (item->state == MV_QUEUE_SENT && item->identity[0] != '\0')) {
        return MV_OK;
    }
    MV_REQUIRE(mv_queue_lock(q, id), err, MV_E_BUSY, "another medveil is sending %s", item->name);
    if (!mv_queue_has(q, id, "mv")) {
        st = keep_bytes(q, id, from, err);
    }
    if (st == MV_OK) {
        item->state = MV_QUEUE_WAITING;
        item->reason[0] = '\0';
        st = mv_queue_save_state(q, item, err);
    }
    mv_queue_unlock(q, id);
done:
    return st;
}

mv_status mv_queue_add(mv_queue *q, mv_queue_item *item, const char *path,
                       const mv_queue_order *order, mv_error *err)
{
    mv_status st = MV_OK;
    mv_outgoing from = {.fd = -1};

    memset(item, 0, sizeof *item);
    MV_TRY(mv_outgoing_open(&from, path, err));
    item->file = from.file;
    MV_TRY(describe(item, path, order, err));
    if (mv_queue_has(q, item->id, "job")) {
        st = add_again(q, item, &from, err);
        goto done;
    }
    MV_REQUIRE(mv_queue_range(q, F_RDLCK, MV_QUEUE_ADDING), err, MV_E_BUSY,
               "the queue is being tidied");
    MV_TRY(keep_bytes(q, item->id, &from, err));
    if (order->sent_epoch != 0) {
        item->state = MV_QUEUE_SENT;
        item->file.epoch = order->sent_epoch;
        MV_TRY(mv_queue_save_state(q, item, err));
    }
    MV_TRY(write_job(q, item, "job.new", err));
    MV_TRY(note_added(q, item->id, err));
done:
    if (from.fd >= 0) {
        (void)close(from.fd);
    }
    return st;
}

static mv_status flush_file(const mv_queue *q, const char *id, const char *kind, mv_error *err)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, kind);
    const int fd = openat(q->dir_fd, name, O_RDONLY | O_CLOEXEC);
    const mv_status st = fd >= 0 && fsync(fd) == 0 ? MV_OK : mv_queue_cannot_write(err);
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

static mv_status flush_added(mv_queue *q, mv_error *err)
{
    mv_status st = MV_OK;
    if (q->added_count > FLUSH_SINGLY) {
        return mv_queue_flush(q, err);
    }
    for (size_t i = 0; i < q->added_count; i++) {
        MV_TRY(flush_file(q, q->added[i], "mv", err));
        MV_TRY(flush_file(q, q->added[i], "job.new", err));
    }
done:
    return st;
}

mv_status mv_queue_commit(mv_queue *q, mv_error *err)
{
    mv_status st = MV_OK;
    char fresh[MV_QUEUE_FILE_MAX], name[MV_QUEUE_FILE_MAX];

    MV_TRY(flush_added(q, err));
    for (size_t i = 0; i < q->added_count; i++) {
        mv_queue_file(fresh, q->added[i], "job.new");
        mv_queue_file(name, q->added[i], "job");
        if (renameat(q->dir_fd, fresh, q->dir_fd, name) != 0 &&
            !(errno == ENOENT && mv_queue_has(q, q->added[i], "job"))) { /* added twice */
            st = mv_queue_cannot_write(err);
            goto done;
        }
    }
    st = fsync(q->dir_fd) == 0 ? MV_OK : mv_queue_cannot_write(err);
done:
    q->added_count = 0;
    (void)mv_queue_range(q, F_UNLCK, MV_QUEUE_ADDING);
    return st;
}
