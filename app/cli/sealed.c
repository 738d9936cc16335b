/* SPDX-License-Identifier: Apache-2.0
 *
 * sealed.c: opening .mv files for commands.
 */
#include "sealed.h"

#include "base/file.h"

#include <string.h>

/* Damage to an envelope's frame is told like damage to its content. */
static mv_status settle(mv_status st, const mv_buffer *file)
{
    const bool damaged = st == MV_E_FORMAT || st == MV_E_TRUNCATED || st == MV_E_RANGE;
    const bool envelope = file->len >= MV_ENVELOPE_MAGIC_LEN &&
                          memcmp(file->bytes, MV_ENVELOPE_MAGIC, MV_ENVELOPE_MAGIC_LEN) == 0;
    return damaged && envelope ? MV_E_AUTH : st;
}

static mv_status check_sender(const mv_sender *sender, const mv_card *from, mv_error *err)
{
    if (from != NULL && (sender->anonymous || !mv_card_same_owner(&sender->card, from))) {
        return mv_fail(err, MV_E_AUTH, "it is not sealed by the card given with --from");
    }
    return MV_OK;
}

mv_status sealed_open(mv_content *content, mv_sender *sender, mv_envelope_stats *stats,
                      const char *path, const mv_identity *identity, const mv_card *from,
                      unsigned what, mv_error *err)
{
    mv_buffer file = mv_buffer_make(MV_ENVELOPE_LEN_MAX);
    mv_error why = {0};
    mv_status st = mv_file_read(&file, path, err);

    if (st != MV_OK) {
        goto done;
    }
    st = mv_envelope_open(content, sender, stats, file.bytes, file.len, identity,
                          what & MV_OPEN_ALL, &why);
    if (st == MV_OK && (what & MV_OPEN_IF_LOSSY) && !stats->exact_kept) {
        mv_content_clear(content);
        st = mv_envelope_open(content, sender, stats, file.bytes, file.len, identity,
                              MV_OPEN_FEATURES, &why);
    }
    if (st == MV_OK) {
        st = check_sender(sender, from, &why);
    }
    if (st != MV_OK) {
        st = settle(st, &file);
        (void)mv_fail(err, st, "cannot open %.150s: %.300s", path,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
    }
done:
    if (st != MV_OK) {
        mv_content_clear(content);
    }
    mv_buffer_clear(&file);
    return st;
}
