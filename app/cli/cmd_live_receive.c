/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_live_receive.c: a live stream from a relay, or one that was received as a file, into frames.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "commands.h"
#include "live_frames.h"
#include "medveil/live_line.h"
#include "people.h"
#include "received.h"
#include "show.h"
#include "ui.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIND_S 20 /* one question, which the relay holds back so long */

typedef struct receiving {
    const cli_args *args;
    mv_client *client;
    mv_identity *identity;
    mv_card card; /* of identity */
    const char *out;
    live_frames frames;
    mv_live_stream stream;
    mv_live_info info;
    mv_client_file file; /* that the stream has become */
    received_note note;
    mv_live_watch frames_watch;
    received_note watched; /* of the stream by its start, from its first frame on */
} receiving;

static void tell_line(void *user, mv_status st, const mv_error *err)
{
    (void)user;
    if (st == MV_OK) {
        ui_say("the relay is back");
    } else {
        ui_say("%s; trying until it is back", err->text);
    }
}

static void tell_end(const live_frames *f, const mv_live_info *info, bool json, bool receipt)
{
    char sender[SHOW_SENDER_SIZE];
    if (json) {
        ui_json(json_pack("{s:I, s:I, s:b, s:o, s:b}", "frames", (json_int_t)info->frames,
                          "embeddings", (json_int_t)f->embedded, "ended", (int)info->ended,
                          "sender", show_sender_json(&info->sender), "receipt", (int)receipt));
        return;
    }
    show_sender(sender, &info->sender);
    ui_say("%llu frames of %ux%u, %u bit, signed to the end by %s",
           (unsigned long long)info->frames, info->format.width, info->format.height,
           info->format.bits, sender);
}

static mv_status find(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    long seconds = 0;
    bool found = false, away = false;

    MV_REQUIRE(cli_number(r->args, "within", 0, 86400, 0, &seconds), err, MV_E_ARGUMENT,
               "--within needs seconds");
    const double until_ms = mv_clock_ms() + 1e3 * (double)seconds;
    while (!found) {
        mv_error own = {0};
        const double left_s = (until_ms - mv_clock_ms()) / 1e3;
        MV_REQUIRE(seconds == 0 || left_s > 0, err, MV_E_NOT_FOUND,
                   "no stream began within %ld seconds", seconds);
        MV_REQUIRE(!ui_interrupted(), err, MV_E_INTERRUPTED, "interrupted");
        const unsigned wait_s = seconds != 0 && left_s < FIND_S ? 1 + (unsigned)left_s : FIND_S;
        st = mv_live_find(r->client, &r->stream, &found, 0, wait_s, &own);
        const bool passes = st == MV_E_NETWORK || st == MV_E_BUSY || st == MV_E_NOT_FOUND;
        if (passes != away && (passes || st == MV_OK)) {
            tell_line(NULL, st, &own);
            away = passes;
        }
        if (st != MV_OK && !passes) {
            *err = own;
            return st;
        }
    }
done:
    return st;
}

static mv_status begin_frames(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    char name[SHOW_HEX_SIZE], folder[PATH_SIZE];

    if (strcmp(r->out, "-") == 0) {
        return live_frames_begin(&r->frames, NULL, err);
    }
    show_hex(name, r->stream.name, 6);
    MV_TRY(path_make_folder(r->out, err));
    MV_TRY(path_join(folder, sizeof folder, r->out, name, "", err));
    MV_TRY(live_frames_begin(&r->frames, folder, err));
    ui_say("a stream: its frames go to %s", folder);
done:
    return st;
}

/* A stream is known by who began it and when, which its sender signed, so that an old one that a
 * relay offers anew is noticed before it is taken for a live one. */
static mv_status refuse_old(receiving *r, const mv_live_info *info, mv_error *err)
{
    mv_status st = MV_OK;
    static const char label[] = "medveil live watched 1";
    uint8_t start[sizeof label + MV_CARD_SIGN_LEN + 8];
    mv_client_file key = {0}; /* docs/formats/queue.md */

    memcpy(start, label, sizeof label);
    memcpy(start + sizeof label, info->sender.card.sign_public, MV_CARD_SIGN_LEN);
    mv_store_u64le(start + sizeof label + MV_CARD_SIGN_LEN, info->started_ms);
    (void)crypto_generichash(key.hash, sizeof key.hash, start, sizeof start, NULL, 0);
    MV_TRY(received_find(&r->watched, &r->card, &key, err));
    MV_REQUIRE(r->watched.state != RECEIVED_ARRIVED, err, MV_E_AUTH,
               "the relay offers an old stream as a live one: it was watched to its end before");
done:
    return st;
}

