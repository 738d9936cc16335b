/* SPDX-License-Identifier: Apache-2.0
 *
 * deidentify.c: the part of de-identification that has the key: new UIDs, pseudonyms, shifts, the
 * gate for burned-in text, and the file in which the sender keeps them.
 *
 * The file is text, a line each: "medveil pseudonyms 1", "key HEX", then sorted "uid OLD NEW" and
 * "patient PSEUDONYM DAYS NUMBER". Only the key is needed; the pairs are for the sender to look up.
 */
#include "deidentify.h"

#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"
#include "dicom_run.h"
#include "text_likelihood.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TITLE          "medveil pseudonyms 1"
#define FILE_LEN_MAX   ((size_t)64 << 20)
#define UIDS_LEN_MAX   ((size_t)4 << 20) /* of one file */
#define GROWTH_MAX     ((size_t)1 << 20) /* by which a rewritten file may be longer, beyond half */
#define PIXELS_LEN_MAX ((uint64_t)1 << 30)
#define DAYS_MIN       30
#define DAYS_SPAN      3621 /* shifts are 30 to 3650 days back */
#define REPORT_MAX     65536
#define NUMBER_DIGITS  40 /* of 2^128, with the final zero */

enum { KEY_LEN = 32 };

struct mv_deid {
    uint8_t *key; /* KEY_LEN bytes of locked memory; no child inherits it */
    unsigned keep;
    mv_deid_blank blank[MV_DEID_BLANKS_MAX];
    size_t blank_count;
    mv_buffer lines; /* "uid ..\n", "patient ..\n": as found, sorted when saved */
    mv_deid_row *row;
    size_t row_count, row_cap;
};

/* ---- names under the key ---- */

/* out: len bytes, at least 16 */
static void keyed(uint8_t *out, size_t len, const mv_deid *d, const char *what, const char *value)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, d->key, KEY_LEN, len);
    (void)crypto_generichash_update(&state, (const uint8_t *)what, strlen(what) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)value, strlen(value));
    (void)crypto_generichash_final(&state, out, len);
    sodium_memzero(&state, sizeof state);
}

