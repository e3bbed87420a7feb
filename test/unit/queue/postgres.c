#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, TRIES = 1500, TRY_US = 20000 };

static bool find_programs(struct postgres *p)
{
	glob_t found = { .gl_pathc = 0 };
	bool is_found;

	(void)glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found);
	is_found = found.gl_pathc > 0;
	if (is_found) {
		(void)snprintf(p->bin, sizeof(p->bin), "%s",
			       found.gl_pathv[found.gl_pathc - 1]);
		*strrchr(p->bin, '/') = '\0';
	}
	globfree(&found);
	return is_found;
}

/* The server refuses to be root's. */
static void become_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 ||
			       setuid(NOBODY) < 0))
		_exit(71);
}

static pid_t spawn(const struct postgres *p, char *const argv[])
{
	char path[PATH_MAX];
	pid_t parent = getpid(), pid = fork();
	int out;

	if (pid < 0)
		abort();
	if (pid > 0)
		return pid;
	become_nobody();
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != parent || chdir(p->dir) < 0)
		_exit(71);
	out = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(71);
	(void)snprintf(path, sizeof(path), "%s/%s", p->bin, argv[0]);
	(void)execv(path, argv);
	_exit(127);
}

static void wait_until_up(const struct postgres *p)
{
	for (int i = 0; i < TRIES; i++) {
		if (PQping(p->uri) == PQPING_OK)
			return;
		(void)usleep(TRY_US);
	}
	abort();
}

static char *data_of(const struct postgres *p, char data[PATH_MAX])
{
	(void)snprintf(data, PATH_MAX, "%s/data", p->dir);
	return data;
}

void postgres_restart(struct postgres *p)
{
	char data[PATH_MAX];
	char *const argv[] = {
		(char[]){ "postgres" },
		(char[]){ "-D" },
		data_of(p, data),
		(char[]){ "-k" },
		p->dir,
		(char[]){ "-clisten_addresses=" },
		(char[]){ "-cshared_buffers=16MB" },
		(char[]){ "-cdynamic_shared_memory_type=mmap" },
		NULL,
	};

	p->pid = spawn(p, argv);
	wait_until_up(p);
}

static void make_cluster(struct postgres *p)
{
	char data[PATH_MAX];
	char *const argv[] = {
		(char[]){ "initdb" },
		(char[]){ "--no-sync" },
		(char[]){ "--no-locale" },
		(char[]){ "-EUTF8" },
		(char[]){ "-Atrust" },
		(char[]){ "-Uculver" },
		(char[]){ "-D" },
		data_of(p, data),
		NULL,
	};
	int status;

	if (waitpid(spawn(p, argv), &status, 0) < 0 || status != 0)
		abort();
}

bool postgres_start(struct postgres *p)
{
	if (!find_programs(p))
		return false;
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/culver-pg-XXXXXX");
	if (mkdtemp(p->dir) == NULL ||
	    (geteuid() == 0 && chown(p->dir, NOBODY, NOBODY) < 0))
		abort();
	(void)snprintf(p->uri, sizeof(p->uri),
		       "postgresql://culver@/postgres?host=%s", p->dir);
	make_cluster(p);
	postgres_restart(p);
	return true;
}

static void end(struct postgres *p, int signal)
{
	if (p->pid > 0) {
		(void)kill(p->pid, signal);
		(void)waitpid(p->pid, NULL, 0);
	}
	p->pid = 0;
}

void postgres_kill(struct postgres *p)
{
	end(p, SIGQUIT); /* the server's "immediate": as after a crash */
}

static int remove_one(const char *path, const struct stat *st, int kind,
		      struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	(void)remove(path);
	return 0;
}

void postgres_stop(struct postgres *p)
{
	end(p, SIGQUIT);
	(void)nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	p->uri[0] = '\0';
}

long postgres_run(const struct postgres *p, const char *sql)
{
	PGconn *conn = PQconnectdb(p->uri);
	PGresult *result;
	long number = 0;

	PQclear(PQexec(conn, "SET client_min_messages TO error"));
	result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK) {
		(void)fprintf(stderr, "%s", PQerrorMessage(conn));
		abort();
	}
	if (PQntuples(result) > 0)
		number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	PQfinish(conn);
	return number;
}
