/* Shared by answer.c and answer_route.c: JSON of what the roles say. */
#ifndef CONTROL_ANSWER_PRIVATE_H
#define CONTROL_ANSWER_PRIVATE_H

#include "proc/wire.h"

#include <event2/buffer.h>
#include <jansson.h>

/* Text of any origin. What is not UTF-8 no JSON can hold: its high octets
 * become \xHH. */
json_t *answer_text(struct slice s);
json_t *answer_texts(struct slices list);
json_t *answer_number(uint64_t value);
/* Two digits for each octet. */
json_t *answer_hex(struct slice octets);

/* A line. Takes object over. */
void answer_put(struct evbuffer *out, json_t *object);
/* A line with one member; the same. */
void answer_put_one(struct evbuffer *out, const char *key, json_t *value);

#endif
