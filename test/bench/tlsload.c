/*
 * tlsload: sessions with STARTTLS and nothing else, as fast as a server takes
 * them: greeting, EHLO, STARTTLS, a full handshake, EHLO, QUIT. Threads with
 * blocking sockets. Prints one line of JSON.
 *
 *   tlsload [-p PORT] [-n SESSIONS] [-c THREADS] [-2]
 *     -2  TLS 1.2
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLY = 4096, THREADS_MAX = 64 };

static struct {
	struct sockaddr_in server;
	SSL_CTX *tls;
	atomic_long left, done, failed;
} all;

struct session {
	int fd;
	SSL *tls;
};

/* A whole reply: its last line has a space after the code (RFC 5321 4.2.1). */
static bool has_reply(const struct session *s)
{
	char text[REPLY + 1], *line;
	size_t n = 0;

	while (n < REPLY) {
		ssize_t r = s->tls != NULL
				    ? SSL_read(s->tls, text + n, REPLY - (int)n)
				    : read(s->fd, text + n, REPLY - n);

		if (r <= 0)
			return false;
		n += (size_t)r;
		text[n] = '\0';
		if (text[n - 1] != '\n')
			continue;
		text[n - 1] = '\0';
		line = strrchr(text, '\n');
		line = line != NULL ? line + 1 : text;
		text[n - 1] = '\n';
		if (line[0] != '2' || line[3] == ' ')
			return line[0] == '2';
	}
	return false;
}

static bool say(const struct session *s, const char *command)
{
	size_t n = strlen(command);

	if (s->tls != NULL ? SSL_write(s->tls, command, (int)n) != (int)n
			   : write(s->fd, command, n) != (ssize_t)n)
		return false;
	return has_reply(s);
}

static bool visit(struct session *s)
{
	const int yes = 1;

	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(s->fd, (struct sockaddr *)&all.server, sizeof(all.server)) <
		    0 ||
	    !has_reply(s) || !say(s, "EHLO client.test\r\n") ||
	    !say(s, "STARTTLS\r\n"))
		return false;
	s->tls = SSL_new(all.tls);
	(void)SSL_set_fd(s->tls, s->fd);
	return SSL_connect(s->tls) == 1 && say(s, "EHLO client.test\r\n") &&
	       say(s, "QUIT\r\n");
}

static void *work(void *arg)
{
	while (atomic_fetch_sub(&all.left, 1) > 0) {
		struct session s = { .fd = -1 };
		bool ok = visit(&s);

		atomic_fetch_add(ok ? &all.done : &all.failed, 1);
		SSL_free(s.tls);
		(void)close(s.fd);
	}
	return arg;
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	long port = 25, count = 8;
	double begun;
	int c;

	all.tls = SSL_CTX_new(TLS_client_method());
	atomic_store(&all.left, 1000);
	while ((c = getopt(argc, argv, "p:n:c:2")) != -1) {
		if (c == 'p')
			port = strtol(optarg, NULL, 10);
		else if (c == 'n')
			atomic_store(&all.left, strtol(optarg, NULL, 10));
		else if (c == 'c')
			count = strtol(optarg, NULL, 10);
		else if (c == '2')
			(void)SSL_CTX_set_max_proto_version(all.tls,
							    TLS1_2_VERSION);
		else
			return 2;
	}
	count = count < THREADS_MAX ? count : THREADS_MAX;
	all.server.sin_family = AF_INET;
	all.server.sin_port = htons((uint16_t)port);
	all.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	begun = now_s();
	for (long i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 1;
	for (long i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
	(void)printf("{\"seconds\": %.4f, \"done\": %ld, \"failed\": %ld}\n",
		     now_s() - begun, atomic_load(&all.done),
		     atomic_load(&all.failed));
	SSL_CTX_free(all.tls);
	return 0;
}
