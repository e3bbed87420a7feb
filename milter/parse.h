/*
 * One packet's data into typed values: what the reader (wire.h) does once a
 * packet is complete. Internal to this folder.
 */
#ifndef MILTER_PARSE_H
#define MILTER_PARSE_H

#include "milter/wire.h"

/* Whether there is such a reply; OPTNEG's answer is none. */
bool milter_code_is_known(unsigned char code);

/* data is all that follows the code. Views of data, or in arena. Returns
 * false, and the reason in *ret_problem (a literal), if it breaks the rules;
 * then *ret_reply is as it was. Not for REPLBODY. */
bool milter_reply_parse(enum milter_code code, struct slice data,
			struct arena *arena, struct milter_reply *ret_reply,
			struct slice *ret_problem);

/* OPTNEG's answer, symbol lists and all; as above. */
bool milter_options_parse(struct slice data, struct milter_options *ret_options,
			  struct slice *ret_problem);

/* A string up to its NUL, which is taken too; all there is if the NUL is
 * missing: it is harmless at the end of a packet. */
struct slice milter_parse_string(struct slice *data);
/* Returns false if there are not four octets. */
bool milter_parse_u32(struct slice *data, uint32_t *ret_value);

#endif
