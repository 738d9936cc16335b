/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_store.h: where a gallery keeps its bytes: a folder (gallery_folder.c), or the archive of
 * a relay (src/store). A gallery is its keys, a log of records, groups, and finished blocks; the
 * gallery knows what is in them, the store only that a change is there as a whole or not at all.
 */
#ifndef MV_ANALYSIS_GALLERY_STORE_H
#define MV_ANALYSIS_GALLERY_STORE_H

#include "base/bytes.h"
#include "medveil/analysis.h"

#include <stdbool.h>

#define MV_GALLERY_RECORD 48 /* bytes of a record (docs/formats/search.md) */

typedef enum mv_gallery_part { MV_GALLERY_GROUP = 1, MV_GALLERY_BLOCK } mv_gallery_part;

/* What a record says. */
typedef struct mv_gallery_event {
    bool added; /* else removed */
    uint64_t row;
    const uint8_t *id; /* of an added row; into the record */
} mv_gallery_event;

/* mv_gallery_record_read: any bytes; rows come in order, and only those that are there go: rows is
 * how many came before. errors: MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_gallery_record_read(mv_gallery_event *out,
                                               const uint8_t record[MV_GALLERY_RECORD],
                                               uint64_t rows);

/* A change: records at the end of the log and, unless part is NULL, group `group` anew. */
typedef struct mv_gallery_change {
    const uint8_t *record; /* [records][MV_GALLERY_RECORD] */
    size_t records;
    const uint8_t *part;
    size_t part_len, group;
} mv_gallery_change;

/* self is the store's own. Every call but close says in err what is wrong. */
typedef struct mv_gallery_store_ops {
    mv_status (*keys)(void *self, mv_buffer *out, mv_error *err);
    /* All records in order; *blocks: how many are finished. */
    mv_status (*load)(void *self, mv_buffer *records, size_t *blocks, mv_error *err);
    /* Durable when it returns. MV_E_BUSY: somebody else changed the gallery since it was loaded. */
    mv_status (*change)(void *self, const mv_gallery_change *change, mv_error *err);
    /* A part into out; *len of its cap bytes. MV_E_NOT_FOUND: there is none. */
    mv_status (*read)(void *self, mv_gallery_part part, size_t number, uint8_t *out, size_t cap,
                      size_t *len, mv_error *err);
    /* Block number `block`, instead of the groups from first on, groups of them. */
    mv_status (*finish)(void *self, size_t block, const uint8_t *bytes, size_t len, size_t first,
                        size_t groups, mv_error *err);
    void (*close)(void *self);
} mv_gallery_store_ops;

/* mv_gallery_open_store: the gallery in a store, which is closed with it, or by a failure here. */
MV_MUST_CHECK mv_status mv_gallery_open_store(mv_gallery **out, const mv_gallery_store_ops *ops,
                                              void *self, mv_error *err);

/* mv_search_server_check: whether these may be a gallery's keys. errors: readers' */
MV_MUST_CHECK mv_status mv_search_server_check(const uint8_t *server_keys, size_t len);

/* mv_gallery_regroup: a group of the key holder as it is stored when its rows begin at `first`, a
 * multiple of 64; *out points into stored, mv_gallery_change_size bytes of the caller's.
 * errors: readers', MV_E_MISMATCH (another gallery's) */
size_t mv_gallery_change_size(void);
MV_MUST_CHECK mv_status mv_gallery_regroup(mv_gallery *gallery, mv_gallery_change *out,
                                           uint8_t *stored, size_t first, const uint8_t *ids,
                                           uint32_t count, const uint8_t *group, size_t len);

/* mv_gallery_folder: a folder as a store. errors: MV_E_NOT_FOUND (no gallery), MV_E_BUSY */
extern const mv_gallery_store_ops mv_gallery_folder_ops;
MV_MUST_CHECK mv_status mv_gallery_folder(void **out, const char *folder, mv_error *err);

#endif
