/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_receive.c: what waits on a relay: fetched, authenticated, stored, acknowledged with a signed
 * receipt, and only then removed there. received.h tells why nothing is lost or stored twice.
 */
#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "live_frames.h"
#include "medveil/client.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "people.h"
#include "received.h"
#include "restore.h"
#include "sealed.h"
#include "show.h"
#include "transfer_ui.h"
#include "ui.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCH_S       20     /* one question to the relay, which holds it back so long */
#define AWAY_FIRST_MS 1000.0 /* pauses while no relay answers */
#define AWAY_MAX_MS   30000.0

typedef struct receiving {
    mv_client *client;
    const mv_identity *identity;
    mv_card card;             /* of identity */
    const char *dir;          /* as it was given */
    char real_dir[PATH_SIZE]; /* from the root, for the notes */
    bool json, keep, drop_bad, again, open;
    size_t received, waiting;
    int first_failure;                   /* exit code; CLI_OK: none */
    bool any_bad;                        /* a file was not authentic */
    uint8_t (*told)[MV_CLIENT_HASH_LEN]; /* of which the user has heard that they are no good */
    size_t told_count;
} receiving;

/* One file on its way. */
typedef struct arrival {
    const mv_client_file *file;
    char path[PATH_SIZE], part[PATH_SIZE];
    mv_sender sender;
    mv_receipt receipt;
    received_note note;
    bool had_already;
    bool bad; /* it is whole, but does not open */
    bool is_stream;
} arrival;

/* The beginning of the hash is name enough in one folder. */
static mv_status name_arrival(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    char name[SHOW_HEX_SIZE];
    show_hex(name, a->file->hash, 6);
    MV_TRY(path_join(a->path, sizeof a->path, r->dir, name, ".mv", err));
    MV_TRY(path_join(a->part, sizeof a->part, r->dir, name, ".mv.part", err));
done:
    return st;
}

/* ---- what is in it ---- */

static mv_status drop(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)user;
    (void)bytes;
    (void)len;
    return ui_interrupted() ? mv_fail(err, MV_E_INTERRUPTED, "interrupted") : MV_OK;
}

/* Every original byte is opened once: what the receipt counts has been looked at. */
static mv_status count_members(arrival *a, mv_opener *opener, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_sink sink = {drop, NULL};

    a->receipt.members = (uint32_t)mv_opener_count(opener);
    a->receipt.identical = 0;
    for (size_t i = 0; i < a->receipt.members; i++) {
        if (mv_opener_member(opener, i)->exact_kept) {
            MV_TRY(mv_opener_exact(opener, i, &sink, err));
            a->receipt.identical++;
        }
    }
done:
    return st;
}

static mv_status open_envelope(arrival *a, const receiving *r, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};

    MV_TRY(sealed_source(&file, path, err));
    MV_TRY(mv_opener_new(&file.opener, &file.source, r->identity, err));
    a->sender = *mv_opener_sender(file.opener);
    MV_TRY(count_members(a, file.opener, err));
done:
    sealed_close(&file);
    return st;
}

/* A live stream that nobody watched: its frames are its members. */
static mv_status open_stream(arrival *a, const receiving *r, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    live_frames frames = {.quiet = true};
    mv_live_info info;

    MV_TRY(live_frames_file(&frames, &info, path, r->identity, err));
    MV_TRY(live_frames_check(&info, err));
    a->sender = info.sender;
    a->receipt.members = a->receipt.identical = (uint32_t)info.frames;
done:
    return st;
}

