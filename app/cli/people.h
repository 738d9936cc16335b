/* SPDX-License-Identifier: Apache-2.0
 *
 * people.h: who acts and for whom: identities with their passphrase, recipients with their dates.
 */
#ifndef MV_CLI_PEOPLE_H
#define MV_CLI_PEOPLE_H

#include "cli.h"
#include "medveil/envelope.h"

/* A row for the options of every command that loads an identity. */
#define PEOPLE_PASSPHRASE_OPTION                                                                   \
    {                                                                                              \
        "passphrase-file", 0, "FILE", "read the identity's passphrase there, - is standard input"  \
    }

/* people_identity: mv_identity_load; a passphrase comes from --passphrase-file, else from the
 * terminal, once. Warns when the identity's own card has expired or soon will. */
MV_MUST_CHECK mv_status people_identity(mv_identity **out, const cli_args *args, const char *path,
                                        mv_error *err);

/* people_new_passphrase: from a file, or typed twice when file is NULL. out has MV_PASSPHRASE_MAX
 * bytes and is the caller's to wipe.
 * errors: MV_E_MISMATCH (typed differently), MV_E_ARGUMENT (empty), and those of reading */
MV_MUST_CHECK mv_status people_new_passphrase(char *out, size_t *len, const char *file,
                                              mv_error *err);

/* people_recipient: mv_card_find and mv_card_check of today; warns when the card expires soon. */
MV_MUST_CHECK mv_status people_recipient(mv_card *out, const char *wanted, mv_error *err);

/* people_set: the parameter set of this name; NULL: pack4096. Says so when there is none, with all
 * names, and returns NULL. */
const mv_he_set *people_set(const char *name);

/* people_say_limits: names a set that is secure against classical attacks only; set may be NULL. */
void people_say_limits(const mv_he_set *set);

/* people_public: the public key of a collection at path. errors: as mv_collection_public_read and
 * of reading, with the file named */
MV_MUST_CHECK mv_status people_public(mv_collection_public **out, const char *path, mv_error *err);

#endif
