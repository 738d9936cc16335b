/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h: sealed files to and from a relay.
 *
 * A relay keeps mailboxes of sealed files that it cannot read. Its address, https://host:port#KEY,
 * carries the hash of its public key; a client talks to the holder of that key and to nobody else
 * (TLS 1.3). Anybody may put files into a mailbox unless the relay asks senders to sign; only the
 * holder of the identity that the mailbox belongs to can list, fetch and remove them, by signing a
 * nonce of the relay. Files are named by the BLAKE2b-256 of their bytes. A broken connection is
 * tried again after growing pauses; a download goes on where it stopped. There is a limit on
 * silence, none on the time of a whole transfer. Who has received a file acknowledges it with a
 * receipt (medveil/receipt.h), for which its sender asks. docs/formats/wire.md is the protocol;
 * medveil/queue.h sends with more patience than a single call has.
 */
#ifndef MEDVEIL_CLIENT_H
#define MEDVEIL_CLIENT_H

#include "medveil/analysis.h"
#include "medveil/receipt.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_CLIENT_HASH_LEN    32
#define MV_CLIENT_FILES_MAX   100000
#define MV_CLIENT_STREAMS_MAX 32

typedef struct mv_client mv_client; /* connections to one relay; one thread at a time */

typedef struct mv_client_opts {
    /* Of a gallery: the client speaks for it and for nobody's mailbox: mv_client_send and
     * mv_client_fetch are of the sealed images of its rows. Borrowed; NULL: not of a gallery. */
    const mv_gallery_access *gallery;
    const mv_identity *identity; /* borrowed for the client's life; NULL: may only send, unsigned */
    unsigned tries;              /* of a request that meets a broken connection; default 3 */
    unsigned connect_timeout_ms; /* default 10 s */
    unsigned idle_timeout_ms;    /* without a byte in either direction; default 60 s */
    mv_progress progress;        /* bytes of the file in hand */
    unsigned streams_max;        /* connections at once for a large download, 1 to 32; default 32 */
    uint64_t bytes_per_s;        /* all of them together; 0, the default: as fast as it goes */
} mv_client_opts;

MV_API mv_client_opts mv_client_defaults(void);

/* mv_client_new: connects later, with the first request.
 * errors: MV_E_ARGUMENT (not a relay's address), MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_client_new(mv_client **out, const char *address,
                                             const mv_client_opts *opts, mv_error *err);
MV_API void mv_client_free(mv_client **client);

/* All calls below: MV_E_NOT_FOUND (nobody answers at the address), MV_E_AUTH (another key answers),
 * MV_E_NETWORK (the connection broke and stayed broken), MV_E_POLICY (the relay refuses),
 * MV_E_BUSY (the relay is overloaded), MV_E_INTERRUPTED, MV_E_MEMORY, each with a sentence. */

typedef struct mv_client_file {
    uint8_t hash[MV_CLIENT_HASH_LEN]; /* BLAKE2b-256 of the sealed bytes */
    uint64_t len;
    uint32_t epoch; /* the mailbox's name changes each week; 0: as it is now */
} mv_client_file;

/* mv_client_hash_file: name and length of a file on this machine. errors: MV_E_NOT_FOUND, MV_E_IO,
 * MV_E_LIMIT (larger than a sealed file can be) */
MV_API MV_MUST_CHECK mv_status mv_client_hash_file(mv_client_file *out, const char *path,
                                                   mv_error *err);

/* mv_client_send: the sealed file at path into the recipient's mailbox; *duplicate: it was there
 * already. Safe to repeat. errors also: MV_E_IO (the file cannot be read), MV_E_LIMIT (too large)
 */
MV_API MV_MUST_CHECK mv_status mv_client_send(mv_client *client, mv_client_file *sent,
                                              bool *duplicate, const char *path,
                                              const mv_card *recipient, mv_error *err);

/* mv_client_list: what waits for the client's identity, in the order of arrival.
 * owner: *files is the caller's, free with mv_client_list_free. */
MV_API MV_MUST_CHECK mv_status mv_client_list(mv_client *client, mv_client_file **files,
                                              size_t *count, mv_error *err);
MV_API void mv_client_list_free(mv_client_file **files);

