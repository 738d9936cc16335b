/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_relay.c: running the untrusted relay, and checking its configuration.
 */
#include "commands.h"
#include "relay.h"
#include "ui.h"

#include <stdio.h>

static void print_address(const char *address)
{
    puts(address);
    (void)fflush(stdout);
}

static void print_address_json(const char *address)
{
    ui_json(json_pack("{s:s}", "address", address));
}

/* The configuration named by --config; CLI_OK, or an exit code after saying what is wrong. */
static int load(relay_config *config, const cli_args *args)
{
    const char *path = cli_value(args, "config");
    mv_error err = {0};
    if (path == NULL) {
        ui_say("%s needs --config FILE", args->command->name);
        ui_hint("docs/howto/run-a-relay.md has one to start from");
        return CLI_USAGE;
    }
    const mv_status st = relay_config_load(config, path, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

static int run(const cli_args *args)
{
    relay_config config;
    mv_error err = {0};
    const relay_run_opts opts = {
        .log = cli_flag(args, "quiet") ? NULL : stderr,
        .address_file = cli_value(args, "address-file"),
        .ready = cli_flag(args, "json") ? print_address_json : print_address,
        .stopping = ui_interrupted,
    };
    const int code = load(&config, args);
    if (code != CLI_OK) {
        return code;
    }
    const mv_status st = relay_run(&config, &opts, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

static int check(const cli_args *args)
{
    relay_config c;
    const int code = load(&c, args);
    if (code == CLI_OK && cli_flag(args, "json")) {
        json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:b, s:i}", "listen_host",
                              c.listen_host, "listen_port", (int)c.listen_port, "state", c.state,
                              "store", c.postgres[0] != '\0' ? "postgres" : "sqlite",
                              "max_file_bytes", (json_int_t)c.max_file_bytes, "mailbox_quota_bytes",
                              (json_int_t)c.mailbox_quota_bytes, "store_quota_bytes",
                              (json_int_t)c.store_quota_bytes, "anonymous_send",
                              (int)c.anonymous_send, "idle_timeout_s", (int)c.idle_timeout_s);
        json_t *more = json_pack("{s:i, s:i, s:i, s:I, s:b, s:b}", "retention_days",
                                 (int)c.retention_days, "max_connections", (int)c.max_connections,
                                 "connections_per_client", (int)c.connections_per_client,
                                 "requests_per_minute", (json_int_t)c.requests_per_minute,
                                 "log_json", (int)c.log_json, "audit", (int)c.audit);
        json_t *compute =
            json_pack("{s:b, s:s, s:i, s:I, s:I}", "galleries", (int)c.galleries, "models",
                      c.models, "compute_threads", (int)c.compute_threads, "searches_per_key",
                      (json_int_t)c.searches_per_key, "private_queries_per_key",
                      (json_int_t)c.private_queries_per_key);
        (void)json_object_update(o, more);
        (void)json_object_update(o, compute);
        json_decref(more);
        json_decref(compute);
        ui_json(o);
    } else if (code == CLI_OK) {
        ui_say("the configuration is good");
    }
    return code;
}

/* What a copy brought. */
static int say_copied(const cli_args *args, mv_status st, const mv_error *err, uint64_t files)
{
    if (st != MV_OK) {
        return ui_fail(st, err);
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:I}", "files", (json_int_t)files));
    } else {
        ui_say("%llu files copied, each with the hash that it should have",
               (unsigned long long)files);
    }
    return CLI_OK;
}

static int backup(const cli_args *args)
{
    relay_config config;
    mv_error err = {0};
    uint64_t files = 0;
    const char *folder = cli_value(args, "output");
    if (folder == NULL) {
        ui_say("relay backup needs -o FOLDER, a new folder");
        return CLI_USAGE;
    }
    const int code = load(&config, args);
    if (code != CLI_OK) {
        return code;
    }
    const mv_status st = relay_backup(&config, folder, &files, &err);
    return say_copied(args, st, &err, files);
}

static int restore(const cli_args *args)
{
    relay_config config;
    mv_error err = {0};
    uint64_t files = 0;
    const int code = load(&config, args);
    if (code != CLI_OK) {
        return code;
    }
    const mv_status st = relay_restore(&config, args->operand[0], &files, &err);
    return say_copied(args, st, &err, files);
}

static int erase(const cli_args *args)
{
    relay_config config;
    mv_error err = {0};
    uint64_t count = 0;
    const int code = load(&config, args);
    if (code != CLI_OK) {
        return code;
    }
    const mv_status st = relay_erase(&config, args->operand[0], &count, &err);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:I}", "mailboxes", (json_int_t)count));
    } else {
        ui_say("erased from %llu mailboxes", (unsigned long long)count);
    }
    return CLI_OK;
}

static const cli_option run_options[] = {
    {"config", 'c', "FILE", "configuration (INI), see docs/howto/run-a-relay.md"},
    {"address-file", 0, "FILE", "write the relay's address here when it is ready"},
    {"quiet", 'q', NULL, "no line per request on standard error"},
    {NULL, 0, NULL, NULL},
};

static const cli_option check_options[] = {
    {"config", 'c', "FILE", "configuration to check"},
    {NULL, 0, NULL, NULL},
};

static const cli_option backup_options[] = {
    {"config", 'c', "FILE", "configuration of the relay"},
    {"output", 'o', "FOLDER", "a new folder for the copy"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_relay = {
    .name = "relay",
    .summary = "store sealed files for others, without being able to read them",
    .options = run_options,
    .run = run,
    .description =
        "Runs until SIGTERM or SIGINT and lets running requests end. Prints its address, which\n"
        "holds the hash of the key that it makes at its first start: give this line to those who\n"
        "send and receive. Everything it keeps is in the folder named by state; a second relay\n"
        "cannot use the same folder at the same time, unless all of them use one PostgreSQL.\n",
    .examples = "  medveil relay --config relay.ini\n"
                "  medveil relay check-config --config relay.ini\n",
};

const cli_command cmd_relay_check = {
    .name = "relay check-config",
    .summary = "say whether a relay's configuration is good",
    .options = check_options,
    .run = check,
};

const cli_command cmd_relay_backup = {
    .name = "relay backup",
    .summary = "copy everything a relay keeps, while it runs or not",
    .options = backup_options,
    .run = backup,
    .description =
        "Files, receipts and the relay's key go into a new folder, with SQLite whatever the relay\n"
        "uses. The hash of every file is checked on the way. Uploads on their way are left out:\n"
        "their senders still have them. Keep the copy as private as the relay's own folder.\n",
    .examples = "  medveil relay backup --config relay.ini -o backup-2026-11-22\n",
};

const cli_command cmd_relay_restore = {
    .name = "relay restore",
    .operands = "FOLDER",
    .summary = "bring a backup into the configured, empty relay",
    .options = check_options,
    .run = restore,
    .operands_min = 1,
    .operands_max = 1,
    .description = "The way back, and the way from SQLite to PostgreSQL or the other way round.\n",
    .examples = "  medveil relay restore --config relay.ini backup-2026-11-22\n",
};

const cli_command cmd_relay_erase = {
    .name = "relay erase",
    .operands = "FILE",
    .summary = "remove one file from every mailbox of a relay at once",
    .options = check_options,
    .run = erase,
    .operands_min = 1,
    .operands_max = 1,
    .description = "FILE is the 64 hexadecimal digits that name the sealed bytes, as in the audit\n"
                   "log. Backups made before still hold it.\n",
};
