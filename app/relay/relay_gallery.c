/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_gallery.c: the line of requests, the galleries that are ready, and the answers.
 */
#include "relay_gallery.h"

#include "medveil/analysis.h"
#include "relay_models.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINE_MAX = 64, /* jobs that wait */
    READY = 2,     /* galleries in memory, about 70 MB each */
    RECORDS_PAGE = 4096,
    HEX = 64
};

typedef struct ready {
    uint8_t name[MV_GALLERY_NAME_LEN];
    mv_gallery *gallery; /* NULL: free */
    int64_t version;
    uint64_t used;
} ready;

struct relay_galleries {
    const relay_config *config;
    mv_archive *archive;
    relay_models *models;
    ready ready[READY]; /* the thread's own, as is used */
    uint64_t used;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t cond;
    relay_job *first, *last;
    size_t waiting;
    bool stop, started;
    pthread_t thread;
};

uint64_t relay_gallery_body_max(mv_route_kind kind)
{
    const mv_search_sizes search = mv_search_message_sizes();
    const mv_classify_sizes classify = mv_classify_message_sizes(MV_CLASSIFY_PRIVATE_MODEL);
    switch (kind) {
    case MV_ROUTE_GALLERY_KEYS:
        return MV_GALLERY_NAME_LEN + search.server_keys;
    case MV_ROUTE_GALLERY_MASK:
        return classify.public_key;
    case MV_ROUTE_GALLERY_ROW:
        return search.upload;
    case MV_ROUTE_GALLERY_GROUPS:
        return 4 + MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID + search.group;
    case MV_ROUTE_GALLERY_SEARCH:
        return search.query;
    case MV_ROUTE_GALLERY_REPACK:
        return 8 + MV_FILE_HASH_LEN;
    case MV_ROUTE_GALLERY_CLASSIFY:
        return classify.query;
    default:
        return 0;
    }
}

/* ---- answers ---- */

static void refuse(relay_job *j, int status, const char *title)
{
    j->answer.status = status;
    j->answer.title = title;
}

/* What a status of the archive or of a gallery means to who asked. */
static void refuse_status(relay_job *j, mv_status st)
{
    switch (st) {
    case MV_E_FORMAT:
    case MV_E_RANGE:
    case MV_E_TRUNCATED:
    case MV_E_ARGUMENT:
        refuse(j, 400, "the body is not what this request takes");
        return;
    case MV_E_NOT_FOUND:
        refuse(j, 404, "there is no such gallery, row or part");
        return;
    case MV_E_MISMATCH:
        refuse(j, 409, "that is of another collection, head or state of the gallery");
        return;
    case MV_E_POLICY:
    case MV_E_LIMIT:
        refuse(j, 507, "the gallery or the relay is full");
        return;
    case MV_E_BUSY:
    case MV_E_MEMORY:
        refuse(j, 503, "the relay is overloaded");
        return;
    default:
        refuse(j, 500, "the relay cannot do this now");
        return;
    }
}

static void answer_bytes(relay_job *j, const char *type)
{
    j->answer.status = 200;
    j->answer.type = type;
}

static void answer_done(relay_job *j, mv_status st, int status, const char *event)
{
    if (st == MV_OK || st == MV_E_EXISTS) {
        j->answer.status = st == MV_OK ? status : 200;
        j->answer.event = st == MV_OK ? event : NULL;
    } else {
        refuse_status(j, st);
    }
}

/* ---- galleries that are ready ---- */

static void drop(ready *r)
{
    mv_gallery_free(&r->gallery);
}

static ready *oldest(relay_galleries *g)
{
    ready *r = &g->ready[0];
    for (size_t i = 1; i < READY; i++) {
        if (g->ready[i].gallery == NULL || (r->gallery != NULL && g->ready[i].used < r->used)) {
            r = &g->ready[i];
        }
    }
    return r;
}

/* The gallery of this name, as it is in the archive now. */
static mv_status take_ready(ready **out, relay_galleries *g, const uint8_t *name)
{
    mv_status st = MV_OK;
    int64_t version = -1;
    ready *r = NULL;
    MV_TRY(mv_archive_gallery_version(&version, g->archive, name));
    for (size_t i = 0; i < READY; i++) {
        if (g->ready[i].gallery != NULL && memcmp(g->ready[i].name, name, sizeof r->name) == 0) {
            r = &g->ready[i];
        }
    }
    if (r == NULL || r->version != version) {
        r = r == NULL ? oldest(g) : r;
        drop(r);
        MV_TRY(mv_archive_gallery_open(&r->gallery, g->archive, name, NULL));
        memcpy(r->name, name, sizeof r->name);
        r->version = version;
    }
    r->used = ++g->used;
    *out = r;
done:
    return st;
}

