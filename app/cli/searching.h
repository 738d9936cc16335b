/* SPDX-License-Identifier: Apache-2.0
 *
 * searching.h: what the gallery and search commands share: whose collection, which vector, and what
 * the key holder keeps beside a gallery FOLDER, both private:
 *     FOLDER.check   the numbers that answers are checked with (analysis.h)
 *     FOLDER.names   a line "<64 hex digits> <name>" for each row that was added from here
 */
#ifndef MV_CLI_SEARCHING_H
#define MV_CLI_SEARCHING_H

#include "cli.h"
#include "medveil/analysis.h"
#include "medveil/embedding.h"
#include "medveil/envelope.h"

/* Options of every command of the key holder. */
#define SEARCHING_KEY_OPTIONS                                                                      \
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},                      \
        PEOPLE_PASSPHRASE_OPTION,                                                                  \
    {                                                                                              \
        "collection", 0, "FILE", "whose images the gallery holds"                                  \
    }

/* searching_key: the key of --collection, opened by --identity, for the embeddings of head_hash.
 * errors: MV_E_ARGUMENT (an option is missing), those of opening a collection */
MV_MUST_CHECK mv_status searching_key(mv_search_key **out, const cli_args *args, mv_error *err);

/* searching_vector: 128 numbers of a .npy file, made a unit vector and quantised.
 * errors: those of mv_image_load, MV_E_ARGUMENT (not 128 numbers), MV_E_RANGE (all zero) */
MV_MUST_CHECK mv_status searching_vector(mv_embedding *out, const char *path, mv_error *err);

/* The hash that stands for vectors from files, where a head's would. */
extern const uint8_t searching_head[MV_SEARCH_HASH_LEN];

/* searching_beside_is_free: no public key and no check lie beside where this gallery will be.
 * errors: MV_E_EXISTS */
MV_MUST_CHECK mv_status searching_beside_is_free(const char *folder, mv_error *err);

/* The check beside a gallery; *out NULL when there is none (a sender's copy). */
MV_MUST_CHECK mv_status searching_check_load(mv_search_check **out, const char *folder,
                                             mv_error *err);
MV_MUST_CHECK mv_status searching_check_save(const mv_search_check *check, const char *folder,
                                             mv_error *err);

/* Names of rows. searching_name: of a row's id, or its hex digits; out has PATH_SIZE bytes. */
MV_MUST_CHECK mv_status searching_names_add(const char *folder, const uint8_t id[MV_SEARCH_ROW_ID],
                                            const char *name, mv_error *err);
void searching_name(char *out, const char *folder, const uint8_t id[MV_SEARCH_ROW_ID]);

#endif