/* 16 bytes, most significant first -> decimal digits. */
static void to_decimal(char out[NUMBER_DIGITS], const uint8_t number[16])
{
    uint8_t left[16];
    char reversed[NUMBER_DIGITS];
    size_t count = 0;
    bool more = true;
    memcpy(left, number, sizeof left);
    while (more) {
        unsigned rest = 0;
        more = false;
        for (size_t i = 0; i < sizeof left; i++) {
            rest = rest << 8 | left[i];
            left[i] = (uint8_t)(rest / 10);
            rest %= 10;
            more = more || left[i] != 0;
        }
        reversed[count++] = (char)('0' + rest);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    out[count] = '\0';
}

enum { NEW_UID_MAX = 5 + NUMBER_DIGITS };

/* A UID made of a UUID (version 8, [RFC9562]), as PS3.5 B.2 has it. */
static void new_uid(char out[NEW_UID_MAX], const mv_deid *d, const char *old)
{
    uint8_t uuid[16];
    memcpy(out, "2.25.", 5);
    keyed(uuid, sizeof uuid, d, "uid", old);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    to_decimal(out + 5, uuid);
}

static void name_patient(mv_deid_plan *plan, const mv_deid *d, const char *patient)
{
    uint8_t hash[16];
    keyed(hash, sizeof hash, d, "patient", patient);
    (void)snprintf(plan->pseudonym, sizeof plan->pseudonym, "P%02X%02X%02X%02X%02X%02X", hash[0],
                   hash[1], hash[2], hash[3], hash[4], hash[5]);
    keyed(hash, sizeof hash, d, "days", patient);
    plan->shift_days = -(int32_t)(DAYS_MIN + mv_load_u32le(hash) % DAYS_SPAN);
}

/* ---- the sender's file ---- */

static mv_status add_text(mv_buffer *b, const char *text)
{
    return mv_buffer_append(b, (const uint8_t *)text, strlen(text));
}

/* A value out of a DICOM file cannot add lines of its own. */
static mv_status add_value(mv_buffer *b, const char *text)
{
    mv_status st = MV_OK;
    for (const char *c = text; *c != '\0' && st == MV_OK; c++) {
        const uint8_t byte = (unsigned char)*c < 0x20 ? '?' : (uint8_t)*c;
        st = mv_buffer_append(b, &byte, 1);
    }
    return st;
}

static mv_status note_uid(mv_deid *d, const char *old, const char *fresh)
{
    mv_status st = MV_OK;
    MV_TRY(add_text(&d->lines, "uid "));
    MV_TRY(add_value(&d->lines, old));
    MV_TRY(add_text(&d->lines, " "));
    MV_TRY(add_text(&d->lines, fresh));
    MV_TRY(add_text(&d->lines, "\n"));
done:
    return st;
}

static mv_status note_patient(mv_deid *d, const mv_deid_plan *plan, const char *patient)
{
    mv_status st = MV_OK;
    char head[64];
    (void)snprintf(head, sizeof head, "patient %s %d ", plan->pseudonym, (int)plan->shift_days);
    MV_TRY(add_text(&d->lines, head));
    MV_TRY(add_value(&d->lines, patient));
    MV_TRY(add_text(&d->lines, "\n"));
done:
    return st;
}

static mv_status parse_file(mv_deid *d, const char *text, size_t len, const char *path,
                            mv_error *err)
{
    mv_status st = MV_OK;
    static const char head[] = TITLE "\nkey ";
    const size_t key_at = sizeof head - 1, rest = key_at + 2 * (size_t)KEY_LEN + 1;
    size_t key_len = 0;

    MV_REQUIRE(len >= rest && memcmp(text, head, key_at) == 0 && text[rest - 1] == '\n' &&
                   text[len - 1] == '\n' &&
                   sodium_hex2bin(d->key, KEY_LEN, text + key_at, 2 * (size_t)KEY_LEN, NULL,
                                  &key_len, NULL) == 0 &&
                   key_len == KEY_LEN,
               err, MV_E_FORMAT, "%s is not a file of pseudonyms", path);
    MV_TRY(mv_buffer_append(&d->lines, (const uint8_t *)text + rest, len - rest));
done:
    return st;
}

static mv_status read_file(mv_deid *d, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    size_t len = 0;
    char *text = malloc(FILE_LEN_MAX);

    MV_REQUIRE(text != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_private_read(text, FILE_LEN_MAX, &len, path, "file of pseudonyms", err));
    MV_TRY(parse_file(d, text, len, path, err));
done:
    if (text != NULL) {
        sodium_memzero(text, len);
    }
    free(text);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each line once, in order. text is cut up. */
static mv_status add_lines(mv_buffer *out, char *text, size_t len)
{
    mv_status st = MV_OK;
    size_t count = 0;
    const char **line = calloc(len / 2 + 1, sizeof *line);

    MV_ENSURE(line != NULL, MV_E_MEMORY);
    for (char *next = text; next < text + len; next += strlen(next) + 1) {
        next[strcspn(next, "\n")] = '\0';
        line[count++] = next;
    }
    qsort(line, count, sizeof *line, by_text);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(line[i - 1], line[i]) != 0) {
            MV_TRY(add_text(out, line[i]));
            MV_TRY(add_text(out, "\n"));
        }
    }
done:
    free(line);
    return st;
}

