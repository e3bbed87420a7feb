#include "queue/fresh.h"

#include "base/mem.h"

void fresh_add(struct fresh *f, uint64_t queue_id, int fd)
{
	if (f->count == FRESH_MAX) {
		fd_close(&fd);
		return;
	}
	f->contents[f->count].queue_id = queue_id;
	f->contents[f->count++].fd = fd;
}

int fresh_take(struct fresh *f, uint64_t queue_id)
{
	for (size_t i = 0; i < f->count; i++) {
		int fd = f->contents[i].fd;

		if (f->contents[i].queue_id != queue_id)
			continue;
		f->contents[i].fd = -1;
		return fd;
	}
	return -1;
}

void fresh_clear(struct fresh *f)
{
	for (size_t i = 0; i < f->count; i++)
		fd_close(&f->contents[i].fd);
	f->count = 0;
}
