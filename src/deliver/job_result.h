/* What became of one target of a job: the message to who asked, and the line in
 * the log. */
#ifndef DELIVER_JOB_RESULT_H
#define DELIVER_JOB_RESULT_H

#include "deliver/remote.h"
#include "proc/link.h"

/* is_attempt: ATTEMPT_RESULT, else DELIVER_RESULT of the target index. */
void job_result_send(struct link *to, bool is_attempt, uint64_t id,
		     size_t index, const struct remote_end *end);
void job_result_log(struct slice trace, struct target target, uint64_t begun_ms,
		    const struct remote_end *end);

#endif
