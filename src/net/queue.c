/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c: the folder of sealed files on their way out. Read queue_internal.h first: which file
 * means what. A file appears under its name only when it is complete.
 */
#include "base/home.h"
#include "base/rng.h"
#include "client_internal.h"
#include "envelope/identity.h"
#include "queue_internal.h"
#include "wire/hex.h"
#include "wire/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ADDING_LOCK   ((off_t)1 << 62) /* above all items */
#define FLUSH_SINGLY  16               /* more files than this are flushed with the whole disk */
#define COPY_BLOCK    65536
#define ADDED_CAP_MIN 16

static const char *const state_names[] = {"waiting", "sent", "delivered", "refused"};

/* ---- files and locks ---- */

void mv_queue_file(char out[MV_QUEUE_FILE_MAX], const char *id, const char *kind)
{
    (void)snprintf(out, MV_QUEUE_FILE_MAX, "%.16s.%s", id, kind);
}

static bool set_lock(const mv_queue *q, short type, off_t at)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return fcntl(q->lock_fd, F_OFD_SETLK, &range) == 0;
}

static off_t lock_place(const char *id)
{
    return (off_t)(strtoull(id, NULL, 16) >> 2);
}

bool mv_queue_lock(mv_queue *q, const char *id)
{
    return set_lock(q, F_WRLCK, lock_place(id));
}

void mv_queue_unlock(mv_queue *q, const char *id)
{
    (void)set_lock(q, F_UNLCK, lock_place(id));
}

bool mv_queue_has(const mv_queue *q, const char *id, const char *kind)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, kind);
    return faccessat(q->dir_fd, name, F_OK, 0) == 0;
}

static void drop(const mv_queue *q, const char *id, const char *kind)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, kind);
    (void)unlinkat(q->dir_fd, name, 0);
}

void mv_queue_drop_bytes(mv_queue *q, const char *id)
{
    drop(q, id, "mv");
}

int mv_queue_open_bytes(const mv_queue *q, const char *id)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, "mv");
    return openat(q->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static mv_status cannot_write(mv_error *err)
{
    const int why = errno;
    const mv_status st = mv_fail(err, MV_E_IO, "cannot write to the queue: %s", strerror(why));
    if (why == ENOSPC || why == EDQUOT) {
        mv_hint(err, "make room on the disk of MEDVEIL_HOME and send again");
    }
    return st;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len != 0) {
        const ssize_t done = write(fd, bytes, len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
        }
    }
    return true;
}

/* Writes {id}.{kind}.new and gives it its name. */
static mv_status put(mv_queue *q, const char *id, const char *kind, const uint8_t *bytes,
                     size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    char name[MV_QUEUE_FILE_MAX], fresh[MV_QUEUE_FILE_MAX + 4];

    mv_queue_file(name, id, kind);
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    const int fd = openat(q->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cannot_write(err);
    }
    const bool written = write_all(fd, bytes, len);
    st = written ? MV_OK : cannot_write(err);
    (void)close(fd);
    if (st == MV_OK && renameat(q->dir_fd, fresh, q->dir_fd, name) != 0) {
        st = cannot_write(err);
    }
    return st;
}

mv_status mv_queue_flush(mv_queue *q, mv_error *err)
{
    return syncfs(q->dir_fd) == 0 ? MV_OK : cannot_write(err);
}

/* ---- opening ---- */

static bool ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* An id is 16 digits; anything else in the folder is not ours. */
static bool read_id(char id[MV_QUEUE_ID_MAX], const char *name)
{
    uint8_t bytes[8];
    memset(id, 0, MV_QUEUE_ID_MAX);
    if (strlen(name) < 16 || !mv_hex_read(bytes, sizeof bytes, name)) {
        return false;
    }
    memcpy(id, name, 16);
    return true;
}

static DIR *open_folder(const mv_queue *q)
{
    const int fd = openat(q->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0) {
        (void)close(fd);
    }
    return dir;
}

static bool delivered(mv_queue *q, const char *id)
{
    mv_queue_item item;
    return mv_queue_has(q, id, "receipt") && mv_queue_get(q, &item, id, NULL) == MV_OK &&
           item.state == MV_QUEUE_DELIVERED;
}

/* What a process that died left behind, while adding or just before it let the bytes go; only when
 * nobody is adding now. */
