/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.c: the secret half: making it, and its file. docs/formats/identity.md.
 */
#include "identity.h"

#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"
#include "bech32.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The secret line: this prefix, then created_day (4 bytes, little-endian) and the seed. */
static const char secret_prefix[] = "mvid-secret-0-";
static const char secret_start[] = "mvid-secret-";
enum { SECRET_LEN = 4 + MV_SEED_LEN, SECONDS_PER_DAY = 86400 };

mv_status mv_identity_from_seed(mv_identity **out, const uint8_t seed[MV_SEED_LEN],
                                uint32_t created_day)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_identity *id = NULL;

    MV_TRY(mv_secret_new(&memory, sizeof *id));
    id = memory;
    memcpy(id->seed, seed, sizeof id->seed);
    mv_derive(id->seal_secret, seed, "medveil 0 identity seal", NULL, 0);
    MV_ENSURE(crypto_scalarmult_base(id->card.seal_public, id->seal_secret) == 0, MV_E_INTERNAL);
    mv_derive(id->sign_seed, seed, "medveil 0 identity sign", NULL, 0);
    (void)crypto_sign_seed_keypair(id->card.sign_public, id->sign_secret, id->sign_seed);
    id->card.created_day = created_day;
    MV_TRY(mv_card_make(&id->card, id->sign_secret));
    *out = id;
    id = NULL;
done:
    mv_identity_free(&id);
    return st;
}

mv_status mv_identity_generate(mv_identity **out)
{
    mv_status st = MV_OK;
    void *seed = NULL;
    const time_t now = time(NULL);

    MV_TRY(mv_secret_new(&seed, MV_SEED_LEN));
    MV_TRY(mv_random_bytes(seed, MV_SEED_LEN));
    MV_TRY(mv_identity_from_seed(out, seed, now < 0 ? 0 : (uint32_t)(now / SECONDS_PER_DAY)));
done:
    mv_secret_free(&seed);
    return st;
}

void mv_identity_free(mv_identity **identity)
{
    if (identity != NULL) {
        void *memory = *identity;
        mv_secret_free(&memory);
        *identity = NULL;
    }
}

void mv_identity_card(mv_card *out, const mv_identity *identity)
{
    *out = identity->card;
}

/* ---- the file ---- */

static bool starts_with(const char *line, size_t len, const char *start)
{
    const size_t start_len = strlen(start);
    return len >= start_len && strncasecmp(line, start, start_len) == 0;
}

/* The only line that is neither empty nor a comment, without white space at its ends. */
static mv_status secret_line(const char **line, size_t *line_len, const char *text, size_t len)
{
    const char *end = text + len;
    *line = NULL;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *next = newline == NULL ? end : newline + 1;
        const char *last = newline == NULL ? end : newline;
        while (text < last && isspace((unsigned char)*text)) {
            text++;
        }
        while (text < last && isspace((unsigned char)last[-1])) {
            last--;
        }
        if (text < last && *text != '#') {
            if (*line != NULL) {
                return MV_E_FORMAT;
            }
            *line = text;
            *line_len = (size_t)(last - text);
        }
        text = next;
    }
    return *line == NULL ? MV_E_FORMAT : MV_OK;
}

mv_status mv_identity_read(mv_identity **out, const char *text, size_t len, const char *name,
                           mv_error *err)
{
    mv_status st = MV_OK;
    const char *line = NULL;
    size_t line_len = 0;
    void *memory = NULL;
    uint8_t *secret = NULL;

    MV_TRY(mv_secret_new(&memory, SECRET_LEN));
    secret = memory;
    st = secret_line(&line, &line_len, text, len);
    if (len != 0 && memmem(text, len, "BEGIN MEDVEIL CARD", 18) != NULL) {
        mv_hint(err, "this is a card, which is public; give the identity it was made from");
    }
    MV_REQUIRE(st == MV_OK && starts_with(line, line_len, secret_start), err, MV_E_FORMAT,
               "%s is not a medveil identity", name);
    MV_REQUIRE(starts_with(line, line_len, secret_prefix), err, MV_E_FORMAT,
               "%s is an identity of a newer version than this program knows", name);
    st = mv_bech32m_decode(secret, SECRET_LEN, secret_prefix, line, line_len);
    MV_REQUIRE(st == MV_OK, err, MV_E_FORMAT,
               "the identity in %s is damaged: its checksum is wrong", name);
    MV_TRY(mv_identity_from_seed(out, secret + 4, mv_load_u32le(secret)));
done:
    mv_secret_free(&memory);
    return st;
}

