/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_ahead.c: hashing an upload in parts while it comes, so that little is left to do at its
 * end. What is noted from the start of the file on, without a gap, is hashed in steps by a thread
 * of its own; whoever writes before that place again spoils it, and then, as after a restart or
 * with several relays on one store, all is hashed at the end.
 */
#include "store/archive_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define AHEAD_STEP ((uint64_t)4 << 20)

static mv_ahead *ahead_of(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    for (size_t i = 0; i < MV_AHEAD_MAX; i++) {
        if (a->ahead[i].used && memcmp(a->ahead[i].id, id, MV_UPLOAD_ID_LEN) == 0) {
            return &a->ahead[i];
        }
    }
    return NULL;
}

/* In the place of the oldest, which is then hashed at its end. */
void mv_ahead_begin(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t len)
{
    if (!a->alone || len < 2 * AHEAD_STEP) {
        return;
    }
    (void)pthread_mutex_lock(&a->gather.mutex);
    mv_ahead *h = &a->ahead[a->ahead_next++ % MV_AHEAD_MAX];
    h->used = true;
    memcpy(h->id, id, MV_UPLOAD_ID_LEN);
    h->claimed = h->hashed = 0;
    h->noted.len = len;
    h->noted.count = 0;
    (void)crypto_generichash_init(&h->hash, NULL, 0, MV_FILE_HASH_LEN);
    (void)pthread_mutex_unlock(&a->gather.mutex);
}

void mv_ahead_written(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t at)
{
    (void)pthread_mutex_lock(&a->gather.mutex);
    mv_ahead *h = ahead_of(a, id);
    if (h != NULL && at < h->claimed) {
        h->used = false;
    }
    (void)pthread_mutex_unlock(&a->gather.mutex);
}

void mv_ahead_noted(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t first, uint64_t end)
{
    (void)pthread_mutex_lock(&a->gather.mutex);
    mv_ahead *h = ahead_of(a, id);
    if (h != NULL) {
        h->used = mv_runs_add(&h->noted, first, end);
        (void)pthread_cond_signal(&a->gather.cond);
    }
    (void)pthread_mutex_unlock(&a->gather.mutex);
}

uint64_t mv_ahead_take(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN],
                       crypto_generichash_state *hash)
{
    uint64_t hashed = 0;
    (void)pthread_mutex_lock(&a->gather.mutex);
    mv_ahead *h = ahead_of(a, id);
    if (h != NULL) {
        h->used = false;
        hashed = h->hashed;
        *hash = h->hash;
    }
    (void)pthread_mutex_unlock(&a->gather.mutex);
    return hashed;
}

static bool step_is_there(const mv_ahead *h)
{
    return h->used && h->noted.count != 0 && h->noted.run[0].first == 0 &&
           h->noted.run[0].end - h->hashed >= AHEAD_STEP;
}

static bool hash_step(crypto_generichash_state *hash, const mv_archive *a,
                      const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t at)
{
    mv_blob_name bytes, have;
    uint8_t block[MV_BLOCK_LEN];
    uint64_t done = 0;

    mv_upload_names(bytes, have, id);
    const int fd = openat(a->incoming_fd, bytes, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    while (done < AHEAD_STEP &&
           pread(fd, block, sizeof block, (off_t)(at + done)) == (ssize_t)sizeof block) {
        (void)crypto_generichash_update(hash, block, sizeof block);
        done += sizeof block;
    }
    (void)close(fd);
    return done == AHEAD_STEP;
}

bool mv_ahead_step(mv_archive *a)
{
    size_t i = 0;
    uint8_t id[MV_UPLOAD_ID_LEN];
    while (i < MV_AHEAD_MAX && !step_is_there(&a->ahead[i])) {
        i++;
    }
    if (i == MV_AHEAD_MAX) {
        return false;
    }
    const uint64_t at = a->ahead[i].hashed;
    crypto_generichash_state hash = a->ahead[i].hash;
    memcpy(id, a->ahead[i].id, sizeof id);
    a->ahead[i].claimed = at + AHEAD_STEP;
    (void)pthread_mutex_unlock(&a->gather.mutex);
    const bool ok = hash_step(&hash, a, id, at);
    (void)pthread_mutex_lock(&a->gather.mutex);
    mv_ahead *h = ahead_of(a, id); /* NULL: spoilt or pushed out meanwhile */
    if (h != NULL) {
        h->used = ok;
        h->hash = hash;
        h->hashed = at + AHEAD_STEP;
    }
    return true;
}
