#include "conf/named_file.h"

#include "base/mem.h"
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_usual(const struct named_file *file)
{
	return file->setting[0] == '\0';
}

const char *named_file_path(const struct named_file *file)
{
	return is_usual(file) ? file->usual_path : file->setting;
}

bool named_file_read(const struct named_file *file, struct arena *arena,
		     struct conf_errors *errors, struct slice *ret_text)
{
	const char *path = named_file_path(file);
	struct slice text;
	int r = file_read(AT_FDCWD, path, file->limit_octets, &text, NULL);

	if (r == -ENOENT && is_usual(file)) {
		conf_errors_warn(errors, path, 0, NULL, "%s", file->if_missing);
		return false;
	}
	if (r < 0) {
		conf_errors_add(errors, path, 0, NULL, "cannot be read: %s",
				strerror(-r));
		return false;
	}
	*ret_text = arena_copy(arena, text);
	mem_free(&text.p);
	return true;
}
