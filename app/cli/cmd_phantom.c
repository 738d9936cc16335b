/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_phantom.c: write a made-up medical image, for trying things out without a patient.
 */
#include "commands.h"
#include "image/phantom.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"output", 'o', "FILE", "where to write: .png .jpg .nii .nii.gz .npy"},
    {"size", 0, "WxH", "pixels (default 256x256)"},
    {"depth", 0, "N", "slices (default 1)"},
    {"kind", 0, "ct|mr|xray", "abdomen, brain or chest (default mr)"},
    {"type", 0, "u8|u16|i16", "sample type (default u8)"},
    {"seed", 0, "N", "another seed, another patient (default 1)"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

/* Index of word in a NULL-terminated list, or -1 after saying what would be right. */
static int choice(const char *option, const char *word, const char *const *list)
{
    for (int i = 0; list[i] != NULL; i++) {
        if (strcmp(word, list[i]) == 0) {
            return i;
        }
    }
    ui_say("--%s does not know \"%s\"", option, word);
    ui_hint("medveil phantom --help lists what it knows");
    return -1;
}

static bool read_size(const cli_args *args, mv_phantom_opts *opts)
{
    const char *text = cli_value(args, "size");
    int end = 0;
    if (text == NULL) {
        return true;
    }
    if (sscanf(text, "%5ux%5u%n", &opts->width, &opts->height, &end) == 2 && text[end] == '\0') {
        return true;
    }
    ui_say("--size needs WxH such as 512x384, not \"%s\"", text);
    return false;
}

static bool read_options(const cli_args *args, mv_phantom_opts *opts)
{
    static const char *const kind_names[] = {"ct", "mr", "xray", NULL};
    static const mv_phantom_kind kinds[] = {MV_PHANTOM_CT, MV_PHANTOM_MR, MV_PHANTOM_XRAY};
    static const char *const type_names[] = {"u8", "u16", "i16", NULL};
    static const mv_sample_type types[] = {MV_SAMPLE_U8, MV_SAMPLE_U16, MV_SAMPLE_I16};
    const char *kind = cli_value(args, "kind"), *type = cli_value(args, "type");
    const int k = kind == NULL ? 1 : choice("kind", kind, kind_names);
    const int t = type == NULL ? 0 : choice("type", type, type_names);
    long depth = 0, seed = 0;

    if (k < 0 || t < 0 || !read_size(args, opts) ||
        !cli_number(args, "depth", 1, 65535, 1, &depth) ||
        !cli_number(args, "seed", 0, 2147483647, 1, &seed)) {
        return false;
    }
    opts->kind = kinds[k];
    opts->type = types[t];
    opts->depth = (uint32_t)depth;
    opts->seed = (uint64_t)seed;
    return true;
}

static int run(const cli_args *args)
{
    const char *path = cli_value(args, "output");
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image image = {0};
    mv_error err = {0};

    if (path == NULL) {
        ui_say("phantom needs a file to write");
        ui_hint("medveil phantom -o phantom.png");
        return CLI_USAGE;
    }
    if (!read_options(args, &opts)) {
        return CLI_USAGE;
    }
    mv_status st = mv_phantom_make(&image, &opts, &err);
    if (st == MV_OK) {
        st = mv_image_save(&image, path, cli_flag(args, "force"), &err);
    }
    mv_image_clear(&image);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:i, s:i, s:s}", "path", path, "width", (int)opts.width,
                          "height", (int)opts.height, "depth", (int)opts.depth, "type",
                          mv_sample_name(opts.type)));
    }
    return CLI_OK;
}

const cli_command cmd_phantom = {
    .name = "phantom",
    .operands = NULL,
    .summary = "write a made-up medical image",
    .options = options,
    .run = run,
    .examples = "  medveil phantom -o brain.png\n"
                "  medveil phantom --kind ct --type i16 --depth 32 -o abdomen.nii.gz\n"
                "  medveil phantom --kind xray --type u16 --size 3000x2500 -o chest.png\n",
};
