#include "conf/passwords.h"

#include "base/mem.h"
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { FILE_OCTETS = 4096 };

/* What is wrong with a file of that mode and text, or NULL. */
static const char *judge(const struct stat *st, struct slice text,
			 struct slice *ret_password)
{
	struct slice line, rest;

	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others than its owner may read or write it; chmod 0600";
	(void)slice_cut(text, '\n', &line, &rest);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n == 0)
		return "its first line has to be the password, and is empty";
	if (rest.n > 0)
		return "it has more than one line; the password is to be all "
		       "of it";
	if (line.n > PASSWORD_OCTETS)
		return "the password is too long; at most 255 octets";
	if (slice_has_control(line))
		return "the password has a control character in it";
	*ret_password = line;
	return NULL;
}

static struct slice read_one(const struct conf_smarthost *s,
			     struct conf_errors *errors)
{
	const char *path = s->password_file, *problem;
	struct slice text, password = S(""), copy = { NULL, 0 };
	struct stat st;
	char *octets;
	int r = file_read(AT_FDCWD, path, FILE_OCTETS, &text, &st);

	if (r < 0) {
		conf_errors_add(errors, path, 0, "password_file",
				"cannot be read: %s", strerror(-r));
		return copy;
	}
	problem = judge(&st, text, &password);
	if (problem != NULL) {
		conf_errors_add(errors, path, 0, "password_file", "%s",
				problem);
	} else {
		octets = mem_new(password.n);
		memcpy(octets, password.p, password.n);
		copy = (struct slice){ octets, password.n };
	}
	file_forget(&text);
	return copy;
}

struct slice *passwords_read(const struct conf *conf,
			     struct conf_errors *errors)
{
	struct slice *all = mem_array(conf->smarthost_count + 1, sizeof(*all));

	for (size_t i = 0; i < conf->smarthost_count; i++)
		if (conf->smarthosts[i].password_file[0] != '\0')
			all[i] = read_one(&conf->smarthosts[i], errors);
	return all;
}

void passwords_free(struct slice **passwords, const struct conf *conf)
{
	if (*passwords == NULL)
		return;
	for (size_t i = 0; i < conf->smarthost_count; i++)
		file_forget(&(*passwords)[i]);
	mem_free(passwords);
}
