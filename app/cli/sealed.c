/* SPDX-License-Identifier: Apache-2.0
 *
 * sealed.c: opening .mv files for commands.
 */
#include "sealed.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A pipe is copied, still sealed, so that it can be read more than once. */
static mv_status copy_pipe(FILE **stream, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    FILE *from = *stream, *to = tmpfile();
    uint8_t block[65536];
    size_t got = 0;

    MV_REQUIRE(to != NULL, err, MV_E_IO, "cannot write a temporary file: %s", strerror(errno));
    while ((got = fread(block, 1, sizeof block, from)) > 0) {
        MV_REQUIRE(fwrite(block, 1, got, to) == got, err, MV_E_IO,
                   "cannot write a temporary file: %s", strerror(errno));
    }
    MV_REQUIRE(!ferror(from) && fflush(to) == 0, err, MV_E_IO, "cannot read %s: %s", path,
               strerror(errno));
    *stream = to;
    to = NULL;
    if (from != stdin) {
        (void)fclose(from);
    }
done:
    if (to != NULL) {
        (void)fclose(to);
    }
    return st;
}

mv_status sealed_source(sealed_file *file, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    file->stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    MV_REQUIRE(file->stream != NULL, err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO,
               "cannot read %s: %s", path, strerror(errno));
    MV_REQUIRE(fstat(fileno(file->stream), &info) == 0 && !S_ISDIR(info.st_mode), err, MV_E_IO,
               "cannot read %s: it is a folder", path);
    if (file->stream == stdin || !S_ISREG(info.st_mode)) {
        MV_TRY(copy_pipe(&file->stream, path, err));
    }
    MV_TRY(mv_source_file(&file->source, file->stream, err));
done:
    return st;
}

void sealed_close(sealed_file *file)
{
    mv_opener_free(&file->opener);
    if (file->stream != NULL && file->stream != stdin) {
        (void)fclose(file->stream);
    }
    file->stream = NULL;
}

/* Whether it starts like an envelope of the format that this program knows. */
static bool is_envelope(const mv_source *source)
{
    uint8_t start[MV_ENVELOPE_MAGIC_LEN + 2] = {0};
    const size_t len = source->len < sizeof start ? (size_t)source->len : sizeof start;
    return source->read(source->user, 0, start, len, NULL) == MV_OK &&
           memcmp(start, MV_ENVELOPE_MAGIC, MV_ENVELOPE_MAGIC_LEN) == 0 &&
           (len < sizeof start || mv_load_u16le(start + MV_ENVELOPE_MAGIC_LEN) == 1);
}

/* Damage to an envelope's frame is told like damage to its content. */
static mv_status settle(mv_status st, const mv_source *source)
{
    const bool damaged = st == MV_E_FORMAT || st == MV_E_TRUNCATED || st == MV_E_RANGE;
    return damaged && is_envelope(source) ? MV_E_AUTH : st;
}

static mv_status check_sender(const mv_sender *sender, const mv_card *from, mv_error *err)
{
    if (from != NULL && (sender->anonymous || !mv_card_same_owner(&sender->card, from))) {
        return mv_fail(err, MV_E_AUTH, "it is not sealed by the card given with --from");
    }
    return MV_OK;
}

mv_status sealed_open(sealed_file *file, const char *path, const mv_identity *identity,
                      const mv_card *from, mv_error *err)
{
    mv_error why = {0};
    mv_status st = sealed_source(file, path, err);

    if (st != MV_OK) {
        return st;
    }
    st = mv_opener_new(&file->opener, &file->source, identity, &why);
    if (st == MV_OK) {
        st = check_sender(mv_opener_sender(file->opener), from, &why);
    }
    if (st != MV_OK) {
        st = settle(st, &file->source);
        (void)mv_fail(err, st, "cannot open %.150s: %.300s", path,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
        sealed_close(file);
    }
    return st;
}

mv_status sealed_load_collection(mv_collection **out, const char *path, const mv_identity *identity,
                                 mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    mv_error why = {0};

    *out = NULL;
    MV_TRY(sealed_source(&file, path, err));
    st = mv_collection_open(out, &file.source, identity, &why);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot open %.150s: %.300s", path,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
    }
done:
    sealed_close(&file);
    return st;
}

mv_status sealed_collection(sealed_file *file, const char *path, const mv_identity *identity,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;

    if (path != NULL && mv_opener_collection_id(file->opener) != NULL) {
        MV_TRY(sealed_load_collection(&collection, path, identity, err));
        MV_TRY(mv_opener_collection(file->opener, collection, err));
    }
done:
    mv_collection_free(&collection);
    return st;
}
