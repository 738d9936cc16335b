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
#include "medveil/image.h"

/* What embeddings are made from. */
#define SEARCHING_SOURCE_OPTIONS                                                                   \
    {"model", 'm', "M", "name or file of the model whose head embeds (default cnn)"},              \
    {                                                                                              \
        "vectors", 0, NULL, "inputs are .npy files of 128 numbers, not images"                     \
    }

/* Options of every command of the key holder. */
#define SEARCHING_KEY_OPTIONS                                                                      \
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},                      \
        PEOPLE_PASSPHRASE_OPTION, {"collection", 0, "FILE", "whose images the gallery holds"},     \
        SEARCHING_SOURCE_OPTIONS

/* Options of a command that writes one message. */
#define SEARCHING_OUTPUT_OPTIONS                                                                   \
    {"output", 'o', "FILE", "where to write"},                                                     \
    {                                                                                              \
        "force", 'f', NULL, "replace an existing file"                                             \
    }

/* Where embeddings come from: a model and its head, or, both NULL, vectors. Zero-initialise. */
typedef struct searching_source {
    mv_model *model;
    mv_head *head;
    uint8_t hash[MV_SEARCH_HASH_LEN]; /* of the head; stands for it where there is none */
} searching_source;

/* errors: MV_E_NOT_FOUND (no such model, or none of its heads is installed) */
MV_MUST_CHECK mv_status searching_source_open(searching_source *source, const cli_args *args,
                                              mv_error *err);
void searching_source_close(searching_source *source);

/* searching_key: the key of --collection, opened by --identity, for the embeddings of source; and
 * what its holder signs with at a relay, to be wiped.
 * errors: MV_E_ARGUMENT (an option is missing), those of opening a collection */
MV_MUST_CHECK mv_status searching_key(mv_search_key **out, mv_gallery_access *access,
                                      const cli_args *args, const searching_source *source,
                                      mv_error *err);

/* searching_collection: the collection itself; errors: as searching_key */
MV_MUST_CHECK mv_status searching_collection(mv_collection **out, const cli_args *args,
                                             mv_error *err);

/* searching_need: the value of an option that cannot be left out. errors: MV_E_ARGUMENT */
MV_MUST_CHECK mv_status searching_need(const cli_args *args, const char *option, const char **out,
                                       mv_error *err);

/* searching_write: a message into the file of --output, and a word about it.
 * errors: MV_E_ARGUMENT, MV_E_EXISTS (without --force), MV_E_IO */
MV_MUST_CHECK mv_status searching_write(const cli_args *args, const uint8_t *bytes, size_t len,
                                        mv_error *err);

/* searching_image: an image file; a .mv is opened by --identity, its exact image is taken.
 * errors: those of mv_image_load and of opening; MV_E_ARGUMENT (not one image inside) */
MV_MUST_CHECK mv_status searching_image(mv_image *out, const cli_args *args, const char *path,
                                        mv_error *err);

/* searching_embed: the embedding of such an image, of a .mv the one that travels in it if it is of
 * this head; or 128 numbers of a file, made a unit vector.
 * errors: those of searching_image and mv_head_embed_image; MV_E_ARGUMENT (not 128 numbers),
 * MV_E_RANGE (all zero) */
MV_MUST_CHECK mv_status searching_embed(mv_embedding *out, const cli_args *args,
                                        const searching_source *source, const char *path,
                                        mv_error *err);

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