/* Opens what is at path: everything in it has then been authenticated. */
static mv_status authenticate(arrival *a, const receiving *r, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_error why = {0};

    a->is_stream = live_frames_is_stream(path);
    st = a->is_stream ? open_stream(a, r, path, &why) : open_envelope(a, r, path, &why);
    if (st == MV_E_INTERRUPTED || st == MV_E_MEMORY || st == MV_E_IO) {
        (void)mv_fail(err, st, "%s", why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    } else if (st != MV_OK) {
        a->bad = true;
        st = mv_fail(err, MV_E_AUTH,
                     "a file of %llu bytes on the relay is not for this identity "
                     "or not authentic: %s",
                     (unsigned long long)a->file->len,
                     why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    }
    return st;
}

/* The receipt, sealed to whom the envelope names as its sender; to nobody without one. */
static mv_status write_receipt(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t bytes[MV_RECEIPT_LEN];

    a->note.has_receipt = !a->sender.anonymous;
    if (a->sender.anonymous) {
        return MV_OK;
    }
    memcpy(a->receipt.file, a->file->hash, sizeof a->receipt.file);
    a->receipt.len = a->file->len;
    a->receipt.time_s = (uint64_t)time(NULL);
    memcpy(a->receipt.sender, a->sender.card.sign_public, sizeof a->receipt.sender);
    MV_TRY(mv_receipt_make(bytes, &a->receipt, r->identity));
    MV_TRY(mv_receipt_seal(a->note.receipt, bytes, &a->sender.card));
done:
    return st == MV_OK ? st : mv_fail(err, st, "the receipt cannot be signed");
}

/* ---- to its place ---- */

/* Whether this very file was stored by an earlier receive of which no note tells. */
static mv_status look_for_earlier(arrival *a, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_file earlier;

    if (access(a->path, F_OK) != 0) {
        return MV_OK;
    }
    MV_TRY(mv_client_hash_file(&earlier, a->path, err));
    a->had_already = memcmp(earlier.hash, a->file->hash, MV_CLIENT_HASH_LEN) == 0;
    MV_REQUIRE(a->had_already, err, MV_E_EXISTS, "%s exists already and is another file", a->path);
done:
    return st;
}

static mv_status give_name(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(rename(a->part, a->path) == 0, err, MV_E_IO, "cannot write %s: %s", a->path,
               strerror(errno));
    MV_TRY(received_flush_folder(r->dir, err));
done:
    return st;
}

/* The order of these steps is what received.h is about. */
static mv_status store(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(write_receipt(a, r, err));
    if (r->keep) {
        return a->had_already ? MV_OK : give_name(a, r, err);
    }
    MV_TRY(path_join(a->note.path, sizeof a->note.path, r->real_dir, path_base(a->path), "", err));
    MV_TRY(received_flush_folder(r->dir, err));
    MV_TRY(received_arriving(&a->note, err));
    if (!a->had_already) {
        MV_TRY(give_name(a, r, err));
    }
    MV_TRY(received_arrived(&a->note, err));
done:
    return st;
}

static mv_status fetch_and_store(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_client_fetch(r->client, a->file, a->part, err));
    st = authenticate(a, r, a->part, err);
    if (a->bad) {
        (void)unlink(a->part);
    }
    MV_TRY(st);
    MV_TRY(store(a, r, err));
done:
    return st;
}

/* A process died after the note: with the part still there, its name is still to be given. */
static mv_status finish_arriving(arrival *a, mv_error *err)
{
    mv_status st = MV_OK;
    char part[PATH_SIZE];

    MV_TRY(path_copy(part, sizeof part, a->note.path, err));
    MV_REQUIRE(strlen(part) + sizeof ".part" <= sizeof part, err, MV_E_LIMIT, "a path is too long");
    memcpy(part + strlen(part), ".part", sizeof ".part");
    if (access(part, F_OK) == 0) {
        a->note.state = RECEIVED_NEVER;
        return MV_OK; /* fetched and looked at once more; it is whole, so nothing is moved */
    }
    MV_TRY(received_arrived(&a->note, err));
done:
    return st;
}

static mv_status acknowledge(const arrival *a, const receiving *r, mv_error *err)
{
    return a->note.has_receipt
               ? mv_client_ack(r->client, a->file, a->note.receipt, sizeof a->note.receipt, err)
               : mv_client_remove(r->client, a->file, err);
}

/* ---- telling ---- */

/* Bad files are left where they are unless the user wants them gone. */
static void drop_bad(const arrival *a, const receiving *r, mv_error *err)
{
    if (!r->drop_bad) {
        mv_hint(err, "it stays on the relay; --drop-bad removes such files");
    } else if (mv_client_remove(r->client, a->file, NULL) == MV_OK) {
        mv_hint(err, "it has been removed from the relay");
    } else {
        mv_hint(err, "the relay could not be told to remove it");
    }
}

static void announce(const arrival *a, const receiving *r, double ms)
{
    char sender[SHOW_SENDER_SIZE];
    if (r->json) {
        ui_json(json_pack("{s:s, s:I, s:f, s:o, s:b, s:i, s:i}", "file", a->path, "bytes",
                          (json_int_t)a->file->len, "ms", ms, "sender",
                          show_sender_json(&a->sender), "had_already", (int)a->had_already,
                          "members", (int)a->receipt.members, "identical",
                          (int)a->receipt.identical));
    } else if (a->had_already) {
        ui_say("%s is here already", a->path);
    } else {
        show_sender(sender, &a->sender);
        ui_say("received %s (%llu bytes), %u/%u bit-identical, sender %s", a->path,
               (unsigned long long)a->file->len, a->receipt.identical, a->receipt.members, sender);
    }
}

static void announce_again(const arrival *a, const receiving *r)
{
    if (r->json) {
        ui_json(json_pack("{s:s, s:I, s:b}", "file", a->note.path, "bytes",
                          (json_int_t)a->file->len, "had_already", 1));
        return;
    }
    ui_say("a file that was received before as %s is not stored again", a->note.path);
    if (access(a->note.path, F_OK) != 0) {
        ui_hint("it is not there any more; --again stores it once more");
    }
}

static bool told_before(const receiving *r, const mv_client_file *file)
{
    for (size_t i = 0; i < r->told_count; i++) {
        if (memcmp(r->told[i], file->hash, MV_CLIENT_HASH_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* Without memory the user only hears of it once more. */
static void remember_told(receiving *r, const mv_client_file *file)
{
    void *longer = realloc(r->told, (r->told_count + 1) * sizeof *r->told);
    if (longer != NULL) {
        r->told = longer;
        memcpy(r->told[r->told_count++], file->hash, MV_CLIENT_HASH_LEN);
    }
}

static void note_failure(receiving *r, const arrival *a, mv_status st, const mv_error *err)
{
    const int code = ui_fail(st, err);
    if (r->json) {
        ui_json(json_pack("{s:s, s:s}", "file", a->path, "error", mv_status_name(st)));
    }
    r->any_bad = r->any_bad || st == MV_E_AUTH;
    if (r->first_failure == CLI_OK) {
        r->first_failure = code;
    }
    if (a->bad) {
        remember_told(r, a->file);
    }
}

/* ---- one file, all files, for ever ---- */

static mv_status look_and_store(receiving *r, arrival *a, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(look_for_earlier(a, err));
    if (!a->had_already) {
        st = fetch_and_store(a, r, err);
    } else {
        MV_TRY(authenticate(a, r, a->path, err));
        st = store(a, r, err);
    }
done:
    return st;
}

static mv_status open_frames(const arrival *a, const receiving *r, const char *folder,
                             mv_error *err)
{
    mv_status st = MV_OK;
    live_frames frames = {0};
    mv_live_info info;

    MV_TRY(live_frames_begin(&frames, folder, err));
    MV_TRY(live_frames_file(&frames, &info, a->path, r->identity, err));
    MV_TRY(live_frames_end(&frames, err));
    if (!r->json) {
        ui_say("opened %s: %llu frames", folder, (unsigned long long)info.frames);
    }
done:
    live_frames_clear(&frames);
    return st;
}

/* --open: the files inside, into a folder beside the sealed file and of its name. */
static mv_status open_arrival(const arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file sealed = {0};
    restore files = {0};
    char folder[PATH_SIZE];

    MV_TRY(path_copy(folder, sizeof folder, a->path, err));
    folder[strlen(folder) - strlen(".mv")] = '\0';
    if (a->had_already && access(folder, F_OK) == 0) {
        return MV_OK; /* opened earlier */
    }
    if (a->is_stream) {
        return open_frames(a, r, folder, err);
    }
    MV_TRY(sealed_open(&sealed, a->path, r->identity, NULL, err));
    MV_TRY(restore_begin(&files, sealed.opener, folder, false, err));
    for (size_t i = 0; i < mv_opener_count(sealed.opener); i++) {
        st = restore_exact(&files, i, err);
        MV_REQUIRE(st != MV_E_NOT_FOUND, err, st, "%s is lossy: its original is not inside",
                   a->path);
        MV_TRY(st);
    }
    MV_TRY(restore_finish(&files, err));
    if (!r->json) {
        ui_say("opened %s: %zu files", folder, mv_opener_count(sealed.opener));
    }
done:
    if (st == MV_E_NOT_FOUND) {
        mv_hint(err, "medveil decrypt --reconstruct gives the network's image");
    }
    restore_abort(&files);
    sealed_close(&sealed);
    return st;
}

static mv_status receive_one(receiving *r, const mv_client_file *file)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    arrival a = {.file = file, .sender = {.anonymous = true}};
    const double start_ms = mv_clock_ms();
    bool before = false;

    MV_TRY(name_arrival(&a, r, &err));
    MV_TRY(received_find(&a.note, &r->card, file, &err));
    if (a.note.state == RECEIVED_ARRIVING) {
        MV_TRY(finish_arriving(&a, &err));
    }
    before = a.note.state == RECEIVED_ARRIVED && !r->again && !r->keep;
    if (before) {
        announce_again(&a, r);
    } else {
        MV_TRY(look_and_store(r, &a, &err));
        announce(&a, r, mv_clock_ms() - start_ms);
    }
    r->received++;
    if (!r->keep) {
        MV_TRY(acknowledge(&a, r, &err));
    }
    if (r->open && !before) {
        MV_TRY(open_arrival(&a, r, &err));
    }
done:
    if (a.bad) {
        drop_bad(&a, r, &err);
    }
    if (st != MV_OK) {
        note_failure(r, &a, st, &err);
    }
    return st;
}

static int summary(const receiving *r)
{
    if (r->any_bad) {
        return CLI_INTEGRITY; /* outweighs everything else */
    }
    return r->received != 0 && r->first_failure != CLI_OK && r->first_failure != CLI_INTERRUPTED
               ? CLI_PARTIAL
               : r->first_failure;
}

static mv_status receive_all(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_file *files = NULL;

    r->waiting = 0;
    MV_TRY(mv_client_list(r->client, &files, &r->waiting, err));
    for (size_t i = 0; i < r->waiting && !ui_interrupted(); i++) {
        if (!told_before(r, &files[i])) {
            (void)receive_one(r, &files[i]);
        }
    }
done:
    mv_client_list_free(&files);
    return st;
}

static bool comes_back(mv_status st)
{
    return st == MV_E_NETWORK || st == MV_E_BUSY || st == MV_E_NOT_FOUND;
}

static void wait_for_relay(double *pause_ms)
{
    const double until = mv_clock_ms() + *pause_ms;
    while (mv_clock_ms() < until && !ui_interrupted()) {
        (void)poll(NULL, 0, 50);
    }
    *pause_ms = 2 * *pause_ms < AWAY_MAX_MS ? 2 * *pause_ms : AWAY_MAX_MS;
}

/* Until it is interrupted. A relay that is away is said once, and tried until it is back. */
static mv_status watch(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    double pause_ms = AWAY_FIRST_MS;
    bool away = false;

    while (!ui_interrupted()) {
        mv_error own = {0};
        st = receive_all(r, &own);
        if (st == MV_OK && away) {
            ui_say("the relay is back");
            away = false;
            pause_ms = AWAY_FIRST_MS;
        }
        if (st == MV_OK) {
            st = mv_client_wait(r->client, WATCH_S, &own);
        }
        if (comes_back(st)) {
            if (!away) {
                ui_say("%s; trying until it is back", own.text);
                away = true;
            }
            wait_for_relay(&pause_ms);
        } else if (st != MV_OK && st != MV_E_INTERRUPTED) {
            *err = own;
            return st;
        }
    }
    return MV_E_INTERRUPTED;
}

static int usage(const char *what)
{
    ui_say("receive needs %s", what);
    ui_hint("medveil receive --from https://host:port#key -i IDENTITY -o DIR");
    return CLI_USAGE;
}

static mv_status open_folder(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    char *real = NULL;

    MV_TRY(path_make_folder(r->dir, err));
    MV_REQUIRE(access(r->dir, W_OK | X_OK) == 0, err, MV_E_IO, "cannot write in %s: %s", r->dir,
               strerror(errno));
    real = realpath(r->dir, NULL);
    MV_REQUIRE(real != NULL, err, MV_E_IO, "cannot find %s: %s", r->dir, strerror(errno));
    MV_TRY(path_copy(r->real_dir, sizeof r->real_dir, real, err));
done:
    free(real);
    return st;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_identity *identity = NULL;
    mv_client_opts opts = mv_client_defaults();
    const char *watched = cli_value(args, "watch");
    const char *dir = watched != NULL ? watched : cli_value(args, "output");
    receiving r = {.dir = dir == NULL ? "." : dir,
                   .json = cli_flag(args, "json"),
                   .keep = cli_flag(args, "keep"),
                   .again = cli_flag(args, "again"),
                   .drop_bad = cli_flag(args, "drop-bad"),
                   .open = cli_flag(args, "open")};

    if (cli_value(args, "from") == NULL || cli_value(args, "identity") == NULL) {
        return usage(cli_value(args, "from") == NULL ? "--from URL" : "-i IDENTITY");
    }
    if (watched != NULL && (r.keep || r.again)) {
        ui_say("--watch goes neither with --keep nor with --again: it would fetch for ever");
        return CLI_USAGE;
    }
    if (!transfer_pace(&opts.streams_max, &opts.bytes_per_s, args)) {
        return CLI_USAGE;
    }
    MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), &err));
    r.identity = opts.identity = identity;
    mv_identity_card(&r.card, identity);
    opts.progress = ui_progress();
    MV_TRY(mv_client_new(&r.client, cli_value(args, "from"), &opts, &err));
    MV_TRY(open_folder(&r, &err));
    MV_TRY(watched != NULL ? watch(&r, &err) : receive_all(&r, &err));
    if (r.waiting == 0) {
        ui_say("nothing is waiting for this identity");
    }
done:
    mv_client_free(&r.client);
    mv_identity_free(&identity);
    free(r.told);
    return st == MV_OK ? summary(&r) : ui_fail(st, &err);
}

static const cli_option options[] = {
    {"from", 0, "URL", "the relay's address: https://host:port#key"},
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"output", 'o', "DIR", "where to store the files (default: here)"},
    {"open", 0, NULL, "also open each into the folder DIR/NAME"},
    {"watch", 0, "DIR", "store in DIR what comes, until interrupted"},
    {"keep", 0, NULL, "leave the files on the relay"},
    {"again", 0, NULL, "store also what was received before"},
    {"drop-bad", 0, NULL, "remove files from the relay that are not authentic"},
    TRANSFER_PACE_OPTIONS,
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_receive = {
    .name = "receive",
    .summary = "fetch the sealed files that wait for an identity on a relay",
    .options = options,
    .run = run,
    .description =
        "Each file is fetched to DIR/NAME.mv.part, authenticated, renamed to DIR/NAME.mv, and\n"
        "acknowledged with a receipt that you sign and only its sender can read; only then is it\n"
        "removed from the relay. NAME is the beginning of the file's hash. A download that was "
        "cut\n"
        "goes on where it stopped. What was received once is not stored again, whatever the relay\n"
        "says and whenever this command was killed. A file that is not authentic is not stored\n"
        "(exit code 13). With --open the files inside appear in the folder DIR/NAME, all or none;\n"
        "the sealed file stays.\n",
    .examples =
        "  medveil receive --from 'https://relay.example.org:7462#KEY' -i radiology.id -o inbox\n"
        "  medveil receive --from 'https://relay.example.org:7462#KEY' -i radiology.id --watch "
        "inbox\n",
};
