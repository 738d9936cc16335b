/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_item.c: one item, from its files and to them.
 */
#include "envelope/identity.h"
#include "queue_internal.h"
#include "wire/hex.h"
#include "wire/json.h"
#include "wire/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const state_names[] = {"waiting", "sent", "delivered", "refused"};

static mv_status get(const mv_queue *q, const char *id, const char *kind, mv_buffer *out)
{
    char name[MV_QUEUE_FILE_MAX];
    uint8_t block[4096];
    mv_status st = MV_OK;
    ssize_t got = 0;

    mv_queue_file(name, id, kind);
    const int fd = openat(q->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO;
    }
    while (st == MV_OK && (got = read(fd, block, sizeof block)) > 0) {
        st = mv_buffer_append(out, block, (size_t)got);
    }
    (void)close(fd);
    return got < 0 ? MV_E_IO : st;
}

static mv_status get_json(const mv_queue *q, const char *id, const char *kind, json_t **out)
{
    mv_buffer text = mv_buffer_make(MV_MESSAGE_MAX);
    *out = NULL;
    mv_status st = get(q, id, kind, &text);
    if (st == MV_OK) {
        st = mv_json_parse(out, text.bytes, text.len);
    }
    mv_buffer_clear(&text);
    return st;
}

mv_status mv_queue_put_json(mv_queue *q, const char *id, const char *kind, json_t *object,
                            mv_error *err)
{
    mv_buffer text = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = mv_json_put(&text, object);
    if (st == MV_OK) {
        st = mv_queue_put(q, id, kind, text.bytes, text.len, err);
    }
    mv_buffer_clear(&text);
    return st;
}

static bool copy_text(char *out, size_t cap, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    const size_t len = text == NULL ? cap : strlen(text);
    if (len >= cap) {
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static mv_status read_card(mv_card *out, const json_t *object)
{
    uint8_t bytes[MV_CARD_BYTES_MAX];
    const json_t *text = json_object_get(object, "recipient");
    const size_t len = json_string_length(text) / 2;
    if (len == 0 || len > sizeof bytes || json_string_length(text) % 2 != 0 ||
        !mv_hex_read(bytes, len, json_string_value(text))) {
        return MV_E_FORMAT;
    }
    return mv_card_decode(out, bytes, len, NULL);
}

static mv_status read_job(mv_queue_item *item, const json_t *job)
{
    mv_status st = MV_OK;
    MV_ENSURE(copy_text(item->name, sizeof item->name, job, "name") &&
                  copy_text(item->relay, sizeof item->relay, job, "relay") &&
                  copy_text(item->identity, sizeof item->identity, job, "identity"),
              MV_E_FORMAT);
    MV_TRY(mv_json_hex(item->sender, sizeof item->sender, job, "sender"));
    MV_TRY(mv_json_hex(item->file.hash, sizeof item->file.hash, job, "file"));
    MV_TRY(mv_json_number(&item->file.len, job, "bytes"));
    MV_TRY(mv_json_number(&item->added_s, job, "added"));
    MV_TRY(read_card(&item->recipient, job));
done:
    return st;
}

/* A state that cannot be read is no state: the item waits, and sending again does no harm. */
static void read_state(mv_queue_item *item, const json_t *state)
{
    uint64_t epoch = 0;
    const char *name = json_string_value(json_object_get(state, "state"));

    for (int i = MV_QUEUE_WAITING; i <= MV_QUEUE_REFUSED && name != NULL; i++) {
        if (i != MV_QUEUE_DELIVERED && strcmp(name, state_names[i]) == 0) {
            item->state = (mv_queue_state)i;
        }
    }
    if (mv_json_number(&epoch, state, "epoch") == MV_OK && epoch <= UINT32_MAX) {
        item->file.epoch = (uint32_t)epoch;
    }
    item->has_upload = mv_json_hex(item->upload, sizeof item->upload, state, "upload") == MV_OK;
    if (!copy_text(item->reason, sizeof item->reason, state, "reason")) {
        item->reason[0] = '\0';
    }
}

/* A receipt counts only when it is the recipient's and for these very bytes. */
static void read_receipt(const mv_queue *q, mv_queue_item *item)
{
    mv_buffer bytes = mv_buffer_make(MV_RECEIPT_LEN);
    mv_receipt receipt;

    if (get(q, item->id, "receipt", &bytes) == MV_OK && bytes.len == MV_RECEIPT_LEN &&
        mv_receipt_check(&receipt, bytes.bytes, &item->recipient) == MV_OK &&
        memcmp(receipt.file, item->file.hash, MV_FILE_HASH_LEN) == 0 &&
        receipt.len == item->file.len) {
        item->receipt = receipt;
        item->state = MV_QUEUE_DELIVERED;
    }
    mv_buffer_clear(&bytes);
}

mv_status mv_queue_get(mv_queue *q, mv_queue_item *item, const char *id, mv_error *err)
{
    mv_status st = MV_OK;
    json_t *job = NULL, *state = NULL;

    memset(item, 0, sizeof *item);
    MV_REQUIRE(strlen(id) == 16 && mv_queue_read_id(item->id, id), err, MV_E_NOT_FOUND,
               "there is no %s in the queue", id);
    st = get_json(q, id, "job", &job);
    MV_REQUIRE(st != MV_E_NOT_FOUND, err, MV_E_NOT_FOUND, "there is no %s in the queue", id);
    if (st == MV_OK) {
        st = read_job(item, job);
    }
    MV_REQUIRE(st == MV_OK, err, st, "the item %s of the queue cannot be read: %s", id,
               mv_status_sentence(st));
    if (get_json(q, id, "state", &state) == MV_OK) {
        read_state(item, state);
    }
    item->paused = mv_queue_has(q, id, "paused");
    read_receipt(q, item);
done:
    json_decref(job);
    json_decref(state);
    return st;
}

mv_status mv_queue_save_state(mv_queue *q, const mv_queue_item *item, mv_error *err)
{
    char upload[2 * MV_UPLOAD_ID_LEN + 1] = "";
    if (item->has_upload) {
        mv_hex_write(upload, item->upload, MV_UPLOAD_ID_LEN);
    }
    return mv_queue_put_json(q, item->id, "state",
                             json_pack("{s:s, s:I, s:s, s:s}", "state", state_names[item->state],
                                       "epoch", (json_int_t)item->file.epoch, "upload", upload,
                                       "reason", item->reason),
                             err);
}

mv_status mv_queue_save_receipt(mv_queue *q, const char *id, const uint8_t receipt[MV_RECEIPT_LEN],
                                mv_error *err)
{
    return mv_queue_put(q, id, "receipt", receipt, MV_RECEIPT_LEN, err);
}
