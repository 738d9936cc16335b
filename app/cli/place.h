/* SPDX-License-Identifier: Apache-2.0
 *
 * place.h: where a gallery is: in a folder of this machine, or at a relay; the commands do the same
 * with both. A gallery has a NAME, which is the folder, or with --relay only begins the names of
 * what is kept here; the default is the name of the collection's file or of the public key's:
 *     NAME.pub     for senders: with it rows are added
 *     NAME.check   private: the numbers that answers are checked with (analysis.h)
 *     NAME.names   private: a line "<64 hex digits> <file>" for each row that was added from here
 *     NAME.rows    with a relay: the records of rows that were seen already
 */
#ifndef MV_CLI_PLACE_H
#define MV_CLI_PLACE_H

#include "paths.h"
#include "searching.h"

#include "base/bytes.h"
#include "medveil/client.h"

#define PLACE_OPTIONS                                                                              \
    {"gallery", 'g', "NAME", "the gallery's folder (default: the collection's name + .gallery)"},  \
    {                                                                                              \
        "relay", 0, "URL", "the gallery is at this relay, not in a folder"                         \
    }

/* Zero-initialise; place_close frees. */
typedef struct place {
    const cli_args *args;
    char name[PATH_SIZE];
    mv_gallery *gallery; /* of a folder */
    mv_client *client;   /* of a relay */
    mv_gallery_access access;
    mv_buffer records;    /* of a relay: all of them, after place_rows */
    mv_client_file *file; /* of a relay: the sealed images, after the first place_image */
    size_t files;
    bool listed;
    size_t rows;   /* after place_rows */
    uint8_t *id;   /* [rows][32] */
    bool *removed; /* [rows] */
} place;

/* place_name: NAME of the options. errors: MV_E_ARGUMENT, MV_E_LIMIT */
MV_MUST_CHECK mv_status place_name(place *p, const cli_args *args, mv_error *err);
/* place_open: who: the holder's or a sender's access. errors: those of galleries and clients */
MV_MUST_CHECK mv_status place_open(place *p, const mv_gallery_access *who, mv_error *err);
void place_close(place *p);

/* place_rows: which rows there are now. place_find: a row that is not removed, or p->rows. */
MV_MUST_CHECK mv_status place_rows(place *p, mv_error *err);
size_t place_find(const place *p, const uint8_t id[MV_SEARCH_ROW_ID]);

MV_MUST_CHECK mv_status place_append(place *p, const uint8_t id[MV_SEARCH_ROW_ID],
                                     const uint8_t *upload, size_t len, mv_error *err);
MV_MUST_CHECK mv_status place_append_group(place *p, const uint8_t *ids, uint32_t count,
                                           const uint8_t *group, size_t len, mv_error *err);
MV_MUST_CHECK mv_status place_remove(place *p, const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err);
/* place_search: *reply is freed with free(). */
MV_MUST_CHECK mv_status place_search(place *p, uint8_t **reply, size_t *len, const uint8_t *query,
                                     size_t query_len, mv_error *err);

/* place_part: as mv_gallery_part_bytes; a relay's parts follow each other in the same way. */
MV_MUST_CHECK mv_status place_part(place *p, size_t index, uint8_t **bytes, size_t *len,
                                   mv_error *err);
/* place_repacked: everything in the gallery becomes what is in this file of groups (a relay) or in
 * this folder. */
MV_MUST_CHECK mv_status place_repacked(place *p, const char *path, mv_error *err);

/* place_has_image: whether the relay has the sealed image of this row. */
MV_MUST_CHECK mv_status place_has_image(place *p, bool *there, const uint8_t id[MV_SEARCH_ROW_ID],
                                        mv_error *err);
/* place_image: the sealed image of a row at a relay, into a file. errors: MV_E_NOT_FOUND */
MV_MUST_CHECK mv_status place_image(place *p, const char *path, const uint8_t id[MV_SEARCH_ROW_ID],
                                    mv_error *err);
/* place_keep_image: a sealed file, whose hash is its row's id. */
MV_MUST_CHECK mv_status place_keep_image(place *p, uint8_t id[MV_SEARCH_ROW_ID], const char *path,
                                         mv_error *err);

#endif