/* After anything that may have changed it: what it is now; a gallery that somebody else changed
 * meanwhile is read again next time. */
static void put_back(relay_galleries *g, ready *r, mv_status st)
{
    if (st == MV_E_BUSY || st == MV_E_IO ||
        mv_archive_gallery_version(&r->version, g->archive, r->name) != MV_OK) {
        drop(r);
    }
}

/* ---- rows ---- */

static void put_keys(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_E_FORMAT;
    if (j->len == relay_gallery_body_max(MV_ROUTE_GALLERY_KEYS)) {
        st = mv_search_server_check(j->body + MV_GALLERY_NAME_LEN, j->len - MV_GALLERY_NAME_LEN);
    }
    if (st == MV_OK) {
        st = mv_archive_gallery_put(g->archive, j->route.gallery, MV_ARCHIVE_SEARCH_KEYS, j->body,
                                    j->body + MV_GALLERY_NAME_LEN, j->len - MV_GALLERY_NAME_LEN);
    }
    answer_done(j, st, 201, "gallery");
}

static void put_mask(relay_galleries *g, relay_job *j)
{
    const mv_status st = j->len == relay_gallery_body_max(MV_ROUTE_GALLERY_MASK)
                             ? mv_archive_gallery_put(g->archive, j->route.gallery,
                                                      MV_ARCHIVE_MASK_KEY, NULL, j->body, j->len)
                             : MV_E_FORMAT;
    answer_done(j, st, 201, "gallery key");
}

static void put_row(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_OK;
    ready *r = NULL;
    MV_TRY(take_ready(&r, g, j->route.gallery));
    st = mv_gallery_append(r->gallery, j->route.row, j->body, j->len, NULL);
    put_back(g, r, st);
done:
    answer_done(j, st, 201, "row added");
}

static void delete_row(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_OK;
    ready *r = NULL;
    MV_TRY(take_ready(&r, g, j->route.gallery));
    st = mv_gallery_remove(r->gallery, j->route.row, NULL);
    put_back(g, r, st);
done:
    answer_done(j, st, 204, "row removed");
}

/* count | ids | group */
static void post_group(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_OK;
    ready *r = NULL;
    uint32_t count = 0;
    const uint8_t *ids = NULL;
    mv_reader in = mv_reader_make(j->body, j->len);
    MV_TRY(mv_read_u32le(&in, &count));
    MV_ENSURE(count >= 1 && count <= MV_SEARCH_GROUP_MAX, MV_E_RANGE);
    MV_TRY(mv_read_view(&in, &ids, (size_t)count * MV_SEARCH_ROW_ID));
    MV_TRY(take_ready(&r, g, j->route.gallery));
    st = mv_gallery_append_group(r->gallery, ids, count, in.next, mv_reader_left(&in), NULL);
    put_back(g, r, st);
done:
    answer_done(j, st, 201, "rows added");
}

static void get_records(relay_galleries *g, relay_job *j)
{
    int64_t version = -1;
    mv_status st = mv_archive_gallery_version(&version, g->archive, j->route.gallery);
    if (st == MV_OK && version < 0) {
        st = MV_E_NOT_FOUND;
    }
    if (st == MV_OK) {
        st = mv_archive_gallery_records(&j->answer.body, g->archive, j->route.gallery,
                                        j->route.number, RECORDS_PAGE);
    }
    if (st == MV_OK) {
        answer_bytes(j, "application/octet-stream");
    } else {
        refuse_status(j, st);
    }
}

static void get_part(relay_galleries *g, relay_job *j)
{
    const mv_status st = mv_archive_gallery_part(&j->answer.fd, &j->answer.fd_len, g->archive,
                                                 j->route.gallery, j->route.number);
    if (st == MV_OK) {
        j->answer.status = 200;
    } else {
        refuse_status(j, st);
    }
}

/* ---- repacking ---- */

/* A repacked gallery in a file: groups, each count | ids | group (docs/formats/search.md). */
typedef struct repacking {
    mv_gallery *gallery;
    int fd;
    uint64_t at, len;
    size_t rows;
    uint8_t *group;  /* as it came */
    uint8_t *stored; /* records and group, as they are stored */
} repacking;

static mv_status read_exactly(repacking *r, uint8_t *out, size_t len)
{
    while (len > 0) {
        const ssize_t got = pread(r->fd, out, len, (off_t)r->at);
        if (got <= 0) {
            return MV_E_TRUNCATED;
        }
        r->at += (uint64_t)got;
        out += got;
        len -= (size_t)got;
    }
    return MV_OK;
}