static mv_status take_frame(void *user, const mv_live_info *info, const mv_live_frame *frame,
                            mv_error *err)
{
    mv_status st = MV_OK;
    receiving *r = user;
    if (frame->number == 0) {
        MV_TRY(refuse_old(r, info, err));
    }
    st = r->frames_watch.frame(r->frames_watch.user, info, frame, err);
done:
    return st;
}

/* Watched to its end. */
static mv_status note_watched(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    if (r->info.frames != 0 && r->watched.state != RECEIVED_ARRIVED) {
        MV_TRY(path_copy(r->watched.path, sizeof r->watched.path, "-", err));
        MV_TRY(received_arriving(&r->watched, err));
        MV_TRY(received_arrived(&r->watched, err));
    }
done:
    return st;
}

static mv_status follow(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    mv_live_opener *opener = NULL;
    const mv_live_watch watch = {take_frame, r};

    r->frames_watch = live_frames_watch(&r->frames);
    MV_TRY(mv_live_opener_new(&opener, r->identity, &watch, err));
    const mv_sink sink = {mv_live_opener_write, opener};
    st = mv_live_follow(r->client, &r->stream, &sink, &r->file, tell_line, NULL, err);
    r->info = *mv_live_opener_info(opener);
    if (st == MV_E_NOT_FOUND) { /* its sender took it off the relay, or never came back */
        memset(err, 0, sizeof *err);
        memset(&r->file, 0, sizeof r->file); /* ended, but no file: nothing to acknowledge yet */
        st = live_frames_check(&r->info, err);
    }
    MV_TRY(st);
    MV_TRY(live_frames_check(&r->info, err));
    MV_TRY(live_frames_end(&r->frames, err));
    MV_TRY(note_watched(r, err));
done:
    mv_live_opener_free(&opener);
    return st;
}

/* As a file that has arrived: noted, so that it is not stored again, then acknowledged. */
static mv_status acknowledge(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t bytes[MV_RECEIPT_LEN];
    const mv_sender *sender = &r->info.sender;
    mv_receipt receipt = {.len = r->file.len,
                          .members = (uint32_t)r->info.frames,
                          .identical = (uint32_t)r->info.frames,
                          .time_s = (uint64_t)time(NULL)};

    MV_TRY(received_find(&r->note, &r->card, &r->file, err));
    if (r->note.state != RECEIVED_ARRIVED) {
        r->note.has_receipt = !sender->anonymous;
        MV_TRY(path_copy(r->note.path, sizeof r->note.path,
                         r->frames.folder[0] != '\0' ? r->frames.folder : "-", err));
        if (!sender->anonymous) {
            memcpy(receipt.file, r->file.hash, sizeof receipt.file);
            memcpy(receipt.sender, sender->card.sign_public, sizeof receipt.sender);
            MV_TRY(mv_receipt_make(bytes, &receipt, r->identity));
            MV_TRY(mv_receipt_seal(r->note.receipt, bytes, &sender->card));
        }
        MV_TRY(received_arriving(&r->note, err));
        MV_TRY(received_arrived(&r->note, err));
    }
    MV_TRY(r->note.has_receipt
               ? mv_client_ack(r->client, &r->file, r->note.receipt, sizeof r->note.receipt, err)
               : mv_client_remove(r->client, &r->file, err));
done:
    return st;
}

static int usage(const char *what)
{
    ui_say("%s", what);
    ui_hint("medveil live receive --from https://host:port#key -i IDENTITY -o DIR");
    return CLI_USAGE;
}

/* Frames that came before a stream broke off are there: not nothing, not all. */
static int exit_of(mv_status st, const mv_error *err, const mv_live_info *info)
{
    const int code = ui_fail(st, err);
    return st == MV_E_TRUNCATED && info->frames != 0 ? CLI_PARTIAL : code;
}

