/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_internal.h: a gallery's state, and the bytes of its parts.
 */
#ifndef MV_ANALYSIS_GALLERY_INTERNAL_H
#define MV_ANALYSIS_GALLERY_INTERNAL_H

#include "analysis/gallery_store.h"
#include "analysis/search_internal.h"

#include <pthread.h>

typedef struct gallery_row {
    uint8_t id[MV_SEARCH_ROW_ID];
    uint8_t removed;
} gallery_row;

struct mv_gallery {
    const mv_gallery_store_ops *ops;
    void *store;
    mv_search_owner owner;
    mv_he_eval_keys *keys;
    pthread_rwlock_t lock;
    gallery_row *row;
    size_t rows, row_cap;
    mv_he_work *work; /* of the writer */
    mv_cipher *open, *one, *model;
    size_t cell;
    size_t blocks;    /* finished, with a file */
    uint64_t *merged; /* the next block: its first merged_rows rows */
    uint64_t *last;   /* the next last_rows rows, of the open group or unit, at their place */
    uint32_t merged_rows, last_rows;
};

/* Number of the open group, from 0. */
static inline size_t mv_gallery_group(const mv_gallery *g)
{
    return g->rows / MV_SEARCH_GROUP_MAX;
}

/* Rows in the open group: 0..63. */
static inline uint32_t mv_gallery_open_rows(const mv_gallery *g)
{
    return (uint32_t)(g->rows % MV_SEARCH_GROUP_MAX);
}

/* A name of zeros: a row that only fills a group. */
static inline bool mv_gallery_is_nameless(const uint8_t id[MV_SEARCH_ROW_ID])
{
    uint8_t any = 0;
    for (size_t i = 0; i < MV_SEARCH_ROW_ID; i++) {
        any |= id[i];
    }
    return any == 0;
}

enum { MV_GALLERY_ADDED = 1, MV_GALLERY_REMOVED = 2 };

/* gallery_parts.c; err gets a sentence */
MV_MUST_CHECK mv_status mv_gallery_load(mv_gallery *g, mv_error *err);
void mv_gallery_record(uint8_t out[MV_GALLERY_RECORD], uint8_t type, uint64_t row,
                       const uint8_t *id);
/* ids NULL: nameless. */
MV_MUST_CHECK mv_status mv_gallery_add_rows(mv_gallery *g, const uint8_t *ids, size_t count);
size_t mv_gallery_group_size(void); /* at most */
MV_MUST_CHECK mv_status mv_gallery_write_group(uint8_t *out, size_t *len, const mv_gallery *g,
                                               uint32_t count, const mv_cipher *cipher);
MV_MUST_CHECK mv_status mv_gallery_read_group(mv_gallery *g, size_t group, uint32_t *count,
                                              mv_cipher *cipher, mv_error *err);
void mv_gallery_write_block(uint8_t *out, const mv_gallery *g, const uint64_t *rows);
/* mv_gallery_read_block: into mv_gallery_block_bytes and MV_GALLERY_SLACK. */
MV_MUST_CHECK mv_status mv_gallery_read_block(uint8_t *out, const mv_gallery *g, size_t block,
                                              mv_error *err);
#endif