static mv_status next_group(void *user, mv_gallery_change *out, bool *more)
{
    mv_status st = MV_OK;
    repacking *r = user;
    uint8_t head[4], ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().group;
    *more = r->at < r->len;
    if (!*more) {
        return MV_OK;
    }
    MV_TRY(read_exactly(r, head, sizeof head));
    const uint32_t count = mv_load_u32le(head);
    MV_ENSURE(count >= 1 && count <= MV_SEARCH_GROUP_MAX, MV_E_RANGE);
    MV_ENSURE(r->rows % MV_SEARCH_GROUP_MAX == 0, MV_E_FORMAT); /* only the last may be short */
    MV_TRY(read_exactly(r, ids, (size_t)count * MV_SEARCH_ROW_ID));
    MV_TRY(read_exactly(r, r->group, size));
    MV_TRY(mv_gallery_regroup(r->gallery, out, r->stored, r->rows, ids, count, r->group, size));
    r->rows += count;
done:
    return st;
}

/* records (8) | hash of the file */
static mv_status repack(relay_galleries *g, const relay_job *j, mv_gallery *gallery)
{
    mv_status st = MV_OK;
    mv_mailbox box = {0};
    repacking r = {.gallery = gallery, .fd = -1};
    memcpy(box.tag, j->route.gallery, MV_TAG_LEN);
    MV_ENSURE(j->len == relay_gallery_body_max(MV_ROUTE_GALLERY_REPACK), MV_E_FORMAT);
    r.group = malloc(mv_search_message_sizes().group);
    r.stored = malloc(mv_gallery_change_size());
    MV_ENSURE(r.group != NULL && r.stored != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_get(&r.fd, &r.len, g->archive, &box, j->body + 8));
    MV_TRY(mv_archive_gallery_replace(g->archive, j->route.gallery, mv_load_u64le(j->body),
                                      next_group, &r));
    mv_change gone = {.kind = MV_CHANGE_REMOVE, .mailbox = box};
    memcpy(gone.file, j->body + 8, MV_FILE_HASH_LEN);
    (void)mv_archive_change(g->archive, &gone); /* it only takes room now */
done:
    if (r.fd >= 0) {
        (void)close(r.fd);
    }
    free(r.group);
    free(r.stored);
    return st;
}

static void post_repack(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_OK;
    ready *r = NULL;
    MV_TRY(take_ready(&r, g, j->route.gallery));
    st = repack(g, j, r->gallery);
    drop(r);
done:
    answer_done(j, st, 204, "gallery repacked");
}

/* ---- questions ---- */

/* Counts one more question, before it is answered; false: it is refused. */
static bool may_ask(relay_galleries *g, relay_job *j, const uint8_t *about, uint64_t limit)
{
    const mv_status st = mv_archive_gallery_ask(g->archive, j->route.gallery, about, limit);
    if (st == MV_E_POLICY) {
        refuse(j, 403, "this key has asked as many questions as this relay answers");
    } else if (st != MV_OK) {
        refuse_status(j, st);
    }
    return st == MV_OK;
}

static mv_status scan(relay_galleries *g, relay_job *j, mv_gallery *gallery)
{
    mv_status st = MV_OK;
    uint8_t *reply = NULL;
    size_t len = 0;
    MV_TRY(mv_gallery_scan(gallery, &reply, &len, j->body, j->len, g->config->compute_threads, NULL,
                           NULL));
    MV_TRY(mv_buffer_append(&j->answer.body, reply, len));
done:
    free(reply);
    return st;
}

static void post_search(relay_galleries *g, relay_job *j)
{
    static const uint8_t searching[MV_GALLERY_NAME_LEN] = {0};
    mv_status st = MV_OK;
    ready *r = NULL;
    MV_TRY(take_ready(&r, g, j->route.gallery));
    if (!may_ask(g, j, searching, g->config->searches_per_key)) {
        return;
    }
    st = scan(g, j, r->gallery);
    put_back(g, r, st);
    MV_TRY(st);
    answer_bytes(j, "application/octet-stream");
    j->answer.event = "searched";
done:
    if (st != MV_OK) {
        refuse_status(j, st);
    }
}

static void post_classify(relay_galleries *g, relay_job *j)
{
    mv_status st = MV_OK;
    mv_buffer mask =
        mv_buffer_make(mv_classify_message_sizes(MV_CLASSIFY_PRIVATE_MODEL).public_key);
    const relay_model *model = relay_models_find(g->models, j->route.row);
    if (model == NULL) {
        refuse(j, 404, "there is no such model here");
        return;
    }
    if (relay_model_is_private(model)) {
        st = mv_archive_gallery_keys(&mask, g->archive, j->route.gallery, MV_ARCHIVE_MASK_KEY);
        if (st == MV_E_NOT_FOUND) {
            st = MV_OK;
            refuse(j, 424, "this model needs the key that medveil classify key uploads");
            goto done;
        }
        MV_TRY(st);
    }
    if (!may_ask(g, j, j->route.row,
                 relay_model_is_private(model) ? g->config->private_queries_per_key
                                               : g->config->searches_per_key)) {
        goto done;
    }
    MV_TRY(relay_model_answer(&j->answer.body, model, &mask, j->body, j->len));
    answer_bytes(j, "application/octet-stream");
    j->answer.event = "classified";
done:
    mv_buffer_clear(&mask);
    if (st != MV_OK) {
        refuse_status(j, st);
    }
}

