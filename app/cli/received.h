/* SPDX-License-Identifier: Apache-2.0
 *
 * received.h: which sealed files have arrived here, so that none is lost and none is stored twice,
 * whenever the process is killed and whatever the relay says later.
 *
 * A file arrives in this order: the part is whole, authentic and on disk; a note says that it is
 * arriving, where, and with which receipt; the part gets its final name; the note says that it has
 * arrived; the relay hears of it. If the process dies in between, the note and the part tell how
 * far it came: with both, the name is still to be given; with the note alone, it has been. Notes
 * are files in $MEDVEIL_HOME/received; their names tell neither file nor identity.
 */
#ifndef MV_CLI_RECEIVED_H
#define MV_CLI_RECEIVED_H

#include "medveil/client.h"
#include "paths.h"

enum { RECEIVED_NAME_SIZE = 33 };

typedef enum received_state { RECEIVED_NEVER, RECEIVED_ARRIVING, RECEIVED_ARRIVED } received_state;

typedef struct received_note {
    char name[RECEIVED_NAME_SIZE];
    received_state state;
    bool has_receipt; /* false: the file names no sender */
    uint8_t receipt[MV_RECEIPT_SEALED_LEN];
    char path[PATH_SIZE]; /* where it is, or was, to be stored */
} received_note;

/* received_find: what is known of this file for the owner of the card. errors: MV_E_IO,
 * MV_E_FORMAT, MV_E_NOT_FOUND (no home folder) */
MV_MUST_CHECK mv_status received_find(received_note *note, const mv_card *owner,
                                      const mv_client_file *file, mv_error *err);

/* Both are on disk when they return. received_arriving needs has_receipt, receipt and path.
 * errors: MV_E_IO, MV_E_LIMIT */
MV_MUST_CHECK mv_status received_arriving(received_note *note, mv_error *err);
MV_MUST_CHECK mv_status received_arrived(received_note *note, mv_error *err);

/* received_flush_folder: what was renamed in it stays so. errors: MV_E_IO */
MV_MUST_CHECK mv_status received_flush_folder(const char *folder, mv_error *err);

#endif
