/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_deidentify.c: DICOM files -> the same without what says whose they are.
 */
#include "base/file.h"
#include "base/status.h"
#include "commands.h"
#include "deidentified.h"
#include "paths.h"
#include "scratch.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"output", 'o', "OUT", "file to write; of a folder or several inputs, a new folder"},
    DEIDENTIFY_OPTIONS,
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

/* A new folder, which appears when all files are in it. */
static mv_status write_folder(mv_deid *d, const study *files, const char *folder,
                              const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    scratch temporary = {0};

    MV_TRY(scratch_make(&temporary, folder, err));
    MV_TRY(deidentified_write(d, files, temporary.path, args, err));
    MV_TRY(scratch_rename(&temporary, folder, err));
done:
    scratch_remove(&temporary);
    return st;
}

static void report(const mv_deid *d, const study *files, const cli_args *args)
{
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:o}", "out", cli_value(args, "output"), "files",
                          (json_int_t)files->count, "attributes", deidentified_json(d)));
        return;
    }
    for (size_t i = 0; i < mv_deid_row_count(d) && strcmp(cli_value(args, "output"), "-") != 0;
         i++) {
        const mv_deid_row *row = mv_deid_row_at(d, i);
        printf("(%04X,%04X) %-10s %u\n", row->tag >> 16, row->tag & 0xffff,
               mv_deid_action_name(row->action), row->count);
    }
    deidentified_summary(d);
}

static mv_status deidentify(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *out = cli_value(args, "output");
    bool folder = args->operand_count > 1;
    mv_deid *d = NULL;
    study files = {0};

    MV_TRY(deidentified_session(&d, args, err));
    for (size_t i = 0; i < args->operand_count; i++) {
        folder = folder || study_is_folder(args->operand[i]);
        MV_TRY(study_add(&files, args->operand[i], true, err));
    }
    MV_REQUIRE(files.count != 0, err, MV_E_NOT_FOUND, "there is no file in %s", args->operand[0]);
    MV_TRY(folder ? write_folder(d, &files, out, args, err)
                  : deidentified_one(d, &files.file[0], out,
                                     cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0, args, err));
    report(d, &files, args);
done:
    study_clear(&files);
    mv_deid_free(&d);
    return st;
}

static int run(const cli_args *args)
{
    mv_error err = {0};

    if (cli_value(args, "output") == NULL) {
        ui_say("deidentify needs an output: -o OUT");
        return CLI_USAGE;
    }
    if (!path_output_is_safe(cli_value(args, "output"), "a DICOM file")) {
        return CLI_USAGE;
    }
    const mv_status st = deidentify(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_deidentify = {
    .name = "deidentify",
    .operands = "IN...",
    .summary = "take out of DICOM files what says whose they are",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
    .examples = "  medveil deidentify examination/ -o nameless --pseudonyms study.secret\n"
                "  medveil deidentify scan.dcm -o nameless.dcm --retain shifted-dates,patient\n",
    .description =
        "The basic profile of DICOM PS3.15 Annex E: attributes that may identify are removed,\n"
        "emptied or replaced, UIDs too; private ones, overlays and unknown ones go. The patient\n"
        "gets a pseudonym. With the same file of pseudonyms the same patient, UID and date always\n"
        "become the same; keep it as secret as the originals. Files of a folder are numbered,\n"
        "since file names tell names. An image that says or seems to have text in its pixels is\n"
        "refused; look at it before you pass --burned-in-ok. What is printed names attributes and\n"
        "counts, never values. Faces and rare findings still identify: this is no anonymity.\n",
};