mv_status mv_deid_save(const mv_deid *d, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char hex[2 * KEY_LEN + 1];
    mv_buffer out = mv_buffer_make(FILE_LEN_MAX), copy = mv_buffer_make(FILE_LEN_MAX + 1);

    (void)sodium_bin2hex(hex, sizeof hex, d->key, KEY_LEN);
    MV_TRY(add_text(&out, TITLE "\nkey "));
    MV_TRY(add_text(&out, hex));
    MV_TRY(add_text(&out, "\n"));
    MV_TRY(mv_buffer_append(&copy, d->lines.bytes, d->lines.len));
    MV_TRY(mv_buffer_put_u8(&copy, 0));
    MV_TRY(add_lines(&out, (char *)copy.bytes, d->lines.len));
    MV_TRY(mv_file_write(path, out.bytes, out.len, MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
done:
    sodium_memzero(hex, sizeof hex);
    mv_buffer_clear(&out);
    mv_buffer_clear(&copy);
    return st;
}

/* ---- a session ---- */

mv_status mv_deid_new(mv_deid **out, const char *path, unsigned keep, mv_error *err)
{
    mv_status st = MV_OK;
    void *key = NULL;
    mv_deid *d = calloc(1, sizeof *d);

    *out = NULL;
    MV_REQUIRE(d != NULL, err, MV_E_MEMORY, "out of memory");
    d->keep = keep;
    d->lines = mv_buffer_make(FILE_LEN_MAX);
    MV_REQUIRE((keep & MV_DEID_KEEP_DATES) == 0 || (keep & MV_DEID_SHIFT_DATES) == 0, err,
               MV_E_ARGUMENT, "dates are either kept or shifted, not both");
    MV_TRY(mv_secret_new(&key, KEY_LEN));
    d->key = key;
    if (path != NULL && access(path, F_OK) == 0) {
        MV_TRY(read_file(d, path, err));
    } else {
        MV_TRY(mv_random_bytes(d->key, KEY_LEN));
    }
    *out = d;
    d = NULL;
done:
    mv_deid_free(&d);
    return st;
}

mv_status mv_deid_blank_out(mv_deid *d, const mv_deid_blank *blank, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(d->blank_count < MV_DEID_BLANKS_MAX, err, MV_E_LIMIT,
               "at most %d parts of an image are made black", MV_DEID_BLANKS_MAX);
    MV_REQUIRE((d->keep & MV_DEID_KEEP_UIDS) == 0, err, MV_E_ARGUMENT,
               "an object with other pixels needs a UID of its own: UIDs cannot stay");
    d->blank[d->blank_count++] = *blank;
done:
    return st;
}

void mv_deid_free(mv_deid **d)
{
    if (*d != NULL) {
        void *key = (*d)->key;
        mv_secret_free(&key);
        mv_buffer_clear(&(*d)->lines);
        free((*d)->row);
        free(*d);
        *d = NULL;
    }
}

size_t mv_deid_row_count(const mv_deid *d)
{
    return d->row_count;
}

const mv_deid_row *mv_deid_row_at(const mv_deid *d, size_t i)
{
    return &d->row[i];
}

const char *mv_deid_action_name(uint32_t action)
{
    static const char *const names[MV_DEID_ACTIONS] = {
        "kept", "removed", "emptied", "replaced", "new UID", "shifted", "pseudonym", "cleaned"};
    return action < MV_DEID_ACTIONS ? names[action] : "unknown";
}

static mv_status add_row(mv_deid *d, const mv_deid_row *row)
{
    for (size_t i = 0; i < d->row_count; i++) {
        if (d->row[i].tag == row->tag && d->row[i].action == row->action) {
            d->row[i].count += row->count;
            return MV_OK;
        }
    }
    if (d->row_count == d->row_cap) {
        const size_t cap = 2 * d->row_cap + 64;
        mv_deid_row *more = cap > REPORT_MAX ? NULL : realloc(d->row, cap * sizeof *more);
        if (more == NULL) {
            return MV_E_MEMORY;
        }
        d->row = more;
        d->row_cap = cap;
    }
    d->row[d->row_count++] = *row;
    return MV_OK;
}

/* ---- the two passes ---- */

typedef struct pass {
    unsigned keep;
    const mv_deid_plan *plan;
} pass;

static uint32_t collect_work(const mv_sandbox_job *job)
{
    const pass *p = job->context;
    return mv_deid_collect(job->answer, (char *)job->bulk, job->bulk_len, p->keep, job->bytes,
                           job->len);
}

static uint32_t apply_work(const mv_sandbox_job *job)
{
    const pass *p = job->context;
    return mv_deid_apply(job->bulk, job->bulk_len, p->plan, job->bytes, job->len);
}

static mv_status collect(mv_deid_facts *facts, mv_buffer *uids, const mv_deid *d,
                         const uint8_t *bytes, size_t len, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    const pass p = {.keep = d->keep};
    size_t room = UIDS_LEN_MAX;
    const mv_image_source source = {.bytes = bytes, .len = len, .name = name};
    mv_sandbox_job job = mv_dicom_job(&source, room);

    MV_TRY(mv_buffer_append_zeros(uids, room));
    job.work = collect_work;
    job.context = &p;
    job.answer = facts;
    job.answer_len = sizeof *facts;
    job.bulk = uids->bytes;
    job.bulk_len = &room;
    MV_TRY(mv_dicom_run(&job, name, err));
    MV_REQUIRE(room <= UIDS_LEN_MAX && (room == 0 || uids->bytes[room - 1] == 0), err, MV_E_FORMAT,
               "%s is a damaged DICOM file", name);
    uids->len = room;
    facts->patient[MV_DEID_ID_MAX - 1] = '\0';
done:
    return st;
}

/* old, new, old, new, .. */
static mv_status choose_uids(mv_buffer *pairs, mv_deid *d, const mv_buffer *uids)
{
    mv_status st = MV_OK;
    const char *next = (const char *)uids->bytes;
    while (next != NULL && next < (const char *)uids->bytes + uids->len) {
        char fresh[NEW_UID_MAX];
        const size_t len = strlen(next) + 1;
        new_uid(fresh, d, next);
        MV_TRY(mv_buffer_append(pairs, (const uint8_t *)next, len));
        MV_TRY(mv_buffer_append(pairs, (const uint8_t *)fresh, strlen(fresh) + 1));
        MV_TRY(note_uid(d, next, fresh));
        next += len;
    }
done:
    return st;
}

/* What the child wrote: a number of rows, the rows, the file. */
static mv_status take_answer(mv_buffer *out, mv_deid *d, const uint8_t *bulk, size_t len,
                             const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t count = 0;
    const size_t first = sizeof count;

    MV_REQUIRE(len >= first, err, MV_E_FORMAT, "%s is a damaged DICOM file", name);
    memcpy(&count, bulk, first);
    MV_REQUIRE(count <= REPORT_MAX && len - first >= count * sizeof(mv_deid_row), err, MV_E_FORMAT,
               "%s is a damaged DICOM file", name);
    for (uint32_t i = 0; i < count; i++) {
        mv_deid_row row;
        memcpy(&row, bulk + first + i * sizeof row, sizeof row);
        MV_TRY(add_row(d, &row));
    }
    const size_t head = first + count * sizeof(mv_deid_row);
    MV_TRY(mv_buffer_append(out, bulk + head, len - head));
done:
    return st;
}

static mv_status apply(mv_buffer *out, mv_deid *d, const mv_deid_plan *plan, const uint8_t *bytes,
                       size_t len, uint64_t pixels_len, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    const pass p = {.keep = d->keep, .plan = plan};
    const size_t most = len + len / 2 + GROWTH_MAX + (size_t)pixels_len;
    size_t room = most;
    mv_buffer bulk = mv_buffer_make(most);
    const mv_image_source source = {.bytes = bytes, .len = len, .name = name};
    mv_sandbox_job job = mv_dicom_job(&source, most);

    MV_TRY(mv_buffer_append_zeros(&bulk, most));
    job.work = apply_work;
    job.context = &p;
    job.bulk = bulk.bytes;
    job.bulk_len = &room;
    MV_TRY(mv_dicom_run(&job, name, err));
    MV_TRY(take_answer(out, d, bulk.bytes, room <= most ? room : 0, name, err));
done:
    mv_buffer_clear(&bulk);
    return st;
}

/* ---- burned-in text ---- */

/* Before anything is done: what the header says, unless a part is to be made black. */
static mv_status gate_header(const mv_deid_facts *facts, bool blanks, const char *name,
                             mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(facts->has_pixels == 0 || facts->burned_in != 2 || blanks, err, MV_E_POLICY,
               "%s says that text is burned into its pixels", name);
    return MV_OK;
done:
    mv_hint(err, "--blank X,Y,WIDTH,HEIGHT makes a part black; --burned-in-ok lets such images "
                 "through as they are");
    return st;
}

/* Every part begins inside of the image. */
static mv_status check_blanks(const mv_deid *d, const mv_deid_facts *facts, const char *name,
                              mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < d->blank_count && facts->has_pixels != 0; i++) {
        MV_REQUIRE(d->blank[i].x < facts->columns && d->blank[i].y < facts->rows, err,
                   MV_E_ARGUMENT, "%s has %u x %u pixels: the part to be made black lies outside",
                   name, facts->columns, facts->rows);
    }
    MV_REQUIRE(d->blank_count == 0 || facts->pixels_len <= PIXELS_LEN_MAX, err, MV_E_LIMIT,
               "%s has too many pixels to make a part of them black", name);
done:
    return st;
}

static mv_status gate(const mv_deid_facts *facts, const uint8_t *bytes, size_t len,
                      const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    uint32_t letters = 0;

    if (facts->has_pixels == 0) {
        return MV_OK;
    }
    MV_REQUIRE(facts->hidden_overlay == 0, err, MV_E_POLICY,
               "%s has an overlay in unused bits of its pixels", name);
    st = mv_image_decode(&image, bytes, len, name, NULL);
    MV_REQUIRE(st == MV_OK, err, MV_E_POLICY, "%s has pixels that cannot be looked at for text",
               name);
    MV_TRY(mv_text_letters(&letters, &image));
    MV_REQUIRE(letters < MV_TEXT_LETTERS, err, MV_E_POLICY,
               "%s seems to have text burned into its pixels", name);
done:
    if (st == MV_E_POLICY) {
        mv_hint(err, "look at it; --blank X,Y,WIDTH,HEIGHT makes a part black, --burned-in-ok lets "
                     "such images through as they are");
    }
    mv_image_clear(&image);
    return st;
}

mv_status mv_deid_file(mv_buffer *out, mv_deid *d, const uint8_t *bytes, size_t len,
                       const char *name, bool text_ok, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t start = out->len;
    mv_deid_facts facts = {0};
    mv_buffer uids = mv_buffer_make(UIDS_LEN_MAX), pairs = mv_buffer_make(2 * UIDS_LEN_MAX);
    mv_deid_plan plan = {.keep = d->keep,
                         .method = "medveil " MV_VERSION ": basic profile of PS3.15 Annex E"};

    if (!mv_image_is_dicom(bytes, len)) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "%s is not a DICOM file, so nobody knows what it tells",
                     name);
        mv_hint(err, "leave it out; only DICOM files are de-identified");
        goto done;
    }
    MV_TRY(collect(&facts, &uids, d, bytes, len, name, err));
    MV_REQUIRE(facts.unfit == 0, err, MV_E_UNSUPPORTED, "%s is %s: leave it out", name,
               facts.unfit == 1 ? "a directory of DICOM files, and lists their patients"
                                : "a DICOM object without a UID of its own");
    MV_TRY(check_blanks(d, &facts, name, err));
    if (!text_ok) {
        MV_TRY(gate_header(&facts, d->blank_count != 0, name, err));
    }
    if (!text_ok && d->blank_count == 0) {
        MV_TRY(gate(&facts, bytes, len, name, err));
    }
    MV_TRY(choose_uids(&pairs, d, &uids));
    name_patient(&plan, d, facts.patient);
    MV_TRY(note_patient(d, &plan, facts.patient));
    plan.uids = (const char *)pairs.bytes;
    plan.uids_len = pairs.len;
    plan.blank = d->blank;
    plan.blank_count = d->blank_count;
    st = apply(out, d, &plan, bytes, len, d->blank_count == 0 ? 0 : facts.pixels_len, name, err);
    if (st == MV_E_UNSUPPORTED && d->blank_count != 0) {
        mv_hint(err,
                "parts of JPEG 2000, of video, of palettes with unusual bits and of colour that "
                "is stored in fewer samples are not made black: decompress the file first");
    }
    MV_TRY(st);
    if (!text_ok && d->blank_count != 0) {
        MV_TRY(gate(&facts, out->bytes + start, out->len - start, name, err));
    }
done:
    sodium_memzero(&facts, sizeof facts);
    mv_buffer_clear(&uids);
    mv_buffer_clear(&pairs);
    return st;
}
