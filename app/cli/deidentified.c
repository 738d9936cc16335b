/* SPDX-License-Identifier: Apache-2.0
 *
 * deidentified.c: options, files and report of de-identification.
 */
#include "deidentified.h"

#include "base/file.h"
#include "base/status.h"
#include "paths.h"

#include <stdio.h>
#include <string.h>

#define INPUT_LEN_MAX ((size_t)1 << 30)

typedef struct option_name {
    const char *name;
    unsigned bit;
} option_name;

static const option_name keep_names[] = {
    {"uids", MV_DEID_KEEP_UIDS},
    {"device", MV_DEID_KEEP_DEVICE},
    {"patient", MV_DEID_KEEP_PATIENT},
    {"institution", MV_DEID_KEEP_INSTITUTION},
    {"dates", MV_DEID_KEEP_DATES},
    {"shifted-dates", MV_DEID_SHIFT_DATES},
    {NULL, 0},
};

static const option_name clean_names[] = {
    {"descriptors", MV_DEID_CLEAN_DESCRIPTORS},
    {"structured-content", MV_DEID_CLEAN_STRUCTURE},
    {NULL, 0},
};

static unsigned bit_of(const option_name *names, const char *name, size_t len)
{
    for (; names->name != NULL; names++) {
        if (strlen(names->name) == len && memcmp(names->name, name, len) == 0) {
            return names->bit;
        }
    }
    return 0;
}

/* The bits of LIST are added. */
static mv_status parse_list(unsigned *out, const char *option, const option_name *names,
                            const char *list, mv_error *err)
{
    while (list != NULL && *list != '\0') {
        const size_t len = strcspn(list, ",");
        const unsigned bit = bit_of(names, list, len);
        if (bit == 0) {
            return mv_fail(err, MV_E_ARGUMENT, "%s knows no \"%.*s\"", option, (int)len, list);
        }
        *out |= bit;
        list += len + (list[len] == ',');
    }
    return MV_OK;
}

static mv_status parse_bits(unsigned *out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    *out = 0;
    st = parse_list(out, "--retain", keep_names, cli_value(args, "retain"), err);
    if (st != MV_OK) {
        mv_hint(err, "uids, device, institution, patient, dates, shifted-dates");
        return st;
    }
    st = parse_list(out, "--clean", clean_names, cli_value(args, "clean"), err);
    if (st != MV_OK) {
        mv_hint(err, "descriptors, structured-content; parts of pixels with --blank; graphics are "
                     "always removed, and faces are not");
    }
    return st;
}

static mv_status add_blanks(mv_deid *d, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *text = NULL;
    for (size_t i = 0; (text = cli_value_at(args, "blank", i)) != NULL; i++) {
        mv_deid_blank b = {0};
        char rest = 0;
        MV_REQUIRE(sscanf(text, "%5u,%5u,%5u,%5u%c", &b.x, &b.y, &b.width, &b.height, &rest) == 4 &&
                       b.width != 0 && b.height != 0,
                   err, MV_E_ARGUMENT, "--blank needs X,Y,WIDTH,HEIGHT in pixels, not \"%s\"",
                   text);
        MV_TRY(mv_deid_blank_out(d, &b, err));
    }
done:
    return st;
}

mv_status deidentified_session(mv_deid **out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    unsigned bits = 0;
    mv_deid *d = NULL;

    *out = NULL;
    MV_TRY(parse_bits(&bits, args, err));
    MV_TRY(mv_deid_new(&d, cli_value(args, "pseudonyms"), bits, err));
    MV_TRY(add_blanks(d, args, err));
    *out = d;
    d = NULL;
done:
    mv_deid_free(&d);
    return st;
}

static mv_status clean_file(mv_buffer *out, mv_deid *d, const study_file *file,
                            const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer in = mv_buffer_make(INPUT_LEN_MAX);

    MV_REQUIRE(!ui_interrupted(), err, MV_E_INTERRUPTED, "interrupted");
    MV_TRY(mv_file_read(&in, file->path, err));
    MV_TRY(mv_deid_file(out, d, in.bytes, in.len, file->path, cli_flag(args, "burned-in-ok"), err));
done:
    mv_buffer_clear(&in);
    return st;
}

static mv_status save_pseudonyms(const mv_deid *d, const cli_args *args, mv_error *err)
{
    const char *path = cli_value(args, "pseudonyms");
    return path == NULL ? MV_OK : mv_deid_save(d, path, err);
}

mv_status deidentified_one(mv_deid *d, const study_file *file, const char *path,
                           unsigned output_flags, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer out = mv_buffer_make(2 * INPUT_LEN_MAX);

    MV_TRY(clean_file(&out, d, file, args, err));
    MV_TRY(save_pseudonyms(d, args, err));
    MV_TRY(mv_file_write(path, out.bytes, out.len, output_flags, err));
done:
    mv_buffer_clear(&out);
    return st;
}

mv_status deidentified_write(mv_deid *d, const study *files, const char *folder,
                             const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_progress progress = ui_progress();

    for (size_t i = 0; i < files->count; i++) {
        char name[32], path[PATH_SIZE];
        mv_buffer out = mv_buffer_make(2 * INPUT_LEN_MAX);
        MV_TRY(progress.step(progress.user, "de-identifying", i, files->count));
        (void)snprintf(name, sizeof name, "%06zu", i + 1);
        MV_TRY(path_join(path, sizeof path, folder, name, ".dcm", err));
        st = clean_file(&out, d, &files->file[i], args, err);
        if (st == MV_OK) {
            st = mv_file_write(path, out.bytes, out.len, 0, err);
        }
        mv_buffer_clear(&out);
        MV_TRY(st);
    }
    MV_TRY(save_pseudonyms(d, args, err));
done:
    ui_progress_end();
    return st;
}

json_t *deidentified_json(const mv_deid *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < mv_deid_row_count(d); i++) {
        const mv_deid_row *row = mv_deid_row_at(d, i);
        char tag[16];
        (void)snprintf(tag, sizeof tag, "%08X", row->tag);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "tag", tag, "action",
                                                    mv_deid_action_name(row->action), "count",
                                                    (json_int_t)row->count));
    }
    return list;
}

void deidentified_summary(const mv_deid *d)
{
    char text[256] = "";
    size_t at = 0;
    for (uint32_t action = MV_DEID_REMOVED; action < MV_DEID_ACTIONS; action++) {
        uint64_t count = 0;
        for (size_t i = 0; i < mv_deid_row_count(d); i++) {
            const mv_deid_row *row = mv_deid_row_at(d, i);
            count += row->action == action ? row->count : 0;
        }
        if (count != 0) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu %s", at == 0 ? "" : ", ",
                                   (unsigned long long)count, mv_deid_action_name(action));
        }
    }
    ui_say("de-identified; attributes: %s", at == 0 ? "none changed" : text);
}
