/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_verify.c: whether sealed files are authentic and hold the very bytes that were sent.
 */
#include "base/status.h"
#include "commands.h"
#include "medveil/envelope.h"
#include "medveil/veil.h"
#include "people.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"from", 0, "CARD", "accept only files sealed by this card: file, mv1... line or alias"},
    {"collection", 0, "FILE", "opens features that an outside sender sealed for this collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

typedef struct job {
    const cli_args *args;
    mv_identity *identity;
    mv_card from;
    bool has_from;
    size_t members, identical; /* images; a file that does not open counts as one */
    size_t lossy, failed, not_authentic;
    int last_code; /* of a failed one */
} job;

/* What one file turned out to be. */
typedef struct finding {
    mv_sender sender;
    size_t members, exact;
    uint64_t bytes_exact;
    bool opens; /* the features: their key travels, or their collection was given */
} finding;

static mv_status drop(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)user;
    (void)bytes;
    (void)len;
    return ui_interrupted() ? mv_fail(err, MV_E_INTERRUPTED, "interrupted") : MV_OK;
}

/* Everything is opened, features included; those for a collection that was not given are checked
 * closed. */
static mv_status examine_member(finding *f, mv_opener *opener, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_member *m = mv_opener_member(opener, i);
    const mv_sink sink = {drop, NULL};
    mv_features_info info;
    mv_code code = {0};
    uint8_t *compact = NULL;
    size_t compact_len = 0;

    if (m->compact_len != 0 && (f->opens || !m->compact_he)) {
        MV_TRY(mv_opener_compact(opener, i, &compact, &compact_len, NULL, NULL, err));
    }
    if (m->feature_count != 0 && f->opens) {
        MV_TRY(mv_opener_features(opener, i, &code, NULL, NULL, err));
    } else if (m->feature_count != 0) {
        MV_TRY(mv_opener_info(opener, i, &info, err));
    }
    if (m->exact_kept) {
        MV_TRY(mv_opener_exact(opener, i, &sink, err));
        f->exact += m->max_error == 0;
        f->bytes_exact += m->exact_len;
    }
done:
    mv_veil_free_bytes(&compact, compact_len);
    mv_code_clear(&code);
    return st;
}

static mv_status examine(finding *f, const job *j, const char *file, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file sealed = {0};

    MV_TRY(sealed_open(&sealed, file, j->identity, j->has_from ? &j->from : NULL, err));
    MV_TRY(sealed_collection(&sealed, cli_value(j->args, "collection"), j->identity, err));
    f->opens =
        mv_opener_collection_id(sealed.opener) == NULL || cli_value(j->args, "collection") != NULL;
    f->sender = *mv_opener_sender(sealed.opener);
    f->members = mv_opener_count(sealed.opener);
    for (size_t i = 0; i < f->members; i++) {
        MV_TRY(examine_member(f, sealed.opener, i, err));
    }
done:
    sealed_close(&sealed);
    return st;
}

static void report(const job *j, const char *file, const finding *f)
{
    char sender[SHOW_SENDER_SIZE], count[64] = "";
    const bool identical = f->exact == f->members;

    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:s, s:b, s:b, s:o, s:b, s:I, s:I, s:I}", "file", file, "authentic", 1,
                          "identical", identical, "sender", show_sender_json(&f->sender),
                          "anonymous", f->sender.anonymous, "bytes_exact",
                          (json_int_t)f->bytes_exact, "members", (json_int_t)f->members,
                          "members_identical", (json_int_t)f->exact));
        return;
    }
    show_sender(sender, &f->sender);
    if (f->members != 1) {
        (void)snprintf(count, sizeof count, " (%zu of %zu files)", f->exact, f->members);
    }
    printf("%s: %s%s, from %s\n", file, identical ? "bit-identical" : "authentic, but lossy", count,
           sender);
}

static void report_failure(job *j, const char *file, mv_status st, const mv_error *err)
{
    if (cli_flag(j->args, "json")) {
        ui_json(json_pack("{s:s, s:b, s:b, s:s}", "file", file, "authentic", 0, "identical", 0,
                          "error", mv_status_name(st)));
    }
    j->last_code = ui_fail(st, err);
    j->failed++;
    j->members++;
    j->not_authentic += st == MV_E_AUTH;
}

static void verify_one(job *j, const char *file)
{
    mv_error err = {0};
    finding f = {0};
    const mv_status st = examine(&f, j, file, &err);

    if (st != MV_OK) {
        report_failure(j, file, st, &err);
        return;
    }
    report(j, file, &f);
    j->members += f.members;
    j->identical += f.exact;
    if (f.exact != f.members) {
        j->lossy++;
        ui_say("%s is lossy: the original is not inside%s", file,
               f.members == 1 ? "" : ", of some of its files");
    }
}

static int exit_code(const job *j)
{
    if (j->not_authentic != 0) {
        return CLI_INTEGRITY;
    }
    if (j->failed == j->args->operand_count) {
        return j->last_code;
    }
    return j->failed + j->lossy != 0 ? CLI_PARTIAL : CLI_OK;
}

static int verify_all(job *j)
{
    const size_t count = j->args->operand_count;
    for (size_t i = 0; i < count; i++) {
        if (ui_interrupted()) {
            return ui_fail(MV_E_INTERRUPTED, NULL);
        }
        verify_one(j, j->args->operand[i]);
    }
    if (!cli_flag(j->args, "json")) {
        printf("bit-identical: %zu/%zu\n", j->identical, j->members);
    }
    return exit_code(j);
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    job j = {.args = args};
    int code = CLI_OK;

    if (cli_value(args, "identity") == NULL) {
        ui_say("verify needs an identity: -i IDENTITY");
        return CLI_USAGE;
    }
    MV_TRY(people_identity(&j.identity, args, cli_value(args, "identity"), &err));
    if (cli_value(args, "from") != NULL) {
        MV_TRY(mv_card_find(&j.from, cli_value(args, "from"), &err));
        j.has_from = true;
    }
    code = verify_all(&j);
done:
    mv_identity_free(&j.identity);
    return st == MV_OK ? code : ui_fail(st, &err);
}

const cli_command cmd_verify = {
    .name = "verify",
    .operands = "IN...",
    .summary = "check that sealed files are authentic and bit-identical",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
    .examples = "  medveil verify -i me.id --from clinic *.mv\n",
    .description =
        "Every byte is compared with the hash that the sender signed and decrypted, the features\n"
        "too. Nothing is written. Every image of a study counts. A lossy file is authentic but "
        "not\n"
        "bit-identical. Exit code 0: all identical; 13: one is not authentic; 15: some are lossy "
        "or\n"
        "could not be opened.\n",
};