static int run_receive(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_client_opts opts = mv_client_defaults();
    receiving r = {.args = args, .out = cli_value(args, "output")};

    if (cli_value(args, "from") == NULL || cli_value(args, "identity") == NULL || r.out == NULL) {
        return usage("live receive needs --from URL, -i IDENTITY and -o DIR or -");
    }
    if (strcmp(r.out, "-") == 0 && (isatty(STDOUT_FILENO) || cli_flag(args, "json"))) {
        return usage("raw frames go neither to a terminal nor where --json writes");
    }
    MV_TRY(people_identity(&r.identity, args, cli_value(args, "identity"), &err));
    mv_identity_card(&r.card, r.identity);
    r.frames.json = cli_flag(args, "json");
    opts.identity = r.identity;
    opts.progress = ui_progress();
    MV_TRY(mv_client_new(&r.client, cli_value(args, "from"), &opts, &err));
    MV_TRY(find(&r, &err));
    MV_TRY(begin_frames(&r, &err));
    MV_TRY(follow(&r, &err));
    if (r.file.len != 0) {
        MV_TRY(acknowledge(&r, &err));
    }
    ui_progress_end();
    tell_end(&r.frames, &r.info, r.frames.json, r.note.has_receipt);
    if (r.file.len == 0) {
        ui_hint("its sender will send it as a file too: medveil receive gives the receipt then");
    }
done:
    ui_progress_end();
    live_frames_clear(&r.frames);
    mv_client_free(&r.client);
    mv_identity_free(&r.identity);
    return st == MV_OK ? CLI_OK : exit_of(st, &err, &r.info);
}

static int run_open(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_identity *identity = NULL;
    mv_live_info info = {0};
    live_frames frames = {.json = cli_flag(args, "json")};
    const char *out = cli_value(args, "output");

    if (cli_value(args, "identity") == NULL || out == NULL) {
        return usage("live open needs -i IDENTITY and -o DIR or -");
    }
    if (strcmp(out, "-") == 0 && (isatty(STDOUT_FILENO) || frames.json)) {
        return usage("raw frames go neither to a terminal nor where --json writes");
    }
    MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), &err));
    MV_TRY(live_frames_begin(&frames, strcmp(out, "-") == 0 ? NULL : out, &err));
    MV_TRY(live_frames_file(&frames, &info, args->operand[0], identity, &err));
    MV_TRY(live_frames_check(&info, &err));
    MV_TRY(live_frames_end(&frames, &err));
    tell_end(&frames, &info, frames.json, false);
done:
    live_frames_clear(&frames);
    mv_identity_free(&identity);
    return st == MV_OK ? CLI_OK : exit_of(st, &err, &info);
}

static const cli_option receive_options[] = {
    {"from", 0, "URL", "the relay's address: https://host:port#key"},
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"output", 'o', "DIR|-", "pictures into a folder in DIR, or raw samples to standard output"},
    {"within", 0, "SECONDS", "give up when no stream has begun (default: wait for ever)"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_live_receive = {
    .name = "live receive",
    .summary = "watch the frames that somebody sends live",
    .options = receive_options,
    .run = run_receive,
    .description =
        "Waits for a stream, or takes one that has begun from its first frame on, and writes each\n"
        "frame when it has been authenticated: to DIR/NAME/000000.png and on, or raw to standard\n"
        "output for a player (samples of more than 8 bits in two bytes, little-endian). Frames "
        "are\n"
        "taken in their order only; one that is altered, lost, repeated or out of order ends it\n"
        "(exit code 13), and so does a stream that was watched to its end before. At the signed\n"
        "end the sender gets a receipt. A stream that is not ended by its sender says so (exit\n"
        "code 15): the frames up to there stay. Embeddings that come along go to\n"
        "DIR/NAME/embeddings.csv.\n",
    .examples =
        "  medveil live receive --from 'https://relay.example.org:7462#KEY' -i ward.id -o streams\n"
        "  medveil live receive --from 'https://relay.example.org:7462#KEY' -i ward.id -o - |\n"
        "    ffplay -f rawvideo -pixel_format gray -video_size 224x224 -\n",
};

static const cli_option open_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"output", 'o', "DIR|-", "pictures into this folder, or raw samples to standard output"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_live_open = {
    .name = "live open",
    .operands = "FILE",
    .summary = "the frames of a live stream that was received as a file",
    .options = open_options,
    .run = run_open,
    .description =
        "A stream that nobody watched waits on the relay as a file; medveil receive fetches it.\n"
        "This writes its frames, as medveil live receive does.\n",
    .examples = "  medveil live open inbox/4f1c0a9b22de.mv -i ward.id -o frames\n",
    .operands_min = 1,
    .operands_max = 1,
};
