/* SPDX-License-Identifier: Apache-2.0
 *
 * golden_seal.c: seals a small sample for a fresh identity, once per format: golden_seal DIR NAME
 * writes DIR/NAME.mv and DIR/NAME.id. The files are committed and never written again.
 */
#include "base/file.h"
#include "envelope_sample.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_identity *sender = sample_identity(1), *receiver = NULL;
    mv_content content = sample_content(true, 300);
    uint8_t *bytes = NULL;
    size_t len = 0;
    char mv[1000], id[1000];

    if (argc != 3) {
        fputs("usage: golden_seal DIR NAME\n", stderr);
        return 2;
    }
    (void)snprintf(mv, sizeof mv, "%s/%s.mv", argv[1], argv[2]);
    (void)snprintf(id, sizeof id, "%s/%s.id", argv[1], argv[2]);
    MV_TRY(mv_identity_generate(&receiver));
    const mv_seal_opts opts = {
        .sender = sender, .recipient = &receiver->card, .recipient_count = 1};
    MV_TRY(mv_envelope_seal(&bytes, &len, NULL, &content, &opts, &err));
    MV_TRY(mv_file_write(mv, bytes, len, 0, &err));
    MV_TRY(mv_identity_save(receiver, id, false, &err));
done:
    if (st != MV_OK) {
        fprintf(stderr, "golden_seal: %s\n", err.text);
    }
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&content);
    mv_identity_free(&sender);
    mv_identity_free(&receiver);
    return st == MV_OK ? 0 : 1;
}
