/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h: one row of the command table per command; each is defined in its cmd_*.c.
 */
#ifndef MV_CLI_COMMANDS_H
#define MV_CLI_COMMANDS_H

#include "cli.h"

extern const cli_command cmd_demo;
extern const cli_command cmd_deidentify;
extern const cli_command cmd_encrypt;
extern const cli_command cmd_decrypt;
extern const cli_command cmd_model_list;
extern const cli_command cmd_model_install;
extern const cli_command cmd_bench;
extern const cli_command cmd_compare;
extern const cli_command cmd_phantom;
extern const cli_command cmd_keygen;
extern const cli_command cmd_passphrase;
extern const cli_command cmd_card_show;
extern const cli_command cmd_card_add;
extern const cli_command cmd_card_list;
extern const cli_command cmd_collection_new;
extern const cli_command cmd_collection_add;
extern const cli_command cmd_collection_rotate;
extern const cli_command cmd_collection_show;
extern const cli_command cmd_collection_public;
extern const cli_command cmd_card_remove;
extern const cli_command cmd_card_renew;
extern const cli_command cmd_card_revoke;
extern const cli_command cmd_inspect;
extern const cli_command cmd_verify;
extern const cli_command cmd_relay;
extern const cli_command cmd_relay_check;
extern const cli_command cmd_relay_backup;
extern const cli_command cmd_relay_restore;
extern const cli_command cmd_relay_erase;
extern const cli_command cmd_audit_verify;
extern const cli_command cmd_send;
extern const cli_command cmd_receive;
extern const cli_command cmd_live_send;
extern const cli_command cmd_live_receive;
extern const cli_command cmd_live_open;
extern const cli_command cmd_queue_status;
extern const cli_command cmd_queue_run;
extern const cli_command cmd_queue_pause;
extern const cli_command cmd_queue_resume;
extern const cli_command cmd_queue_cancel;
extern const cli_command cmd_train;
extern const cli_command cmd_eval;
extern const cli_command cmd_gallery_new;
extern const cli_command cmd_gallery_add;
extern const cli_command cmd_gallery_remove;
extern const cli_command cmd_gallery_learn;
extern const cli_command cmd_gallery_repack;
extern const cli_command cmd_search;
extern const cli_command cmd_atlas_new;
extern const cli_command cmd_atlas_query;
extern const cli_command cmd_atlas_run;
extern const cli_command cmd_atlas_answer;
extern const cli_command cmd_classify;
extern const cli_command cmd_classify_key;
extern const cli_command cmd_classify_query;
extern const cli_command cmd_classify_run;
extern const cli_command cmd_classify_answer;
extern const cli_command cmd_classify_plain;
extern const cli_command cmd_export_head;
extern const cli_command cmd_features_plan;
extern const cli_command cmd_features_make;
extern const cli_command cmd_features_take;
extern const cli_command cmd_add;
extern const cli_command cmd_features_open;
extern const cli_command cmd_version;

#endif
