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
        ui_json(json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:b, s:i}", "listen_host", c.listen_host,
                          "listen_port", (int)c.listen_port, "state", c.state, "max_file_bytes",
                          (json_int_t)c.max_file_bytes, "mailbox_quota_bytes",
                          (json_int_t)c.mailbox_quota_bytes, "store_quota_bytes",
                          (json_int_t)c.store_quota_bytes, "anonymous_send", (int)c.anonymous_send,
                          "idle_timeout_s", (int)c.idle_timeout_s));
    } else if (code == CLI_OK) {
        ui_say("the configuration is good");
    }
    return code;
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

const cli_command cmd_relay = {
    .name = "relay",
    .summary = "store sealed files for others, without being able to read them",
    .options = run_options,
    .run = run,
    .description =
        "Runs until SIGTERM or SIGINT and lets running requests end. Prints its address, which\n"
        "holds the hash of the key that it makes at its first start: give this line to those who\n"
        "send and receive. Everything it keeps is in the folder named by state; a second relay\n"
        "cannot use the same folder at the same time.\n",
    .examples = "  medveil relay --config relay.ini\n"
                "  medveil relay check-config --config relay.ini\n",
};

const cli_command cmd_relay_check = {
    .name = "relay check-config",
    .summary = "say whether a relay's configuration is good",
    .options = check_options,
    .run = check,
};
