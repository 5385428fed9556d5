/* connectors/file/file_chain.h - the chain file beside a sink's output: which log, topic and
 * generation it was written from, so that no other one is ever mixed in.
 *
 *   .millrace-chain-<topic>-<partition>        (directory form)   .<name>.chain   (one-file form)
 *   {"log":"..","topic_id":"..","topic":"..","partition":0,"partitions":1,"generation":1}
 *
 * Beside it lies its lock, "<chain file>.lock", held while the sink is open.
 * Order: the chain file is durable before the first byte of output; a reset removes the output
 * durably before the chain file. So output without a chain file was never written by a sink.
 * Thread: as the sink's.
 */
#pragma once

#include "connectors/api/connector.h"

typedef enum mr_file_chain_found {
    MR_FILE_CHAIN_NONE,  /* nothing was written here */
    MR_FILE_CHAIN_SAME,  /* by this log, topic and generation */
    MR_FILE_CHAIN_OLDER, /* by an older generation: a reset is not finished */
} mr_file_chain_found;

/* Locks the chain. MR_CONNECTOR_INVALID: another process holds it. */
mr_connector_result mr_file_chain_lock(const mr_connector_host *host, const char *path,
                                       mr_connector_file **lock_out, char *err, size_t err_bytes);
/* For sink_open. MR_CONNECTOR_INVALID: another chain; the message names both and the way out. Never
 * OLDER. */
mr_connector_result mr_file_chain_check(const mr_connector_host *host, const char *path,
                                        const mr_connector_chain *chain, mr_file_chain_found *found,
                                        char *err, size_t err_bytes);
/* For sink_reset: only log and topic name must agree. */
mr_connector_result mr_file_chain_check_reset(const mr_connector_host *host, const char *path,
                                              const mr_connector_chain *chain,
                                              mr_file_chain_found *found, char *err,
                                              size_t err_bytes);
/* Makes the chain file, durably; it must not be there. */
mr_connector_result mr_file_chain_write(const mr_connector_host *host, const char *path,
                                        const mr_connector_chain *chain, char *err,
                                        size_t err_bytes);
/* Removes it, durably; missing is fine. */
mr_connector_result mr_file_chain_remove(const mr_connector_host *host, const char *path, char *err,
                                         size_t err_bytes);
/* Removes a name; missing is fine. Not durable before a sync of its directory. */
mr_connector_result mr_file_remove_if_there(const mr_connector_host *host, const char *path,
                                            char *err, size_t err_bytes);
/* size_bytes: set when it is there; may be NULL. */
mr_connector_result mr_file_is_there(const mr_connector_host *host, const char *path, int *there,
                                     uint64_t *size_bytes, char *err, size_t err_bytes);