static void get_models(const relay_galleries *g, relay_job *j)
{
    const mv_status st = relay_models_list(&j->answer.body, g->models);
    if (st == MV_OK) {
        answer_bytes(j, "application/json");
    } else {
        refuse_status(j, st);
    }
}

static void do_job(relay_galleries *g, relay_job *j)
{
    j->answer = (relay_result){.fd = -1, .body = mv_buffer_make((size_t)1 << 30)};
    switch (j->route.kind) {
    case MV_ROUTE_GALLERY_KEYS:
        put_keys(g, j);
        return;
    case MV_ROUTE_GALLERY_MASK:
        put_mask(g, j);
        return;
    case MV_ROUTE_GALLERY_ROW:
        if (j->verb == RELAY_PUT) {
            put_row(g, j);
        } else {
            delete_row(g, j);
        }
        return;
    case MV_ROUTE_GALLERY_GROUPS:
        post_group(g, j);
        return;
    case MV_ROUTE_GALLERY_RECORDS:
        get_records(g, j);
        return;
    case MV_ROUTE_GALLERY_SEARCH:
        post_search(g, j);
        return;
    case MV_ROUTE_GALLERY_PART:
        get_part(g, j);
        return;
    case MV_ROUTE_GALLERY_REPACK:
        post_repack(g, j);
        return;
    case MV_ROUTE_GALLERY_CLASSIFY:
        post_classify(g, j);
        return;
    default:
        get_models(g, j);
        return;
    }
}

/* ---- the line ---- */

static relay_job *take_job(relay_galleries *g)
{
    (void)pthread_mutex_lock(&g->mutex);
    while (g->first == NULL && !g->stop) {
        (void)pthread_cond_wait(&g->cond, &g->mutex);
    }
    relay_job *j = g->first;
    if (j != NULL) {
        g->first = j->next;
        g->waiting--;
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return j;
}

static void *work(void *user)
{
    relay_galleries *g = user;
    for (relay_job *j; (j = take_job(g)) != NULL;) {
        do_job(g, j);
        j->done(j->user, j); /* j may be gone now */
    }
    return NULL;
}

bool relay_galleries_add(relay_galleries *g, relay_job *job)
{
    (void)pthread_mutex_lock(&g->mutex);
    const bool room = g->waiting < LINE_MAX && !g->stop;
    if (room) {
        job->next = NULL;
        if (g->first == NULL) {
            g->first = job;
        } else {
            g->last->next = job;
        }
        g->last = job;
        g->waiting++;
        (void)pthread_cond_signal(&g->cond);
    }
    (void)pthread_mutex_unlock(&g->mutex);
    return room;
}

mv_status relay_galleries_new(relay_galleries **out, const relay_config *config,
                              mv_archive *archive, mv_error *err)
{
    mv_status st = MV_OK;
    relay_galleries *g = calloc(1, sizeof *g);
    *out = NULL;
    MV_REQUIRE(g != NULL, err, MV_E_MEMORY, "out of memory");
    g->config = config;
    g->archive = archive;
    (void)pthread_mutex_init(&g->mutex, NULL);
    (void)pthread_cond_init(&g->cond, NULL);
    MV_TRY(relay_models_load(&g->models, config->models, err));
    g->started = pthread_create(&g->thread, NULL, work, g) == 0;
    MV_REQUIRE(g->started, err, MV_E_MEMORY, "cannot start another thread");
    *out = g;
    g = NULL;
done:
    relay_galleries_free(&g);
    return st;
}

void relay_galleries_free(relay_galleries **galleries)
{
    relay_galleries *g = *galleries;
    if (g == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&g->mutex);
    g->stop = true;
    (void)pthread_cond_signal(&g->cond);
    (void)pthread_mutex_unlock(&g->mutex);
    if (g->started) {
        (void)pthread_join(g->thread, NULL);
    }
    for (size_t i = 0; i < READY; i++) {
        drop(&g->ready[i]);
    }
    relay_models_free(&g->models);
    (void)pthread_mutex_destroy(&g->mutex);
    (void)pthread_cond_destroy(&g->cond);
    free(g);
    *galleries = NULL;
}