/* mv_client_fetch: the file into part_path, from where a former fetch stopped; a large one in
 * pieces over several connections. On MV_OK it is whole, has its hash and is flushed to disk; what
 * is in it is still to be authenticated (mv_envelope_open). On an error part_path stays for the
 * next fetch when it holds bytes that may be good, as after a broken connection or an interrupt;
 * else it is removed. errors also: MV_E_BUSY (another process fetches into the same file), MV_E_IO,
 * MV_E_LIMIT; MV_E_AUTH also when the bytes do not have the hash */
MV_API MV_MUST_CHECK mv_status mv_client_fetch(mv_client *client, const mv_client_file *file,
                                               const char *part_path, mv_error *err);

/* mv_client_wait: returns when something new may have arrived since the last list, or after so many
 * seconds (at most 30). */
MV_API MV_MUST_CHECK mv_status mv_client_wait(mv_client *client, unsigned seconds, mv_error *err);

/* mv_client_ack: tells the relay that the file has arrived; the relay removes it and keeps the
 * receipt (1 to 4096 bytes, which it does not look into) for the sender. Safe to repeat. */
MV_API MV_MUST_CHECK mv_status mv_client_ack(mv_client *client, const mv_client_file *file,
                                             const uint8_t *receipt, size_t len, mv_error *err);

/* mv_client_remove: removes the file from the relay without a receipt. Safe to repeat. */
MV_API MV_MUST_CHECK mv_status mv_client_remove(mv_client *client, const mv_client_file *file,
                                                mv_error *err);

/* mv_client_receipt: the receipt for a file that was sent to this recipient, still sealed; one try.
 * *there false: the relay has none (yet). errors also: MV_E_AUTH (what it has is no receipt) */
MV_API MV_MUST_CHECK mv_status mv_client_receipt(mv_client *client, const mv_client_file *file,
                                                 const mv_card *recipient,
                                                 uint8_t sealed[MV_RECEIPT_SEALED_LEN], bool *there,
                                                 mv_error *err);

/* ---- Galleries ----
 *
 * With opts.gallery. What the relay keeps and answers are messages of medveil/analysis.h. */

typedef enum mv_gallery_ask {
    MV_GALLERY_ASK_KEYS,    /* holder: senders' key, then server keys: makes the gallery */
    MV_GALLERY_ASK_MASK,    /* holder: public key for private models */
    MV_GALLERY_ASK_ADD,     /* holder or sender: an upload as row id */
    MV_GALLERY_ASK_GROUP,   /* holder: count (4 bytes), ids, group */
    MV_GALLERY_ASK_REMOVE,  /* holder: row id */
    MV_GALLERY_ASK_RECORDS, /* holder: records after `number`, at most 4,096 of 48 bytes */
    MV_GALLERY_ASK_SEARCH,  /* holder: a query; a reply */
    MV_GALLERY_ASK_PART,    /* holder: part `number`; MV_E_NOT_FOUND past the last */
    MV_GALLERY_ASK_REPACK, /* holder: number of records (8 bytes), hash of the file that was sent */
    MV_GALLERY_ASK_CLASSIFY /* holder: a query to model id; a reply and labels */
} mv_gallery_ask;

typedef struct mv_gallery_request {
    mv_gallery_ask ask;
    uint8_t id[32];
    uint64_t number;
    const uint8_t *body; /* NULL: none */
    size_t len;
} mv_gallery_request;

/* mv_client_gallery: safe to repeat. *reply is the caller's, to be freed with free(); both may be
 * NULL where nothing comes back. errors also: MV_E_NOT_FOUND (no such gallery, row, part, model),
 * MV_E_MISMATCH (another collection or head; the gallery has changed), MV_E_POLICY (no more
 * questions, no room, no key for a private model) */
MV_API MV_MUST_CHECK mv_status mv_client_gallery(mv_client *client,
                                                 const mv_gallery_request *request, uint8_t **reply,
                                                 size_t *len, mv_error *err);

/* mv_client_models: the models that classify at the relay; *count of them, of at most cap. */
typedef struct mv_client_model {
    uint8_t hash[32], head_hash[MV_SEARCH_HASH_LEN];
    char name[72];
    int is_private;
} mv_client_model;
#define MV_CLIENT_MODELS_MAX 64
MV_API MV_MUST_CHECK mv_status mv_client_models(mv_client *client,
                                                mv_client_model model[MV_CLIENT_MODELS_MAX],
                                                size_t *count, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