static void remove_leftovers(mv_queue *q)
{
    char id[MV_QUEUE_ID_MAX];
    DIR *dir = open_folder(q);

    if (dir != NULL && set_lock(q, F_WRLCK, ADDING_LOCK)) {
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            const bool uncommitted = ends_with(e->d_name, ".job.new");
            const bool orphan = ends_with(e->d_name, ".mv.new") ||
                                (ends_with(e->d_name, ".mv") && read_id(id, e->d_name) &&
                                 (!mv_queue_has(q, id, "job") || delivered(q, id)));
            if (uncommitted || orphan) {
                (void)unlinkat(q->dir_fd, e->d_name, 0);
            }
        }
        (void)set_lock(q, F_UNLCK, ADDING_LOCK);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

mv_status mv_queue_open(mv_queue **out, mv_error *err)
{
    mv_status st = MV_OK;
    char path[MV_QUEUE_PATH_MAX];
    mv_queue *q = calloc(1, sizeof *q);

    *out = NULL;
    MV_REQUIRE(q != NULL, err, MV_E_MEMORY, "out of memory");
    q->dir_fd = q->lock_fd = -1;
    MV_TRY(mv_home_make(path, sizeof path, "queue", err));
    q->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MV_REQUIRE(q->dir_fd >= 0, err, MV_E_IO, "cannot open %s: %s", path, strerror(errno));
    q->lock_fd = openat(q->dir_fd, "locks", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(q->lock_fd >= 0, err, MV_E_IO, "cannot write in %s: %s", path, strerror(errno));
    remove_leftovers(q);
    *out = q;
    q = NULL;
done:
    mv_queue_free(&q);
    return st;
}

void mv_queue_free(mv_queue **queue)
{
    mv_queue *q = *queue;
    if (q == NULL) {
        return;
    }
    if (q->dir_fd >= 0) {
        (void)close(q->dir_fd);
    }
    if (q->lock_fd >= 0) {
        (void)close(q->lock_fd);
    }
    free(q->added);
    free(q);
    *queue = NULL;
}

/* ---- one item's files ---- */

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

static mv_status put_json(mv_queue *q, const char *id, const char *kind, json_t *object,
                          mv_error *err)
{
    mv_buffer text = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = mv_json_put(&text, object);
    if (st == MV_OK) {
        st = put(q, id, kind, text.bytes, text.len, err);
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
    MV_REQUIRE(strlen(id) == 16 && read_id(item->id, id), err, MV_E_NOT_FOUND,
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
    return put_json(q, item->id, "state",
                    json_pack("{s:s, s:I, s:s, s:s}", "state", state_names[item->state], "epoch",
                              (json_int_t)item->file.epoch, "upload", upload, "reason",
                              item->reason),
                    err);
}

mv_status mv_queue_save_receipt(mv_queue *q, const char *id, const uint8_t receipt[MV_RECEIPT_LEN],
                                mv_error *err)
{
    return put(q, id, "receipt", receipt, MV_RECEIPT_LEN, err);
}

/* ---- adding ---- */

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

/* The bytes, once more hashed as they are written: what was named is what is kept. */
static mv_status copy_bytes(int to, const mv_outgoing *from, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t block[COPY_BLOCK], hash[MV_FILE_HASH_LEN];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    for (uint64_t at = 0; at < from->file.len;) {
        const ssize_t got = pread(from->fd, block, sizeof block, (off_t)at);
        MV_REQUIRE(got > 0, err, MV_E_IO, "cannot read the file to send");
        (void)crypto_generichash_update(&state, block, (size_t)got);
        if (!write_all(to, block, (size_t)got)) {
            st = cannot_write(err);
            goto done;
        }
        at += (uint64_t)got;
    }
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    MV_REQUIRE(memcmp(hash, from->file.hash, sizeof hash) == 0, err, MV_E_IO,
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
        return cannot_write(err);
    }
    st = copy_bytes(fd, from, err);
    (void)close(fd);
    if (st == MV_OK && renameat(q->dir_fd, fresh, q->dir_fd, name) != 0) {
        st = cannot_write(err);
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
    return put_json(q, item->id, kind,
                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name", item->name,
                              "relay", item->relay, "identity", item->identity, "sender", sender,
                              "recipient", recipient, "file", file, "bytes",
                              (json_int_t)item->file.len, "added", (json_int_t)item->added_s),
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
    MV_REQUIRE(set_lock(q, F_RDLCK, ADDING_LOCK), err, MV_E_BUSY, "the queue is being tidied");
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
    const mv_status st = fd >= 0 && fsync(fd) == 0 ? MV_OK : cannot_write(err);
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
            st = cannot_write(err);
            goto done;
        }
    }
    st = fsync(q->dir_fd) == 0 ? MV_OK : cannot_write(err);
done:
    q->added_count = 0;
    (void)set_lock(q, F_UNLCK, ADDING_LOCK);
    return st;
}

/* ---- walking, pausing, cancelling ---- */

typedef struct dated {
    char id[MV_QUEUE_ID_MAX];
    struct timespec added;
} dated;

static int by_date(const void *a, const void *b)
{
    const dated *x = a, *y = b;
    if (x->added.tv_sec != y->added.tv_sec) {
        return x->added.tv_sec < y->added.tv_sec ? -1 : 1;
    }
    if (x->added.tv_nsec != y->added.tv_nsec) {
        return x->added.tv_nsec < y->added.tv_nsec ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

static mv_status note_dated(dated **list, size_t *count, const mv_queue *q, const char *name)
{
    struct stat info;
    dated d;

    if (!ends_with(name, ".job") || !read_id(d.id, name) ||
        fstatat(q->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return MV_OK;
    }
    if ((*count & (*count - 1)) == 0) { /* the room doubles at powers of two */
        dated *longer = realloc(*list, (*count == 0 ? 1 : 2 * *count) * sizeof *longer);
        if (longer == NULL) {
            return MV_E_MEMORY;
        }
        *list = longer;
    }
    d.added = info.st_mtim;
    (*list)[(*count)++] = d;
    return MV_OK;
}

mv_status mv_queue_ids(const mv_queue *q, char (**ids)[MV_QUEUE_ID_MAX], size_t *count,
                       mv_error *err)
{
    mv_status st = MV_OK;
    dated *list = NULL;
    DIR *dir = open_folder(q);

    *ids = NULL;
    *count = 0;
    MV_REQUIRE(dir != NULL, err, MV_E_IO, "cannot read the queue: %s", strerror(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        st = note_dated(&list, count, q, e->d_name);
        MV_REQUIRE(st == MV_OK, err, st, "out of memory");
    }
    if (*count != 0) {
        qsort(list, *count, sizeof *list, by_date);
    }
    *ids = calloc(*count + 1, sizeof **ids);
    MV_REQUIRE(*ids != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < *count; i++) {
        memcpy((*ids)[i], list[i].id, MV_QUEUE_ID_MAX);
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    free(list);
    return st;
}

mv_status mv_queue_each(mv_queue *q, mv_status (*visit)(void *user, const mv_queue_item *item),
                        void *user, mv_error *err)
{
    mv_status st = MV_OK;
    char(*ids)[MV_QUEUE_ID_MAX] = NULL;
    size_t count = 0;
    mv_queue_item *item = malloc(sizeof *item);

    MV_REQUIRE(item != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_queue_ids(q, &ids, &count, err));
    for (size_t i = 0; i < count; i++) {
        st = mv_queue_get(q, item, ids[i], err);
        if (st == MV_E_NOT_FOUND) { /* cancelled since */
            st = MV_OK;
            continue;
        }
        MV_TRY(st);
        MV_TRY(visit(user, item));
    }
done:
    free(ids);
    free(item);
    return st;
}

mv_status mv_queue_pause(mv_queue *q, const char *id, bool paused, mv_error *err)
{
    mv_queue_item item;
    mv_status st = mv_queue_get(q, &item, id, err);
    if (st == MV_OK && paused) {
        st = put(q, id, "paused", NULL, 0, err);
    } else if (st == MV_OK) {
        drop(q, id, "paused");
    }
    return st;
}

/* The job goes first: without it the item is no more, whatever else is left. */
mv_status mv_queue_cancel(mv_queue *q, const char *id, mv_error *err)
{
    static const char *const kinds[] = {"job", "mv", "state", "receipt", "paused"};
    mv_status st = MV_OK;
    mv_queue_item item;

    MV_TRY(mv_queue_get(q, &item, id, err));
    if (!mv_queue_lock(q, id)) {
        st = mv_fail(err, MV_E_BUSY, "%s is being sent by another medveil", item.name);
        mv_hint(err, "stop it first: medveil queue pause %s", id);
        return st;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        drop(q, id, kinds[i]);
    }
    mv_queue_unlock(q, id);
    st = fsync(q->dir_fd) == 0 ? MV_OK : cannot_write(err);
done:
    return st;
}