static mv_status check_private(int fd, const char *path, mv_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        return mv_fail(err, MV_E_IO, "cannot read %s: it is not a file", path);
    }
    if (S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)mv_fail(err, MV_E_POLICY, "%s is an identity that other users can read (mode %04o)",
                      path, (unsigned)(info.st_mode & 07777));
        mv_hint(err, "chmod 600 %s", path);
        return MV_E_POLICY;
    }
    return MV_OK;
}

/* Unbuffered, so that no copy of the secret stays in the C library's memory. */
static mv_status read_all(char *out, size_t cap, size_t *len, int fd, const char *path,
                          mv_error *err)
{
    *len = 0;
    for (;;) {
        const ssize_t got = read(fd, out + *len, cap - *len);
        if (got == 0) {
            return MV_OK;
        }
        if (got < 0 && errno != EINTR) {
            return mv_fail(err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
        }
        *len += got < 0 ? 0 : (size_t)got;
        if (*len == cap) {
            return mv_fail(err, MV_E_FORMAT, "%s is not a medveil identity: it is too long", path);
        }
    }
}

mv_status mv_identity_load(mv_identity **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    const int why = errno;
    void *text = NULL;
    size_t len = 0;

    *out = NULL;
    if (fd < 0 && why == ENOENT) {
        mv_hint(err, "make an identity with medveil keygen -o FILE");
    }
    MV_REQUIRE(fd >= 0, err, why == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s", path,
               strerror(why));
    MV_TRY(check_private(fd, path, err));
    MV_TRY(mv_secret_new(&text, MV_IDENTITY_FILE_MAX + 1));
    MV_TRY(read_all(text, MV_IDENTITY_FILE_MAX + 1, &len, fd, path, err));
    MV_TRY(mv_identity_read(out, text, len, path, err));
done:
    mv_secret_free(&text);
    if (fd >= 0 && !is_stdin) {
        (void)close(fd);
    }
    return st;
}

/* The file's text, zero-terminated. cap is MV_IDENTITY_FILE_MAX. */
static mv_status identity_text(char *out, const mv_identity *identity)
{
    mv_status st = MV_OK;
    char name[MV_CARD_NAME_MAX];
    void *memory = NULL;
    uint8_t *secret = NULL;
    int at = 0;

    MV_TRY(mv_secret_new(&memory, SECRET_LEN));
    secret = memory;
    mv_store_u32le(secret, identity->card.created_day);
    memcpy(secret + 4, identity->seed, MV_SEED_LEN);
    mv_card_name(name, identity->card.id);
    at = snprintf(out, MV_IDENTITY_FILE_MAX, "# medveil identity: keep it secret\n# card: %s\n",
                  name);
    MV_TRY(mv_bech32m_encode(out + at, MV_BECH32_LINE_MAX + 1, secret_prefix, secret, SECRET_LEN));
    for (; out[at] != '\0'; at++) {
        out[at] = (char)toupper((unsigned char)out[at]); /* not to be mistaken for an mv1 line */
    }
    memcpy(out + at, "\n", 2);
done:
    mv_secret_free(&memory);
    return st;
}

mv_status mv_identity_save(const mv_identity *identity, const char *path, bool overwrite,
                           mv_error *err)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_output file = {0};
    size_t len = 0;

    MV_TRY(mv_secret_new(&memory, MV_IDENTITY_FILE_MAX));
    MV_TRY(identity_text(memory, identity));
    len = strlen(memory);
    MV_TRY(
        mv_output_open(&file, path, MV_OUTPUT_PRIVATE | (overwrite ? MV_OUTPUT_FORCE : 0u), err));
    (void)setvbuf(file.stream, NULL, _IONBF, 0); /* no copy of the secret in a buffer */
    MV_REQUIRE(fwrite(memory, 1, len, file.stream) == len, err, MV_E_IO, "cannot write %s: %s",
               path, strerror(errno));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_output_abort(&file);
    mv_secret_free(&memory);
    return st;
}

mv_status mv_identity_sign(uint8_t sig[MV_SIGNATURE_LEN], const mv_identity *identity,
                           const uint8_t *msg, size_t len)
{
    return crypto_sign_detached(sig, NULL, msg, len, identity->sign_secret) == 0 ? MV_OK
                                                                                 : MV_E_INTERNAL;
}
